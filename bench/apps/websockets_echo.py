"""The echo program on `websockets` and uvloop, which serves at PROAPI_PORT. It compresses for clients that offer it."""

import os

import uvloop
from websockets.asyncio.server import ServerConnection, serve


async def websocket_handler(websocket: ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(f"Echo: {message}")


async def main() -> None:
    async with serve(websocket_handler, "127.0.0.1", int(os.environ["PROAPI_PORT"])) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
