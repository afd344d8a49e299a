"""The application behind the documented proxies. Takes settings as JSON: ``python proxied_app.py '{"backlog":
10}'``."""

import asyncio
import hashlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from proapi import ProAPI, Request, StreamingResponse, WebSocketConnection

app = ProAPI()
app.state.body_octets = 0
ends: defaultdict[str, asyncio.Future[list[Any]]] = defaultdict(lambda: asyncio.get_running_loop().create_future())
more = asyncio.Event()


@app.websocket("/ws")
async def echo(websocket: WebSocketConnection) -> None:
    await websocket.accept(subprotocol="chat" if "chat" in websocket.subprotocols else None)
    try:
        while True:
            message = await websocket.receive()
            await (websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message))
    finally:
        if name := websocket.query_params.get("name"):
            ends[name].set_result([websocket.close_code, websocket.close_reason])


@app.websocket("/who")
async def who(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    await websocket.send_json({"client": websocket.client, "url": websocket.url})


@app.websocket("/close/{code:int}")
async def close(websocket: WebSocketConnection, code: int) -> None:
    await websocket.accept()
    await websocket.close(code, "as it was asked")


@app.websocket("/reject")
async def reject(websocket: WebSocketConnection) -> None:
    await websocket.reject(401, "Log in first.\n", {"X-Why": "no token"})


@app.get("/end/{name}")
async def end(name: str) -> list[Any]:
    """Waits for the end of the connection at /ws?name=NAME, and returns its code and reason."""
    return await ends[name]


@app.get("/request")
async def request(request: Request) -> dict[str, Any]:
    return {"headers": dict(request.headers), "client": request.client, "url": request.url}


@app.get("/counts")
async def counts() -> dict[str, Any]:
    return {**app.counts, "body_octets": app.state.body_octets}


@app.get("/pid")
async def pid() -> list[int]:
    return [os.getpid()]


@app.post("/digest")
async def digest(request: Request) -> str:
    found = hashlib.sha256()
    async for part in request.stream():
        app.state.body_octets += len(part)
        found.update(part)
    return found.hexdigest()


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            await more.wait()
            more.clear()
            yield f"part {number}\n"

    return StreamingResponse(parts(), media_type="text/plain")


@app.post("/more")
async def send_more() -> None:
    more.set()


if __name__ == "__main__":
    app.run(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))
