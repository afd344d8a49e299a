"""Connections release what they use, and a server that runs out of descriptors still serves the clients that it has."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import pytest
from lean_client import Ended, LeanWebSocket, Refused
from promises import promise
from system_servers import SYSTEM_APP, Process, front_end, python, run, serving

ROUNDS, AT_ONCE = 2000, 50
MODES = [pytest.param(False, id="standard"), pytest.param(True, id="fast")]


def state_of(server: Process) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/state") as response:
        state: dict[str, Any] = json.load(response)
    return state


async def until_idle(server: Process, descriptors: int = 0) -> dict[str, Any]:
    """Waits until every echo handler has ended and no more descriptors are open than before."""
    until = asyncio.get_running_loop().time() + 10
    while True:
        state = await asyncio.to_thread(state_of, server)
        is_over = asyncio.get_running_loop().time() > until
        if is_over or (not state["running"].get("echo") and server.descriptors() <= (descriptors or 10**6)):
            return state


async def come_and_go(server: Process, count: int) -> None:
    """Users who leave in every way: with a close frame, by FIN, by RST, in the middle of a message."""

    async def one(number: int) -> None:
        client = await LeanWebSocket.connect(server.port, "/echo")
        client.send_text(f"hello {number}")
        assert await client.receive() == b"hello %d" % number
        match number % 4:
            case 0:
                await client.close()
            case 1:
                client.hang_up()
            case 2:
                client.abort()
            case 3:
                client.send_raw(b"\x01\x8a\0\0\0\0half")
                client.hang_up()
        await client.ended

    async def worker(first: int) -> None:
        for number in range(first, count, AT_ONCE):
            await one(number)

    await asyncio.gather(*map(worker, range(AT_ONCE)))


@promise("everything-is-returned")
@pytest.mark.parametrize("fast", MODES)
def test_descriptors_objects_and_tasks_return(fast: bool) -> None:
    async def scenario(server: Process) -> None:
        await come_and_go(server, 2 * AT_ONCE)  # now everything that is created once exists
        before, descriptors = await until_idle(server), server.descriptors()
        await come_and_go(server, ROUNDS)
        after = await until_idle(server, descriptors)
        assert after["ended"]["echo"] - before["ended"]["echo"] == ROUNDS
        assert after["tasks"] == before["tasks"]
        # One object left behind per connection would be 2,000.
        assert after["objects"] - before["objects"] < ROUNDS // 20
        assert server.descriptors() <= descriptors

    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        run(scenario(server), server)
        assert "Traceback" not in server.output, server.output


async def fill(server: Process) -> list[LeanWebSocket]:
    """Opens as many connections as the server accepts."""
    inside: list[LeanWebSocket] = []
    with contextlib.suppress(Refused, Ended, OSError):
        while len(inside) < 10_000:
            inside.append(await LeanWebSocket.connect(server.port, "/echo"))
    return inside


async def status_of_newcomer(server: Process) -> int:
    try:
        client = await LeanWebSocket.connect(server.port, "/echo")
    except Refused as refusal:
        return refusal.status
    except (Ended, OSError):
        return 0
    client.abort()
    return 101


async def echoes(client: LeanWebSocket, text: str) -> None:
    client.send_text(text)
    assert await client.receive() == text.encode()


@promise("no-descriptors")
@pytest.mark.parametrize("setting", ["max_connections", "EMFILE"])
@pytest.mark.parametrize("name", ["standard", "fast", "cpp"])
def test_without_descriptors_others_are_unharmed_and_the_loop_is_not_busy(name: str, setting: str) -> None:
    """Once with the limit that follows from the descriptors, once with a limit that exceeds them."""
    limits = {"ping_interval": 60} | ({"max_connections": 100_000} if setting == "EMFILE" else {})
    if name == "cpp":
        command = front_end("cpp")
        for limit, value in limits.items():
            command += ["--limit", f"{limit}={value}"]
    else:
        command = python(SYSTEM_APP, json.dumps({"fast": name == "fast", **limits}))

    async def scenario(server: Process) -> None:
        inside = await fill(server)
        assert len(inside) >= 20
        waiting = [await status_of_newcomer(server) for _ in range(50)]
        assert set(waiting) <= {503, 0}
        assert 503 in waiting
        # Connections that never send anything wait in the queue as well.
        silent = []
        for _ in range(20):
            sock = socket.create_connection(("127.0.0.1", server.port))
            sock.setblocking(False)
            silent.append(sock)
        for number, client in enumerate(inside):
            await echoes(client, f"still here {number}")

        # Nothing happens for a second, so any CPU time that the server uses is wasted.
        before = server.cpu_s()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(inside[0].receive(), 1)
        assert server.cpu_s() - before < 0.2

        for sock in silent:
            sock.close()
        for client in inside[1:]:
            await client.close()
        # The server has the descriptors back some turns later.
        while await status_of_newcomer(server) != 101:
            pass
        await echoes(inside[0], "last")
        await inside[0].close()

    with serving(command, descriptors=90) as server:
        run(scenario(server), server)
        lines = server.output.splitlines()
        reason = "Too many open files" if setting == "EMFILE" else "max_connections"
        assert any("refused with 503" in line and reason in line for line in lines), server.output
        assert len(lines) < 200


@promise("no-descriptors")
def test_workers_in_threads_share_max_connections() -> None:
    """Whichever worker the kernel gives a connection to, the workers together accept exactly as many as the limit
    says."""
    command = [*front_end("cpp"), "--workers", "4", "--limit", "max_connections=20"]

    async def scenario(server: Process) -> None:
        inside = await fill(server)
        assert len(inside) == 20
        statuses = {await status_of_newcomer(server) for _ in range(60)}
        assert 503 in statuses
        assert 101 not in statuses
        for client in inside[:10]:
            await client.close()
        # Their slots are free some turns later.
        while len(inside) < 30:
            inside += await fill(server)
        assert len(inside) == 30
        for number, client in enumerate(inside[10:]):
            await echoes(client, f"still here {number}")
            await client.close()

    with serving(command) as server:
        run(scenario(server), server)


async def until_at_rest(server: Process) -> None:
    """Waits for a quarter of a second in which the server uses almost no CPU."""
    observed_s = 0.25
    until, busy_s = asyncio.get_running_loop().time() + 5, observed_s
    while busy_s > observed_s / 4:
        assert asyncio.get_running_loop().time() < until, f"busy for {busy_s} s of {observed_s} s"
        before = server.cpu_s()
        await asyncio.sleep(observed_s)
        busy_s = server.cpu_s() - before


@promise("no-descriptors")
def test_workers_in_threads_without_descriptors_are_not_busy() -> None:
    """All workers run out of descriptors at the same time, and one worker may take the descriptor that another has
    freed for its reserve."""
    command = [*front_end("cpp"), "--workers", "4", "--limit", "max_connections=100000"]

    async def scenario(server: Process) -> None:
        inside = [await LeanWebSocket.connect(server.port, "/echo") for _ in range(10)]
        for turn in range(6):  # whether they interfere with each other is up to the scheduler
            with contextlib.ExitStack() as held:
                server.signal(signal.SIGSTOP)
                os.waitid(os.P_PID, server.pid, os.WSTOPPED)
                for _ in range(400):  # the kernel accepts them into the backlog
                    held.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                server.signal(signal.SIGCONT)
                await until_at_rest(server)
                for client in inside:
                    await echoes(client, f"still here {turn}")
        while await status_of_newcomer(server) != 101:
            pass
        for client in inside:
            await client.close()

    with serving(command, descriptors=120) as server:
        run(scenario(server), server)


@pytest.mark.memory
@pytest.mark.parametrize("chunked", [pytest.param(False, id="length"), pytest.param(True, id="chunks")])
@pytest.mark.parametrize("fast", MODES)
def test_a_large_body_is_held_once(fast: bool, chunked: bool) -> None:
    """A second copy may exist only while the body becomes the handler's object, or while the buffer grows."""
    size = 48 << 20
    part = os.urandom(1 << 20)

    def upload(port: int) -> bytes:
        parts = [part] * (size // len(part))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", "/checksum", iter(parts) if chunked else b"".join(parts), encode_chunked=chunked)
            return connection.getresponse().read()
        finally:
            connection.close()

    def peak_bytes(server: Process) -> int:
        status = Path(f"/proc/{server.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024

    with serving(python(SYSTEM_APP, json.dumps({"fast": fast, "max_body_size": size}))) as server:
        before = peak_bytes(server)
        assert upload(server.port) == str(zlib.crc32(part * (size // len(part)))).encode()
        assert peak_bytes(server) - before < 2.3 * size
