"""The application under the system tests: ``python system_app.py '{"fast": true, "shutdown_timeout": 2}'``.

Handlers that report do so over HTTP (``/state``) or in their replies, never by being looked into.
"""

import asyncio
import gc
import json
import os
import sys
from collections import Counter
from typing import Any

from proapi import ProAPI, WebSocketConnection, WebSocketDisconnect

app = ProAPI()
running: Counter[str] = Counter()
ended: Counter[str] = Counter()


@app.websocket("/echo")
async def echo(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    running["echo"] += 1
    try:
        async for message in websocket:
            await (websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message))
    finally:
        running["echo"] -= 1
        ended["echo"] += 1


@app.websocket("/kinds")
async def kinds(websocket: WebSocketConnection) -> None:
    """Text, bytes and JSON in turn."""
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.send_json(await websocket.receive_json())


@app.websocket("/fork/{how}")
async def fork(websocket: WebSocketConnection, how: str) -> None:
    """The child leaves by an exception, which asyncio takes for the end, or goes on as if it served."""
    await websocket.accept()
    child = os.fork()
    if child == 0:
        if how == "exit":
            sys.exit(0)
        return
    await asyncio.to_thread(os.waitpid, child, 0)
    await websocket.send_text("the child has gone")
    async for message in websocket:
        await websocket.send_text(str(message))


@app.websocket("/wait_for/{how}")
async def wait_for(websocket: WebSocketConnection, how: str) -> None:
    """Receives with a time limit that the client chooses for each message by what it has sent last (microseconds);
    answers each message, in order, with the number of cancellations so far."""
    await websocket.accept()
    cancelled, limit_s = 0, 0.0
    try:
        while True:
            try:
                if how == "wait_for":
                    message = await asyncio.wait_for(websocket.receive_text(), limit_s)
                else:
                    async with asyncio.timeout(limit_s):
                        message = await websocket.receive_text()
            except TimeoutError:
                cancelled += 1
                # A limit that is over already would never let the loop turn.
                limit_s = max(limit_s, 20e-6)
                continue
            number, microseconds = message.split()
            limit_s = int(microseconds) / 1e6
            await websocket.send_text(f"{number} {cancelled}")
    except WebSocketDisconnect:
        ended["wait_for"] += 1


@app.websocket("/stubborn")
async def stubborn(websocket: WebSocketConnection) -> None:
    """Ignores every cancellation."""
    await websocket.accept()
    await websocket.send_text("ready")
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended["ignored cancellation"] += 1


@app.websocket("/lingering")
async def lingering(websocket: WebSocketConnection) -> None:
    """Ends only when it is cancelled."""
    await websocket.accept()
    await websocket.send_text("ready")
    try:
        await asyncio.Event().wait()
    finally:
        print("lingering: cancelled", flush=True)


@app.get("/state")
async def state(request: Any) -> dict[str, Any]:
    gc.collect()
    return {
        "running": dict(running),
        "ended": dict(ended),
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "tasks": len(asyncio.all_tasks()),
    }


if __name__ == "__main__":
    app.run(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))
