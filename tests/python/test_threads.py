"""Sync handlers and sync iterators of streams that block threads delay only others of their own kind."""

import asyncio
import gc
import socket
import struct
import threading
import weakref
from collections.abc import Iterator
from typing import cast

import pytest
from asgi_peer import Peer, scope_of
from conftest import Serve, http
from promises import promise
from running_program import Program

from proapi import ProAPI, StreamingResponse
from proapi._core.thread_iterator import ThreadIterator
from proapi._core.threads import MAX_THREADS, ThreadPool

WAIT_S = 10


class Blocking:
    """An application whose handlers and streams block their threads until they may go on."""

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
    """Starts one request more than there are threads. Returns once all threads are blocked, so that one request
    waits."""
    tasks = [asyncio.create_task(http(port, "GET", path)) for _ in range(MAX_THREADS + 1)]
    for _ in range(MAX_THREADS):
        assert await asyncio.to_thread(blocking.blocked.acquire, timeout=WAIT_S)
    return tasks


async def ask_and_leave(port: int, head: str, body: str = "") -> None:
    """Leaves by RST while the request is in progress: a client that only half-closes may still read."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}\r\nHost: localhost\r\n\r\n{body}".encode())
    await asyncio.sleep(0.01)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def expect_tasks(count: int) -> None:
    """Waits until at most ``count`` tasks are left."""
    async with asyncio.timeout(WAIT_S):
        while len(asyncio.all_tasks()) > count:
            await asyncio.sleep(0.01)


@promise("threads-of-streams")
async def test_sync_handlers_answer_while_streams_hold_every_thread(serve: Serve) -> None:
    blocking = Blocking()
    port = await serve(blocking.app)
    try:
        tasks = await begin(port, "/stream", blocking)
        assert (await asyncio.wait_for(http(port, "GET", "/quick"), WAIT_S))[2] == b"quick"
    finally:
        blocking.may_go_on.set()
    assert all(b"part" in answer for _, _, answer in await asyncio.gather(*tasks))


@promise("threads-of-streams")
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


@promise("threads-of-streams")
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


@promise("sync-handler-of-a-gone-client")
async def test_a_client_that_leaves_before_a_thread_is_free_leaves_nothing(serve: Serve) -> None:
    blocking = Blocking()
    begun = 0

    @blocking.app.post("/counted")
    def counted() -> None:
        nonlocal begun
        begun += 1

    port = await serve(blocking.app)
    tasks = []
    try:
        tasks = await begin(port, "/handler", blocking)
        before = len(asyncio.all_tasks())
        for _ in range(10):
            await ask_and_leave(port, "POST /counted HTTP/1.1\r\nContent-Length: 3", "abc")
        await expect_tasks(before)
    finally:
        blocking.may_go_on.set()
    await asyncio.gather(*tasks)
    assert begun == 0


async def test_streams_that_have_not_begun_need_no_thread_to_end(serve: Serve) -> None:
    blocking = Blocking()
    port = await serve(blocking.app)
    tasks = []
    try:
        tasks = await begin(port, "/stream", blocking)
        before = len(asyncio.all_tasks())
        for _ in range(10):
            await ask_and_leave(port, "GET /stream HTTP/1.1")
        await expect_tasks(before)
    finally:
        blocking.may_go_on.set()
    await asyncio.gather(*tasks)


async def test_an_iterator_that_fails_as_if_it_were_at_its_end_fails() -> None:
    class Failing(Iterator[str]):
        def __next__(self) -> str:
            raise StopAsyncIteration

    pool = ThreadPool()
    with pytest.raises(RuntimeError, match=r"^StopAsyncIteration left a sync iterator$"):
        async for _ in ThreadIterator(Failing(), pool):
            pass
    pool.close()


async def test_a_call_that_is_cancelled_lets_go_of_its_arguments() -> None:
    pool, may_go_on = ThreadPool(1), threading.Event()
    running = pool.submit(may_go_on.wait)
    argument = Blocking()
    kept = weakref.ref(argument)
    waiting = pool.submit(len, cast("list[int]", argument))
    del argument
    assert waiting.cancel()
    gc.collect()
    assert kept() is None
    may_go_on.set()
    running.result(WAIT_S)
    pool.close()


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


@promise("threads-of-streams")
def test_a_stop_does_not_wait_for_a_stream_that_blocks_its_thread(programs: list[Program]) -> None:
    program = Program("{}", PROGRAM)
    programs.append(program)
    with program.begin("/stream"):
        program.process.terminate()
        status, _, log = program.end()
    assert status == 0
    assert "1 sync handlers or iterators did not end within shutdown_timeout: left" in log
