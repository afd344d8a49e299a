"""The stop of a server: every client is told, the exit status is 0, and it never takes longer than
``shutdown_timeout``."""

import asyncio
import json
import re
import signal
import time

import pytest
from lean_client import Ended, LeanWebSocket
from promises import promise
from system_servers import SYSTEM_APP, Process, front_end, python, run, serving

CONNECTIONS = 300
# What process start, scheduling on a busy machine and the interpreter's shutdown may add to a time limit.
SLACK_S = 3.0

MODES = [pytest.param(False, id="standard"), pytest.param(True, id="fast")]


def options(fast: bool, **more: float) -> str:
    return json.dumps({"fast": fast, **more})


async def open_all(server: Process, path: str, count: int) -> list[LeanWebSocket]:
    return await asyncio.gather(*(LeanWebSocket.connect(server.port, path) for _ in range(count)))


async def code_of(client: LeanWebSocket) -> int | None:
    try:
        while True:
            await client.receive()
    except Ended as end:
        return end.code


@promise("graceful-stop")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["standard", "fast", "cpp"])
def test_everybody_is_told_1001_and_the_status_is_0(name: str, number: signal.Signals) -> None:
    async def scenario(server: Process) -> None:
        clients = await open_all(server, "/echo", CONNECTIONS)
        # Half of them are in the middle of a conversation, and the last one has begun a message.
        for client in clients[: CONNECTIONS // 2]:
            client.send_text("hello")
        clients[-1].send_raw(b"\x01\x85\0\0\0\0he")
        for client in clients[: CONNECTIONS // 2]:
            assert await client.receive() == b"hello"
        server.signal(number)
        codes = await asyncio.gather(*map(code_of, clients))
        assert set(codes) == {1001}

    command = front_end("cpp") if name == "cpp" else python(SYSTEM_APP, options(name == "fast"))
    with serving(command) as server:
        run(scenario(server), server)
        assert server.wait() == 0, server.output
        assert "Traceback" not in server.output


@promise("graceful-stop")
@pytest.mark.parametrize("fast", MODES)
def test_handlers_that_do_not_end_are_cancelled_in_time(fast: bool) -> None:
    async def scenario(server: Process) -> None:
        clients = await open_all(server, "/lingering", 20)
        for client in clients:
            assert await client.receive() == b"ready"
        server.signal(signal.SIGTERM)
        assert set(await asyncio.gather(*map(code_of, clients))) == {1001}

    with serving(python(SYSTEM_APP, options(fast, shutdown_timeout=1))) as server:
        run(scenario(server), server)
        told_at = time.monotonic()
        assert server.wait() == 0, server.output
        assert time.monotonic() - told_at < 1 + SLACK_S
        assert server.output.count("lingering: cancelled") == 20
        assert re.search(
            r"20 handlers did not end within shutdown_timeout \(1 s\): they are cancelled: lingering \(20\)$",
            server.output,
            re.M,
        )


@promise("stop-is-bounded")
@pytest.mark.parametrize("fast", MODES)
def test_a_handler_that_ignores_cancellation_is_bounded(fast: bool) -> None:
    async def scenario(server: Process) -> None:
        clients = await open_all(server, "/stubborn", 5)
        for client in clients:
            assert await client.receive() == b"ready"
        server.signal(signal.SIGTERM)
        assert set(await asyncio.gather(*map(code_of, clients))) == {1001}

    with serving(python(SYSTEM_APP, options(fast, shutdown_timeout=1))) as server:
        run(scenario(server), server)
        told_at = time.monotonic()
        assert server.wait() == 0, server.output
        assert time.monotonic() - told_at < 1 + SLACK_S


@promise("stop-is-bounded")
@pytest.mark.parametrize("fast", MODES)
def test_a_peer_that_does_not_answer_the_close_is_bounded(fast: bool) -> None:
    async def scenario(server: Process) -> float:
        silent = await LeanWebSocket.connect(server.port, "/echo", keeps_messages=False)
        server.signal(signal.SIGTERM)
        told_at = time.monotonic()
        await silent.ended
        return told_at

    with serving(python(SYSTEM_APP, options(fast, shutdown_timeout=2, close_timeout=1))) as server:
        told_at = run(scenario(server), server)
        assert server.wait() == 0, server.output
        assert time.monotonic() - told_at < 2 + SLACK_S


@promise("second-signal")
@pytest.mark.parametrize("fast", MODES)
def test_a_second_signal_ends_at_once(fast: bool) -> None:
    async def scenario(server: Process) -> None:
        client = await LeanWebSocket.connect(server.port, "/stubborn")
        assert await client.receive() == b"ready"
        server.signal(signal.SIGTERM)
        assert await code_of(client) == 1001  # the server has handled the first signal

    with serving(python(SYSTEM_APP, options(fast, shutdown_timeout=60))) as server:
        run(scenario(server), server)
        server.signal(signal.SIGTERM)
        told_at = time.monotonic()
        assert server.wait() == 128 + signal.SIGTERM
        assert time.monotonic() - told_at < SLACK_S


@pytest.mark.parametrize("fast", MODES)
def test_with_nobody_there_it_stops_at_once(fast: bool) -> None:
    """Once without any clients, once after all of them have left."""

    async def visit(server: Process) -> None:
        for client in await open_all(server, "/echo", 5):
            client.send_text("hello")
            assert await client.receive() == b"hello"
            await client.close()

    for visits in (0, 1):
        with serving(python(SYSTEM_APP, options(fast, shutdown_timeout=60))) as server:
            if visits:
                run(visit(server), server)
            server.signal(signal.SIGTERM)
            told_at = time.monotonic()
            assert server.wait() == 0, server.output
            assert time.monotonic() - told_at < SLACK_S
