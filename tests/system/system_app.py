"""The application of the system tests: ``python system_app.py '{"fast": true, "shutdown_timeout": 2}'``.

Tests read the state of its handlers only over HTTP (``/state``) or from their replies.
"""

import asyncio
import gc
import json
import multiprocessing
import os
import signal
import sys
import time
import zlib
from collections import Counter
from typing import Any

from proapi import HTTPException, ProAPI, WebSocketConnection, WebSocketDisconnect

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


async def give_back(websocket: WebSocketConnection, message: str | bytes) -> None:
    await (websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message))


async def kinds(websocket: WebSocketConnection) -> None:
    """Echoes text, bytes and JSON in turn."""
    while True:
        await websocket.send_text(await websocket.receive_text())
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.send_json(await websocket.receive_json())


async def receive(websocket: WebSocketConnection) -> None:
    while True:
        await give_back(websocket, await websocket.receive())


async def loop(websocket: WebSocketConnection) -> None:
    async for message in websocket:
        await give_back(websocket, message)


async def iter_text(websocket: WebSocketConnection) -> None:
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def iter_bytes(websocket: WebSocketConnection) -> None:
    async for octets in websocket.iter_bytes():
        await websocket.send_bytes(octets)


async def iter_json(websocket: WebSocketConnection) -> None:
    async for value in websocket.iter_json():
        await websocket.send_json(value)


async def cancelled(websocket: WebSocketConnection) -> None:
    """Each message is a number. Before it is echoed, that many receives time out."""
    at_once_s = 1e-6
    async for message in websocket.iter_text():
        for _ in range(int(message)):
            try:
                await asyncio.wait_for(websocket.receive(), at_once_s)
            except TimeoutError:
                continue
            raise AssertionError("a message came before the last was given back")
        await websocket.send_text(message)


async def waiting(websocket: WebSocketConnection) -> None:
    """Each message is a number. Before it is echoed, that many messages are sent, each of which exceeds high_water."""
    async for message in websocket.iter_text():
        for _ in range(int(message)):
            sending = websocket.send_bytes(ABOVE_HIGH_WATER)
            assert websocket.buffered_amount > HIGH_WATER
            await sending
        await websocket.send_text(message)


ABOVE_HIGH_WATER = bytes(2000)
HIGH_WATER = 1000
WAYS = {way.__name__: way for way in (kinds, receive, loop, iter_text, iter_bytes, iter_json, cancelled, waiting)}


@app.websocket("/ways/{name}", high_water=HIGH_WATER, low_water=HIGH_WATER // 2)
async def ways(websocket: WebSocketConnection, name: str) -> None:
    """Every way to receive and to send, on a connection whose references ``/state`` counts."""
    await websocket.accept()
    looked_at["the connection"] = websocket
    await WAYS[name](websocket)


looked_at: dict[str, Any] = {"None": None, "True": True, "False": False, "WebSocketConnection": WebSocketConnection}


def references() -> dict[str, int]:
    """Counts the references to objects that all messages share: singletons, the connection, its type, the types of
    awaitables, and the futures that wake tasks."""
    types = {each.__name__: each for each in object.__subclasses__() if each.__module__ == "proapi._engine"}
    futures = [each for each in gc.get_objects() if type(each) is asyncio.Future and each.done()]
    return {
        **{name: sys.getrefcount(each) for name, each in (looked_at | types).items()},
        "done futures": sum(map(sys.getrefcount, futures)),
    }


@app.post("/checksum")
async def checksum(request: Any) -> str:
    return str(zlib.crc32(await request.body()))


@app.get("/fork_in_a_thread/{how}")
def fork_in_a_thread(how: str) -> str:
    """The child returns into a thread of the parent's server."""
    child = os.fork()
    if child == 0:
        if how == "exit":
            sys.exit(3)
        if how == "raise":
            raise HTTPException(418)
        return "the child answers"
    return f"the child ended with {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}"


def wait_for_the_end() -> None:
    while True:
        time.sleep(60)


@app.get("/terminated_child")
async def terminated_child() -> str:
    """A child of multiprocessing, which ends it with SIGTERM and then waits for it."""
    child = multiprocessing.get_context("fork").Process(target=wait_for_the_end)
    child.start()
    child.terminate()
    await asyncio.to_thread(child.join)
    return f"the child ended with {child.exitcode}"


@app.get("/kept_child")
async def kept_child() -> str:
    """Forks a child that lives until it is killed. Returns its pid."""
    child = multiprocessing.get_context("fork").Process(target=wait_for_the_end)
    child.start()
    return str(child.pid)


@app.get("/worker")
async def worker() -> str:
    return str(os.getpid())


@app.get("/interrupted_child")
async def interrupted_child() -> str:
    """Starts another program, which SIGINT ends unless SIGINT is ignored."""
    child = await asyncio.create_subprocess_exec("sleep", "60")
    child.send_signal(signal.SIGINT)
    return f"the child ended with {await child.wait()}"


@app.websocket("/forks")
async def forks(websocket: WebSocketConnection) -> None:
    """Forks at every message. The child returns from the handler as if it served."""
    await websocket.accept()
    async for _ in websocket:
        child = os.fork()
        if child == 0:
            return
        os.waitpid(child, 0)
        await websocket.send_text("the child has gone")


@app.get("/fork_in_a_callback")
async def fork_in_a_callback() -> str:
    """Forks in a callback of the loop, outside of any handler's task."""
    children: asyncio.Queue[int] = asyncio.Queue()

    def fork() -> None:
        if child := os.fork():
            children.put_nowait(child)

    asyncio.get_running_loop().call_soon(fork)
    _, status = await asyncio.to_thread(os.waitpid, await children.get(), 0)
    return f"the child ended with {os.waitstatus_to_exitcode(status)}"


@app.websocket("/fork_before_accept")
async def fork_before_accept(websocket: WebSocketConnection) -> None:
    """The child returns from the handler, and would refuse the handshake."""
    child = os.fork()
    if child == 0:
        return
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    await websocket.accept()
    await websocket.send_text(f"the child ended with {os.waitstatus_to_exitcode(status)}")


@app.websocket("/fork/{how}")
async def fork(websocket: WebSocketConnection, how: str) -> None:
    """The child exits by an exception, which ends the asyncio loop, or returns as if it served."""
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
    """Receives with a time limit. Each message of the client sets the limit for the next one, in microseconds. Answers
    each message, in order, with the number of cancellations so far."""
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
                # With a limit of 0 the loop would never run.
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
    """Sees the end of its connection, but ends only when it is cancelled."""
    await websocket.accept()
    await websocket.send_text("ready")
    async for _ in websocket:
        pass
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
        "references": references(),
        "blocks": sys.getallocatedblocks(),
        "tasks": len(asyncio.all_tasks()),
    }


if __name__ == "__main__":
    app.run(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))
