// The echo that bench/echo.py measures beside ours: Node.js with the `ws` package.
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(new URL("../tests/contract/", import.meta.url))("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });
server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
