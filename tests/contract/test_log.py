"""The log may be a pipe whose reader goes away or stops reading. That costs log lines, but never the server."""

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
    """The reading end and the writing end. A test that closes one removes it from the list."""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def write_lines(server: Server, count: int) -> None:
    """Makes the server log ``count`` entries, each with a traceback in Python."""
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
    """Lines that do not fit into a full pipe are left out. Their number is logged once there is room again."""
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
    assert re.findall(rb"(\d+) log lines were dropped", log) == [b"300"]
