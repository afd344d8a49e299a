"""Who holds threads holds up nobody but their own kind: sync handlers, and sync iterators of streams."""

import asyncio
import threading
from collections.abc import Iterator

from asgi_peer import Peer, scope_of
from conftest import Serve, http
from running_program import Program

from proapi import ProAPI, StreamingResponse
from proapi.threads import MAX_THREADS

WAIT_S = 10


class Blocking:
    """An application whose handlers and streams wait in their threads until they may go on."""

    def __init__(self) -> None:
        self.app = ProAPI()
        self.may_go_on = threading.Event()
        self.blocked = threading.Semaphore(0)
        self.app.get("/stream")(lambda: StreamingResponse(self.parts()))
        self.app.get("/handler")(self.handler)
        self.app.get("/quick")(lambda: "quick")

    def wait(self) -> None:
        self.blocked.release()
        self.may_go_on.wait()

    def parts(self) -> Iterator[str]:
        self.wait()
        yield "part"

    def handler(self) -> str:
        self.wait()
        return "answer"


async def begin(port: int, path: str, blocking: Blocking) -> list["asyncio.Task[tuple[int, str, bytes]]"]:
    """So many requests that one waits for a thread; once the others have theirs."""
    tasks = [asyncio.create_task(http(port, "GET", path)) for _ in range(MAX_THREADS + 1)]
    for _ in range(MAX_THREADS):
        assert await asyncio.to_thread(blocking.blocked.acquire, timeout=WAIT_S)
    return tasks


async def test_sync_handlers_answer_while_streams_hold_every_thread(serve: Serve) -> None:
    blocking = Blocking()
    port = await serve(blocking.app)
    try:
        tasks = await begin(port, "/stream", blocking)
        assert (await asyncio.wait_for(http(port, "GET", "/quick"), WAIT_S))[2] == b"quick"
    finally:
        blocking.may_go_on.set()
    assert all(b"part" in answer for _, _, answer in await asyncio.gather(*tasks))


async def test_streams_go_on_while_sync_handlers_hold_every_thread(serve: Serve) -> None:
    blocking = Blocking()

    @blocking.app.get("/short")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["one", "two"]))

    port = await serve(blocking.app)
    try:
        tasks = await begin(port, "/handler", blocking)
        answer = (await asyncio.wait_for(http(port, "GET", "/short"), WAIT_S))[2]
        assert b"one" in answer
        assert b"two" in answer
    finally:
        blocking.may_go_on.set()
    assert [answer for _, _, answer in await asyncio.gather(*tasks)] == [b"answer"] * len(tasks)


async def test_under_an_asgi_server() -> None:
    blocking = Blocking()
    peers = [Peer(blocking.app, scope_of("http", "/stream")) for _ in range(MAX_THREADS + 1)]
    try:
        for peer in peers:
            peer.put("http.request")
        for _ in range(MAX_THREADS):
            assert await asyncio.to_thread(blocking.blocked.acquire, timeout=WAIT_S)
        other = Peer(blocking.app, scope_of("http", "/quick"))
        other.put("http.request")
        assert (await other.get())["status"] == 200
        await other.end()
    finally:
        blocking.may_go_on.set()
    for peer in peers:
        await peer.end()


PROGRAM = """
import sys, time
from proapi import ProAPI, StreamingResponse
app = ProAPI(shutdown_timeout=0.5)

@app.get("/stream")
async def stream():
    def parts():
        print("begun", flush=True)
        time.sleep(60)
        yield "part"
    return StreamingResponse(parts())

app.run(**eval(sys.argv[1]))
"""


def test_a_stop_does_not_wait_for_a_stream_that_blocks_its_thread(programs: list[Program]) -> None:
    program = Program("{}", PROGRAM)
    programs.append(program)
    with program.begin("/stream"):
        program.process.terminate()
        status, _, log = program.end()
    assert status == 0
    assert "1 sync handlers or iterators did not end within shutdown_timeout: left" in log
