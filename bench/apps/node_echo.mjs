// The echo program on Node.js: node_echo.mjs PORT. It uses the `ws` package that tests/contract installs.
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(new URL("../../tests/contract/", import.meta.url))("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });
server.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(`Echo: ${data}`));
});
