"""A handler that forks: the child is a copy that can't serve. Whatever the child does before it ends, the parent goes
on."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from lean_client import LeanWebSocket
from promises import promise
from system_servers import SYSTEM_APP, Process, python, run, serving


@promise("forked-child-ends")
@pytest.mark.parametrize("how", ["exit", "return"])
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_the_parent_goes_on(fast: bool, how: str) -> None:
    async def scenario(server: Process) -> None:
        other = await LeanWebSocket.connect(server.port, "/echo")
        client = await LeanWebSocket.connect(server.port, f"/fork/{how}")
        async with asyncio.timeout(20):
            assert await client.receive() == b"the child has gone"
            for user in (other, client):
                user.send_text("still here")
                assert await user.receive() == b"still here"
            newcomer = await LeanWebSocket.connect(server.port, "/echo")
            newcomer.send_text("hello")
            assert await newcomer.receive() == b"hello"
        for user in (other, client, newcomer):
            await user.close()

    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        run(scenario(server), server)


@promise("forked-child-ends")
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_a_child_takes_nothing_of_what_others_send(fast: bool) -> None:
    """The child returns in the middle of a batch of reads, which belong to the parent."""
    bodies = [os.urandom(1 << 20) for _ in range(8)]

    def upload(port: int, body: bytes) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/checksum", body)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    async def scenario(server: Process) -> None:
        forking = await LeanWebSocket.connect(server.port, "/forks")
        uploads = [asyncio.create_task(asyncio.to_thread(upload, server.port, body)) for body in bodies]
        async with asyncio.timeout(30):
            while not all(task.done() for task in uploads):
                forking.send_text("fork")
                assert await forking.receive() == b"the child has gone"
        assert [task.result() for task in uploads] == [str(zlib.crc32(body)) for body in bodies]
        await forking.close()

    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        run(scenario(server), server)


@promise("forked-child-ends")
@pytest.mark.parametrize(("how", "status"), [("return", 1), ("raise", 1), ("exit", 3)])
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_a_child_of_a_sync_handlers_thread_ends(fast: bool, how: str, status: int) -> None:
    """Otherwise the child would wait for ever in its copy of the thread pool, and the parent for its child."""
    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for _ in range(2):
            connection.request("GET", f"/fork_in_a_thread/{how}")
            assert connection.getresponse().read().decode() == f"the child ended with {status}"
        connection.close()


@promise("forked-child-ends")
@pytest.mark.parametrize("options", [{}, {"fast": True}, {"loop": "uvloop"}])
def test_a_child_that_comes_back_to_the_loop_ends(options: dict[str, object]) -> None:
    """Wherever the child returns to the loop, it ends instead of waiting for the parent's events."""

    async def scenario(server: Process) -> None:
        client = await LeanWebSocket.connect(server.port, "/fork_before_accept")
        async with asyncio.timeout(20):
            assert await client.receive() == b"the child ended with 1"
        await client.close()

    with serving(python(SYSTEM_APP, json.dumps(options))) as server:
        run(scenario(server), server)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/fork_in_a_callback")
        assert connection.getresponse().read().decode() == "the child ended with 1"
        connection.close()
        assert "Traceback" not in server.output, server.output


def ask(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@promise("forked-child-has-no-sockets")
@pytest.mark.parametrize("options", [{}, {"fast": True}, {"loop": "uvloop"}])
def test_a_child_has_none_of_the_servers_sockets(options: dict[str, object]) -> None:
    """With the sockets, a child that outlives the server would keep its port taken and its connections open."""
    with (
        serving(python(SYSTEM_APP, json.dumps(options))) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as idle,
    ):
        child = int(ask(server.port, "/kept_child"))
        server.popen.kill()
        server.popen.wait()
        try:
            assert idle.recv(1) == b""
            with socket.socket() as next_server:
                next_server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                next_server.bind(("127.0.0.1", server.port))
                next_server.listen()
        finally:
            os.kill(child, signal.SIGKILL)


CHILD_OF_START_UP = """
import os, signal, sys
from proapi import ProAPI
app = ProAPI()

@app.on_startup
def keep_child():
    if (child := os.fork()) == 0:
        signal.pause()
    os.write(1, b"child %d\\n" % child)  # in one piece: two workers write

app.run(uds=sys.argv[1], workers=2)
"""


@promise("forked-child-has-no-sockets")
def test_a_child_of_a_workers_start_up_keeps_no_unix_socket() -> None:
    """The workers share the socket that their supervisor has opened before. With a copy, the child would let clients
    wait for ever, and the next server would be refused."""
    name = f"@proapi-fork-{os.getpid()}"
    command = [sys.executable, "-c", CHILD_OF_START_UP, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        children: list[int] = []
        try:
            for line in server.stdout:
                if line.startswith("ProAPI serves"):
                    break
                children.append(int(line.split()[1]))
            assert len(children) == 2
            server.terminate()
            assert server.wait(20) == 0
            with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
                client.connect("\0" + name[1:])
        finally:
            server.kill()
            for child in children:
                os.kill(child, signal.SIGKILL)


@promise("forked-child-has-no-sockets")
def test_clients_do_not_wait_for_a_worker_that_was_killed() -> None:
    """If a child still had a listening socket of a port that several processes share, the kernel would give it
    connections."""
    with serving(python(SYSTEM_APP, json.dumps({"workers": 2}))) as server:
        child = int(ask(server.port, "/kept_child"))
        try:
            parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
            os.kill(parent, signal.SIGKILL)
            server.wait_for_output(re.compile(r"was ended by SIGKILL"))
            assert all(ask(server.port, "/worker") for _ in range(30))
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_programs_that_a_handler_starts_end_by_sigint(workers: int) -> None:
    with serving(python(SYSTEM_APP, json.dumps({"workers": workers}))) as server:
        assert ask(server.port, "/interrupted_child") == f"the child ended with {-signal.SIGINT}"


@promise("forked-child-ends")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_a_signal_ends_a_forked_child(fast: bool, workers: int) -> None:
    """In the child, the signal is not taken as a request to stop the server."""
    with serving(python(SYSTEM_APP, json.dumps({"fast": fast, "workers": workers}))) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/terminated_child")
        assert connection.getresponse().read().decode() == f"the child ended with {-signal.SIGTERM}"
        connection.close()
