"""The echo program on Starlette: `uvicorn starlette_echo:app`. The same handler, except that it must catch
WebSocketDisconnect."""

import contextlib

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def websocket_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await websocket.receive_text()
            await websocket.send_text(f"Echo: {message}")


app = Starlette(routes=[WebSocketRoute("/ws", websocket_handler)])
