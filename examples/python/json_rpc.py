"""JSON-RPC 2.0 over a WebSocket (https://www.jsonrpc.org/specification): calls, notifications, batches, errors.

Functions take parameters by name or by position. Without an id a message is a notification and gets no answer.
"""

import asyncio
from typing import Any

from proapi import EventError, ProAPI, WebSocket

app = ProAPI()

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
CODES = {"unknown": METHOD_NOT_FOUND, "invalid": INVALID_PARAMS, "failed": INTERNAL_ERROR}
REFUSED = -32000  # what a function raises as EventError; the first code that is left to servers


@app.events("/rpc", tag="method", data="params", batch=True)
async def rpc(websocket: WebSocket) -> None:
    """Accepts everybody."""


@rpc.reply
def reply(id: Any, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": result, "id": id}


@rpc.error
def error(id: Any, error: EventError) -> dict[str, Any] | None:
    if error.kind == "malformed":
        is_json = error.errors[0]["type"] != "json_invalid"
        code = INVALID_REQUEST if is_json else PARSE_ERROR
    elif id is None:
        return None  # a notification
    else:
        code = CODES.get(error.kind, REFUSED)
    return {"jsonrpc": "2.0", "error": {"code": code, "message": str(error)}, "id": id}


@rpc.on
async def subtract(minuend: float, subtrahend: float) -> float:
    return minuend - subtrahend


@rpc.on("sum")
async def add(a: float, b: float = 0, c: float = 0) -> float:
    return a + b + c


@rpc.on
async def divide(dividend: float, divisor: float) -> float:
    if divisor == 0:
        raise EventError("the divisor is 0")
    return dividend / divisor


@rpc.on
async def get_data() -> list[Any]:
    return ["hello", 5]


@rpc.on
async def notify_hello(number: int) -> None:
    print(f"hello {number}", flush=True)


@rpc.on
async def countdown(websocket: WebSocket, seconds: int) -> None:
    """The server may call too: it notifies the client once a second, while other calls are answered."""

    async def count() -> None:
        for left in range(seconds, -1, -1):
            await websocket.send_json({"jsonrpc": "2.0", "method": "left", "params": [left]})
            await asyncio.sleep(1)

    websocket.spawn(count())


if __name__ == "__main__":
    app.run(fast=True)
