"""A handler that forks: the child is a copy that can't serve; whatever it does on its way out, the parent goes on."""

import asyncio
import http.client
import json
import os
import signal
import zlib

import pytest
from lean_client import LeanWebSocket
from system_servers import SYSTEM_APP, Process, python, run, serving


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


@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_a_child_takes_nothing_of_what_others_send(fast: bool) -> None:
    """It comes back in the middle of a batch of reads, which are the parent's."""
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


@pytest.mark.parametrize(("how", "status"), [("return", 1), ("raise", 1), ("exit", 3)])
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_a_child_of_a_sync_handlers_thread_ends(fast: bool, how: str, status: int) -> None:
    """Otherwise it would wait in the parent's pool of threads for ever, and the parent for its child."""
    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for _ in range(2):
            connection.request("GET", f"/fork_in_a_thread/{how}")
            assert connection.getresponse().read().decode() == f"the child ended with {status}"
        connection.close()


@pytest.mark.parametrize("options", [{}, {"fast": True}, {"loop": "uvloop"}])
def test_a_child_that_comes_back_to_the_loop_ends(options: dict[str, object]) -> None:
    """Wherever that is: it does not wait there for what comes for the parent."""

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


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_a_signal_ends_a_forked_child(fast: bool, workers: int) -> None:
    """It is not the server's wish to stop, which means nothing in the child."""
    with serving(python(SYSTEM_APP, json.dumps({"fast": fast, "workers": workers}))) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/terminated_child")
        assert connection.getresponse().read().decode() == f"the child ended with {-signal.SIGTERM}"
        connection.close()
