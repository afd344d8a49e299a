"""Handlers that are cancelled when their client leaves, and handlers that ask whether it has: in every mode, and in two
ASGI servers.

Python only. The programs report at /seen what has happened.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from front_ends import PLACE, Program
from promises import promise
from raw import CLOSE, TEXT, Peer, WebSocket, close_frame, frame, http, request, upgrade

pytestmark = pytest.mark.plain("starts programs of its own")

PROGRAM = """
import asyncio
import sys
from collections import Counter
from proapi import ProAPI, StreamingResponse

app = ProAPI(shutdown_timeout=30)
seen = Counter()
plain_may_end = asyncio.Event()

async def wait_for_ever(what):
    seen[f"{what} begins"] += 1
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        seen[f"{what} is cancelled"] += 1
        raise

@app.websocket("/saves/{way}", cancel_on_disconnect=True)
async def saves(websocket, way):
    await websocket.accept()
    try:
        if way == "iterates":
            async for _ in websocket:
                pass
        elif way == "receives":
            await websocket.receive_text()
        else:  # above high water: a send that waits for the client
            await websocket.send_text("ready")
            while True:
                await websocket.send_bytes(bytes(1 << 20))
    finally:
        await asyncio.sleep(0.05)
        seen[f"saved what it {way}"] += 1

@app.get("/seen")
async def what_was_seen():
    return dict(seen)

@app.websocket("/watch", cancel_on_disconnect=True)
async def watch(websocket):
    await websocket.accept()
    await websocket.send_text("ready")
    await wait_for_ever("watch")

@app.websocket("/before", cancel_on_disconnect=True)
async def before(websocket):
    await wait_for_ever("before")

@app.websocket("/plain")
async def plain(websocket):
    await websocket.accept()
    await websocket.wait_closed()
    seen["plain is told"] += 1
    try:
        await plain_may_end.wait()
    except asyncio.CancelledError:
        seen["plain is cancelled"] += 1
        raise

@app.get("/end-plain")
async def end_plain():
    plain_may_end.set()

@app.websocket("/push", cancel_on_disconnect=True)
async def push(websocket):
    await websocket.accept()
    async def tick():
        try:
            while True:
                await websocket.send_text("tick")
                await asyncio.sleep(0.01)
        finally:
            seen["push has ended"] += 1
    async with asyncio.TaskGroup() as group:
        group.create_task(tick())

@app.websocket("/closes", cancel_on_disconnect=True)
async def closes(websocket):
    await websocket.accept()
    await websocket.close(4000)
    await websocket.wait_closed()
    await asyncio.sleep(0.05)
    seen["closes has done its work"] += 1

@app.websocket("/kicked", cancel_on_disconnect=True)
async def kicked(websocket):
    await websocket.accept()
    asyncio.get_running_loop().call_later(0.01, websocket.close, 4003)
    await wait_for_ever("kicked")

@app.route("/poll", methods=["GET", "POST"], cancel_on_disconnect=True)
async def poll(request):
    await wait_for_ever("poll")

@app.get("/quick", cancel_on_disconnect=True)
async def quick():
    await asyncio.sleep(0)
    return "quick"

@app.get("/ask")
async def ask(request):
    seen["ask begins"] += 1
    while not await request.is_disconnected():
        pass
    seen["ask is told"] += 1
    return "too late"

@app.get("/stays")
async def stays(request):
    return {"disconnected": [await request.is_disconnected() for _ in range(3)]}

@app.get("/stream", cancel_on_disconnect=True)
async def stream():
    async def parts():
        yield "part"
        await wait_for_ever("stream")
    return StreamingResponse(parts())

if __name__ == "__main__":
    app.run(port=0, **eval(sys.argv[1]))
