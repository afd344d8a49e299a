"""The echo program on Starlette: `uvicorn starlette_echo:app`. The same handler, except that it must catch
WebSocketDisconnect."""

import contextlib

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def websocket_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await websocket.receive_text()
            await websocket.send_text(f"Echo: {message}")


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello")


app = Starlette(routes=[WebSocketRoute("/ws", websocket_handler), Route("/", hello)])
