"""In fast mode the engine also waits for asyncio's events: everything in asyncio still works."""

import asyncio
import inspect
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from websockets.asyncio.client import connect

from proapi import ProAPI, WebSocketConnection
from proapi._serving.fast_loop import FastLoop
from proapi._serving.options import read_listen
from proapi._serving.server import Server, open_sockets

TEST_S = 10


def run(test: Callable[[], Awaitable[Any]], *, debug: bool = False) -> Any:
    """Runs ``test`` on a fast loop."""
    return _run(Server(ProAPI()), test, debug=debug)


def run_serving(app: ProAPI, test: Callable[[int], Awaitable[Any]]) -> Any:
    """Runs ``test(port)`` on the fast loop that serves ``app``."""
    server = Server(app)
    listen = read_listen("127.0.0.1", 0)

    async def main() -> Any:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            server.serve(
                lambda: open_sockets(app, listen),
                drives_loop=True,
                on_listening=lambda all: port.set_result(all[0][1]),
            )
        )
        try:
            return await test(await port)
        finally:
            serving.cancel()
            await asyncio.wait({serving})

    return _run(server, main)


def _run(server: Server, main: Callable[[], Awaitable[Any]], *, debug: bool = False) -> Any:
    with asyncio.Runner(loop_factory=lambda: FastLoop(server.engine), debug=debug) as runner:
        return runner.run(asyncio.wait_for(main(), TEST_S))


def test_timers() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(asyncio.sleep(0.03), asyncio.sleep(0.01), asyncio.sleep(0))
        assert 0.03 <= loop.time() - began < 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await loop.create_future()

    run(test)
    run(test, debug=True)


def test_calls_from_threads_and_executors() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        called = loop.create_future()
        threading.Timer(0.01, lambda: loop.call_soon_threadsafe(called.set_result, 1)).start()
        assert await called == 1
        assert await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(20))) == [2**n for n in range(20)]

    run(test)


def test_streams() -> None:
    async def test() -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        data = os.urandom(3_000_000)

        async def send() -> None:
            writer.write(data)
            await writer.drain()
            writer.write_eof()

        sending = asyncio.create_task(send())
        assert await reader.read(-1) == data
        await sending
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(test)


def test_subprocesses() -> None:
    async def test() -> None:
        program = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit(3)"
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=pipe, stdout=pipe)
        assert (await process.communicate(b"abc"))[0] == b"ABC"
        assert process.returncode == 3

    run(test)


def test_signals() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, seen.set)
        loop.call_later(0.01, os.kill, os.getpid(), signal.SIGUSR1)
        await seen.wait()
        assert loop.remove_signal_handler(signal.SIGUSR1)

    run(test)


