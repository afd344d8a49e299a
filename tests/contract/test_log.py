"""The log may be a pipe whose reader goes away or stops to read: that costs lines, never the server."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator

import pytest
from front_ends import Server
from promises import promise
from raw import WebSocket, http

Start = Callable[..., Server]


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    """Its reading end and its writing end; a test that closes one takes it out."""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def write_lines(server: Server, count: int) -> None:
    """One each, with a traceback in Python."""
    for _ in range(count):
        assert http(server.port, "GET", "/features/fail").status == 500


@promise("log-pipe")
def test_the_reader_of_the_log_is_gone(start_server: Start, pipe: list[int]) -> None:
    server = start_server(stderr=pipe[1])
    while pipe:
        os.close(pipe.pop())
    write_lines(server, 5)
    assert server.process.poll() is None


@promise("log-pipe")
def test_nobody_reads_the_log(start_server: Start, pipe: list[int]) -> None:
    """Lines that a full pipe does not take are left out, and counted for whoever reads on."""
    reader, writer = pipe
    filling = b"." * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    os.write(writer, filling)
    server = start_server(stderr=writer)
    with WebSocket(server.port, "/echo") as websocket:
        write_lines(server, 300)
        assert websocket.ask("unharmed") == "unharmed"
    assert os.read(reader, len(filling)) == filling
    write_lines(server, 1)
    log = b""
    while b"raised as asked" not in log:
        log += os.read(reader, 4096)
    assert re.findall(rb"(\d+) log lines were left out", log) == [b"300"]
