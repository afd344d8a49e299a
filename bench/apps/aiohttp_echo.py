"""The echo program on aiohttp and uvloop, which serves at PROAPI_PORT. aiohttp compresses for clients that offer it."""

import os

import uvloop
from aiohttp import web


async def websocket_handler(request: web.Request) -> web.WebSocketResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        await websocket.send_str(f"Echo: {message.data}")
    return websocket


app = web.Application()
app.router.add_get("/ws", websocket_handler)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PROAPI_PORT"]), print=None, loop=uvloop.new_event_loop())