"""
WITHIN_S = 10.0
COMMANDS = {
    "standard": (["main.py", "{}"], 0),
    "fast": (["main.py", "dict(fast=True)"], 0),
    "uvloop": (["main.py", "dict(loop='uvloop')"], 0),
    "uvicorn": (["-m", "uvicorn", "--port", "0", "--timeout-graceful-shutdown", "30", "main:app"], -signal.SIGTERM),
    "hypercorn": (["-m", "hypercorn", "--workers", "0", "--bind", "127.0.0.1:0", "main:app"], 0),
}
Leave = Callable[[Peer], object]


class Served:
    def __init__(self, mode: str, program: Program) -> None:
        self.mode = mode
        self.program = program
        self.port = int(program.wait_for_line(PLACE, 20)[1])

    def seen(self, what: str) -> int:
        return int(http(self.port, "GET", "/seen").json().get(what, 0))

    def wait(self, what: str, count: int) -> None:
        until = time.monotonic() + WITHIN_S
        while (seen := self.seen(what)) < count:
            assert time.monotonic() < until, f"{what!r}: expected {count} times, got {seen}\n{self.program.log}"
        assert seen == count

    def stop(self) -> None:
        self.program.signal(signal.SIGTERM)
        assert self.program.wait(WITHIN_S) == COMMANDS[self.mode][1], self.program.log


@pytest.fixture(scope="module", params=list(COMMANDS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with started(request.param, tmp_path_factory.mktemp("disconnect")) as each:
        served = Served(request.param, each)
        yield served
        served.stop()
        for line in each.lines:
            assert "Traceback" not in line, each.log
            assert "ERROR" not in line, each.log
            assert "cancelled" not in line, each.log


def started(mode: str, folder: Path) -> Program:
    (folder / "main.py").write_text(PROGRAM)
    return Program([sys.executable, *COMMANDS[mode][0]], cwd=folder)


def send_close(peer: Peer) -> None:
    """Sends only a Close; the TCP connection stays open."""
    peer.send(close_frame(4100))


def end_sending(peer: Peer) -> None:
    peer.end_sending()


def reset(peer: Peer) -> None:
    peer.reset()


def disconnect(peer: Peer) -> None:
    peer.disconnect()


LEAVINGS = [send_close, end_sending, reset, disconnect]
# How much an ASGI server reads from a client that has left is up to that server.
of_the_engine = pytest.mark.parametrize("served", ["standard", "fast", "uvloop"], indirect=True)


@promise("cancel-websocket-handler")
@pytest.mark.parametrize("leave", LEAVINGS)
def test_a_websocket_handler_is_cancelled(served: Served, leave: Leave) -> None:
    before = served.seen("watch is cancelled")
    with WebSocket(served.port, "/watch") as websocket:
        assert websocket.receive() == "ready"
        leave(websocket)
        served.wait("watch is cancelled", before + 1)
        if leave is send_close:
            answer = websocket.read_frame()
            assert (answer.opcode, int.from_bytes(answer.payload[:2], "big")) == (CLOSE, 4100)


@promise("cancel-websocket-handler")
@of_the_engine
@pytest.mark.parametrize("leave", LEAVINGS[1:])
def test_a_handler_that_reads_nothing_before_the_end(served: Served, leave: Leave) -> None:
    """The peer sends more than the server takes in for the handler."""
    before = served.seen("watch is cancelled")
    with WebSocket(served.port, "/watch") as websocket:
        assert websocket.receive() == "ready"
        websocket.send(frame(TEXT, b"unread") * 1000)
        leave(websocket)
        served.wait("watch is cancelled", before + 1)


@promise("cancel-websocket-handler")
def test_before_it_has_accepted(served: Served) -> None:
    expect_that_it_is_cancelled_before_accept(served, b"")


@promise("cancel-websocket-handler")
@of_the_engine
@pytest.mark.parametrize("early", [b"\x00", frame(TEXT, b"early") * 1000])
def test_before_it_has_accepted_and_read_anything(served: Served, early: bytes) -> None:
    expect_that_it_is_cancelled_before_accept(served, early)


def expect_that_it_is_cancelled_before_accept(served: Served, early: bytes) -> None:
    begun, cancelled = served.seen("before begins"), served.seen("before is cancelled")
    with Peer(served.port) as peer:
        peer.send(upgrade("/before"))
        served.wait("before begins", begun + 1)
        peer.send(early)
        peer.disconnect()
        served.wait("before is cancelled", cancelled + 1)


@promise("cancel-websocket-handler")
@of_the_engine
def test_a_handler_whose_client_left_before_it_begins(served: Served) -> None:
    with Peer(served.port) as peer:
        peer.send(upgrade("/before") + frame(TEXT, b"early") * 1000)
        peer.end_sending()
        peer.expect_end()
    # asyncio does not start a task that is cancelled before its first step.
    served.wait("before is cancelled", served.seen("before begins"))


@promise("cancel-websocket-handler")
def test_a_group_that_pushes_ends(served: Served) -> None:
    with WebSocket(served.port, "/push") as websocket:
        assert websocket.receive() == "tick"
        websocket.disconnect()
        served.wait("push has ended", 1)


@promise("cancel-not-own-close")
def test_a_handler_that_closes_itself_is_not_cancelled(served: Served) -> None:
    with WebSocket(served.port, "/closes") as websocket:
        websocket.expect_close(4000)
        served.wait("closes has done its work", 1)


@promise("cancel-websocket-handler")
def test_a_handler_whose_connection_another_closes_is_cancelled(served: Served) -> None:
    with WebSocket(served.port, "/kicked") as websocket:
        websocket.expect_close(4003)
        served.wait("kicked is cancelled", 1)


@promise("cancel-not-twice")
@pytest.mark.parametrize("way", ["iterates", "receives", "sends"])
@pytest.mark.parametrize("leave", LEAVINGS)
def test_a_handler_that_its_await_has_told_is_not_cancelled(served: Served, leave: Leave, way: str) -> None:
    """If the call that the handler awaits raises or returns at the end, the handler is not cancelled as well, so its
    cleanup is not interrupted."""
    before = served.seen(f"saved what it {way}")
    with WebSocket(served.port, f"/saves/{way}") as websocket:
        if way == "sends":
            assert websocket.receive() == "ready"
        leave(websocket)
        served.wait(f"saved what it {way}", before + 1)


@promise("cancel-not-own-close")
def test_handlers_without_the_option_are_not_cancelled(served: Served) -> None:
    with WebSocket(served.port, "/plain"):
        pass
    served.wait("plain is told", 1)
    assert http(served.port, "GET", "/quick").body == b"quick"
    assert served.seen("plain is cancelled") == 0
    http(served.port, "GET", "/end-plain")


@promise("cancel-http-handler")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("leave", LEAVINGS[1:])
def test_an_http_handler_is_cancelled(served: Served, leave: Leave, method: str) -> None:
    begun, cancelled = served.seen("poll begins"), served.seen("poll is cancelled")
    with Peer(served.port) as peer:
        peer.send(request(method, "/poll", body=b"body" if method == "POST" else b""))
        served.wait("poll begins", begun + 1)
        leave(peer)
        served.wait("poll is cancelled", cancelled + 1)
        if leave is end_sending:
            peer.expect_end()  # no answer: it is unknown whether the client still reads


@promise("cancel-http-handler")
def test_an_answer_is_not_in_the_way_of_the_next(served: Served) -> None:
    with Peer(served.port) as peer:
        for _ in range(5):
            assert peer.ask("GET", "/quick").body == b"quick"


@promise("cancel-http-handler")
@pytest.mark.parametrize("leave", LEAVINGS[1:])
def test_a_stream_ends(served: Served, leave: Leave) -> None:
    cancelled = served.seen("stream is cancelled")
    with Peer(served.port) as peer:
        peer.send(request("GET", "/stream"))
        peer.read_until(b"part")
        leave(peer)
        served.wait("stream is cancelled", cancelled + 1)


@promise("is-disconnected")
@pytest.mark.parametrize("leave", LEAVINGS[1:])
def test_a_handler_asks_whether_its_client_has_left(served: Served, leave: Leave) -> None:
    begun, told = served.seen("ask begins"), served.seen("ask is told")
    with Peer(served.port) as peer:
        peer.send(request("GET", "/ask"))
        served.wait("ask begins", begun + 1)
        assert served.seen("ask is told") == told
        leave(peer)
        served.wait("ask is told", told + 1)


@promise("is-disconnected")
def test_a_client_that_stays_has_not_left(served: Served) -> None:
    with Peer(served.port) as peer:
        for _ in range(2):
            assert peer.ask("GET", "/stays").json() == {"disconnected": [False] * 3}


@promise("cancel-websocket-handler")
@pytest.mark.parametrize("mode", list(COMMANDS))
def test_a_stop_does_not_wait_for_it(mode: str, tmp_path: Path) -> None:
    with started(mode, tmp_path) as program:
        served = Served(mode, program)
        with WebSocket(served.port, "/watch") as websocket:
            assert websocket.receive() == "ready"
            program.signal(signal.SIGTERM)
            answer: Any = websocket.read_frame()
            assert answer.opcode == CLOSE
            websocket.send_unless_closed(close_frame(1001))
            assert program.wait(WITHIN_S) == COMMANDS[mode][1], program.log
