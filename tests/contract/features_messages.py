"""The routes of the contract application whose messages are dispatched by their name. The C++ twin is
features_messages.cpp."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from proapi import EventError, HTTPException, ProAPI, WebSocketConnection


@dataclass
class Draw:
    x: int
    y: int


def register_messages(app: ProAPI) -> None:
    left: list[str] = []

    @app.events("/features/board/{room}")
    async def board(websocket: WebSocketConnection, room: str) -> AsyncIterator[None]:
        if room == "locked":
            raise HTTPException(403, "The room is locked.")
        websocket.state["room"] = room
        try:
            yield
        finally:
            left.append(room)

    @board.on("draw")
    async def draw(websocket: WebSocketConnection, what: Draw) -> None:
        await websocket.send_json(["draw", what.x, what.y])

    @board.on("room")
    async def room(websocket: WebSocketConnection) -> str:
        return str(websocket.state["room"])

    @board.on("refuse")
    async def refuse() -> None:
        raise EventError("no such room")

    @board.on("fail")
    async def fail() -> None:
        raise LookupError("asked to fail")

    @app.get("/features/board-left")
    async def who_has_left() -> list[str]:
        return left

    @app.events("/features/rpc", tag="method", data="params", batch=True)
    async def rpc(websocket: WebSocketConnection) -> None: ...

    @rpc.reply
    def reply(id: Any, result: Any) -> Any:
        return {"jsonrpc": "2.0", "id": id, "result": result}

    @rpc.error
    def error(id: Any, error: EventError) -> Any:
        return {"jsonrpc": "2.0", "id": id, "error": error.kind}

    @rpc.on("subtract")
    async def subtract(minuend: int, subtrahend: int) -> int:
        return minuend - subtrahend

    @app.events("/features/strict", invalid="close")
    async def strict(websocket: WebSocketConnection) -> None: ...

    @strict.on("draw")
    async def draw_strictly(what: Draw) -> int:
        return what.x