def test_plain_signal_handlers_run_while_it_waits() -> None:
    loop_waits_s = 0.02  # after which the loop should be waiting

    async def test() -> None:
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        before = signal.signal(signal.SIGUSR1, lambda *_: loop.call_soon_threadsafe(seen.set))
        try:
            threading.Timer(loop_waits_s, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            await seen.wait()
        finally:
            signal.signal(signal.SIGUSR1, before)

    run(test)


def test_readers_and_writers() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        a, b = socket.socketpair()
        a.setblocking(False)
        b.setblocking(False)
        seen: list[str] = []
        readable, writable = asyncio.Event(), asyncio.Event()

        def on_readable() -> None:
            seen.append(f"read {b.recv(10)!r}")
            readable.set()

        def on_writable() -> None:
            seen.append("write")
            loop.remove_writer(b)
            writable.set()

        loop.add_reader(b, on_readable)
        loop.add_writer(b, on_writable)
        await writable.wait()
        a.send(b"x")
        await readable.wait()
        assert seen == ["write", "read b'x'"]
        assert loop.remove_reader(b)
        assert not loop.remove_reader(b)
        assert not loop.remove_writer(b)
        await loop.sock_sendall(a, b"y")
        assert await loop.sock_recv(b, 10) == b"y"

        loop.add_reader(b.fileno(), lambda: None)
        descriptor = b.fileno()
        b.close()  # before it is removed: a mistake, but one that must not be fatal
        assert loop.remove_reader(descriptor)
        a.close()

    run(test)


def test_a_timer_set_by_a_handler_is_kept() -> None:
    app = ProAPI()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            await asyncio.sleep(float(message))
            await websocket.send_text("slept")

    async def test(port: int) -> None:
        # The client lives in another thread, because on this loop it would end the wait.
        def client() -> list[Any]:
            async def talk() -> list[Any]:
                async with connect(f"ws://127.0.0.1:{port}/") as websocket:
                    answers = []
                    for pause in ("0.01", "0", "0.02"):
                        await websocket.send(pause)
                        answers.append(await asyncio.wait_for(websocket.recv(), 5))
                    return answers

            return asyncio.run(talk())

        assert await asyncio.to_thread(client) == ["slept"] * 3

    run_serving(app, test)


def test_cancelled_timers_do_not_pile_up() -> None:
    """With a busy engine, select() does not end by itself, and asyncio discards timers only between two selects."""
    messages, most = 100_000, 0
    app = ProAPI()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        nonlocal most
        await websocket.accept()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FastLoop)
        for _ in range(messages):
            async with asyncio.timeout(3600):
                await websocket.receive()
            most = max(most, len(loop._scheduled))

    def client(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), TEST_S) as peer:
            peer.sendall(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            peer.sendall(struct.pack("!BBIB", 0x81, 0x81, 0, ord("x")) * messages)
            received = b""
            while not received.endswith(b"\x88\x02\x03\xe8"):  # a Close: the server has received all messages
                part = peer.recv(4096)
                assert part
                received += part

    async def test(port: int) -> None:
        await asyncio.to_thread(client, port)

    run_serving(app, test)
    assert 0 < most < 1000


def test_a_started_task_takes_its_first_step_at_once() -> None:
    name: ContextVar[str] = ContextVar("name", default="outside")

    async def work(pauses: int) -> tuple[str, asyncio.Task[Any] | None]:
        task = asyncio.current_task()
        name.set(f"{name.get()}, then inside")
        for _ in range(pauses):
            async with asyncio.timeout(TEST_S):  # needs the task that runs
                await asyncio.sleep(0)
        return name.get(), task

    async def test() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FastLoop)
        context = copy_context()
        context.run(name.set, "given")
        started = loop.create_future()

        def start() -> None:
            tasks = [loop.start_task(work(pauses), "work", context.copy()) for pauses in (0, 2)]
            started.set_result((tasks, [task.done() for task in tasks]))

        loop.call_soon(start)
        inner = loop.start_task(work(0), "work", context.copy())  # no task may begin inside another one
        assert not inner.done()
        tasks, were_done = await started
        assert were_done == [True, False]
        for task in (inner, *tasks):
            assert await task == ("given, then inside", task)
            assert task.get_name() == "work"
        assert name.get() == "outside"

    run(test)


@pytest.mark.parametrize("debug", [False, True])
def test_a_started_task_is_made_by_the_task_factory(*, debug: bool) -> None:
    made = []

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FastLoop)
        loop.set_task_factory(make)
        work = asyncio.sleep(0, "slept")
        started = loop.create_future()
        loop.call_soon(lambda: started.set_result(loop.start_task(work, "work", copy_context())))
        assert await (await started) == "slept"
        assert work in made

    run(test, debug=debug)


def test_pipelined_requests_do_not_nest() -> None:
    """The next request begins when the response to the one before is written, inside its handler."""
    depths: list[int] = []
    app = ProAPI()

    @app.get("/")
    async def root() -> str:
        depths.append(len(inspect.stack(0)))
        return "here"

    def client(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), TEST_S) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
            received = b""
            while received.count(b"here") < 50:
                received += peer.recv(65536)
            return received

    async def test(port: int) -> None:
        assert (await asyncio.to_thread(client, port)).count(b"200 OK") == 50

    run_serving(app, test)
    assert len(depths) == 50
    assert max(depths) < min(depths) + 10


def test_an_idle_server_stops_at_once() -> None:
    async def test(port: int) -> float:
        return asyncio.get_running_loop().time()

    loop_time = run_serving(ProAPI(shutdown_timeout=30), test)
    assert time.monotonic() - loop_time < 5


def test_exceptions_leave_the_loop() -> None:
    async def exits() -> None:
        asyncio.get_running_loop().call_soon(sys.exit, 7)
        await asyncio.Event().wait()

    with pytest.raises(SystemExit) as caught:
        run(exits)
    assert caught.value.code == 7

    async def interrupted() -> None:
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run(interrupted)
