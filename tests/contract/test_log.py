"""The log: its lines are the server's own, whatever a peer sends, and it may be a pipe whose reader goes away or stops
reading. That costs log lines, but never the server."""

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Iterator

import pytest
from front_ends import Server
from promises import promise
from raw import CLOSE, EndOfStreamError, Peer, WebSocket, frame, http, request, upgrade

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


# Terminals obey these, and readers of logs take them for another line. In ISO 6429, 0x9B is ESC and "[" at once.
HOSTILE = [
    "\x1b[31m",
    "\x9b31m",
    "\r\nFORGED",
    "\nFORGED",
    "\x7f",
    "\x00",
    "\u2028FORGED".encode().decode("latin-1"),
    "\xff\xfe",
]


def hostile_requests() -> Iterator[bytes]:
    for text in HOSTILE:
        encoded = "".join(f"%{ord(character):02x}" for character in text)
        yield request("GET", f"/{text}")
        yield request("GET", f"/{encoded}?{encoded}")
        yield request("GET", f"/static/{encoded}")
        yield request("GET", f"/hdr?n=X-A&v={encoded}")
        yield request(f"GET{text}", "/livez")
        yield request("GET", "/livez", host=f"example.org{text}")
        for name in ("Origin", "User-Agent", "Referer", "X-Forwarded-For", "Sec-WebSocket-Protocol"):
            yield upgrade("/echo", [(name, f"https://example.org{text}")])
        yield upgrade("/echo", [("Sec-WebSocket-Extensions", f"a{text}")])
        yield upgrade(f"/raise?at=recv&id={encoded}") + frame(CLOSE, b"\x03\xe8" + text.encode())
        yield upgrade("/echo") + frame(CLOSE, b"\x03\xea" + text.encode())


@promise("access-log")
@pytest.mark.parametrize("kind", ["common", "json"])
def test_whatever_a_peer_sends_is_one_printable_line(start_server: Start, kind: str) -> None:
    server = start_server(options=("--access-log", kind))
    server.expect_fault("X-A")
    for data in hostile_requests():
        with Peer(server.port) as peer, contextlib.suppress(EndOfStreamError):
            peer.send_unless_closed(data)
            peer.end_sending()
            while peer.fill():
                pass
    server.stop()
    assert len(server.lines) > 100
    for line in server.lines:
        # The text of an exception is the application's, and may have any printable character.
        assert re.fullmatch("[ -~]*", line) or ("ValueError: " in line and line.isprintable()), line
        assert not line.startswith("FORGED"), line
