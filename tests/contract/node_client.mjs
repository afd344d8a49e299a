// A WebSocket client on the npm package ws, driven by one JSON line on stdin:
//   {"url": ..., "subprotocols": [...], "headers": {...}, "send": [{"text": ...} | {"hex": ...}], "receive": n,
//    "close": code, "reason": ..., "deflate": true}
// It sends all messages, waits for n, closes, and prints one JSON line with what it has seen.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const [line] = await new Promise((resolve) => {
  const lines = [];
  createInterface({ input: process.stdin }).on('line', (one) => lines.push(one)).on('close', () => resolve(lines));
});
const task = JSON.parse(line);
const seen = { messages: [], pings: 0, subprotocol: null, close: null, error: null };

const socket = new WebSocket(task.url, task.subprotocols ?? [], {
  headers: task.headers,
  perMessageDeflate: task.deflate ? { threshold: 0 } : false,
});
const finish = () => {
  if (seen.messages.length === task.receive && task.close) socket.close(task.close, task.reason);
};

socket.on('open', () => {
  seen.subprotocol = socket.protocol;
  seen.extensions = socket.extensions;
  for (const message of task.send ?? []) {
    socket.send('text' in message ? message.text : Buffer.from(message.hex, 'hex'));
  }
  finish();
});
socket.on('message', (data, isBinary) => {
  seen.messages.push(isBinary ? { hex: data.toString('hex') } : { text: data.toString() });
  finish();
});
socket.on('ping', () => { seen.pings += 1; });
socket.on('unexpected-response', (request, response) => {
  seen.status = response.statusCode;
  console.log(JSON.stringify(seen));
  request.destroy();
});
socket.on('error', (error) => { seen.error = error.message; });
socket.on('close', (code, reason) => {
  seen.close = [code, reason.toString()];
  console.log(JSON.stringify(seen));
});
