"""Bodies that are larger than the memory that a server may take for them. ``PROAPI_LARGE_BODY_MIB`` sets their size."""

import os
import re
import signal
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, request

Start = Callable[..., Server]

SIZE = int(os.environ.get("PROAPI_LARGE_BODY_MIB", "64")) * 2**20
PART = bytes(range(256)) * 256
MOST = 64 * 2**20  # of the whole process, for both languages
SECONDS = 60 + SIZE // 2**20

pytestmark = pytest.mark.memory


def peak_bytes(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def send_parts(peer: Peer) -> int:
    """Sends the body, and returns its checksum."""
    checksum = zlib.adler32(b"")
    for _ in range(SIZE // len(PART)):
        peer.send(PART)
        checksum = zlib.adler32(PART, checksum)
    return checksum


def receive(peer: Peer, octets: int) -> None:
    while octets > 0:  # chunks have sizes of their own
        if not peer.buffer:
            assert peer.fill()
        octets -= len(peer.buffer)
        peer.buffer = b""


@promise("large-bodies")
def test_an_upload(start_server: Start) -> None:
    signal.alarm(SECONDS)
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload", [("Content-Length", str(SIZE))]))
        checksum = send_parts(peer)
        assert peer.read_response(within_s=60).json() == {"size": SIZE, "adler32": checksum}
    print(f"{server.front_end.name}: an upload of {SIZE >> 20} MiB, peak {peak_bytes(server) >> 20} MiB")
    assert peak_bytes(server) < MOST


@promise("large-bodies")
def test_a_file_in_a_form(start_server: Start) -> None:
    """It goes to the disk, of which one temporary file is taken and given back."""
    signal.alarm(SECONDS)
    server = start_server()
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    tail = b'end\r\n--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n--x--\r\n'
    fields = [
        ("Content-Length", str(len(head) + SIZE + len(tail))),
        ("Content-Type", "multipart/form-data; boundary=x"),
    ]
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload/form", fields) + head)
        send_parts(peer)
        peer.send(tail)
        assert peer.read_response(within_s=60).json() == {"name": "Ada", "size": SIZE + 3, "end": "end"}
    print(f"{server.front_end.name}: a file of {SIZE >> 20} MiB in a form, peak {peak_bytes(server) >> 20} MiB")
    assert peak_bytes(server) < MOST


@promise("large-bodies")
def test_a_download_of_a_file(start_server: Start) -> None:
    signal.alarm(SECONDS)
    server = start_server()
    big = next(server.temporary.glob("*/big.bin"))
    with (big.parent / "large.bin").open("wb") as large:
        large.truncate(SIZE)  # without blocks on the disk
    with Peer(server.port) as peer:
        peer.send(request("GET", "/static/large.bin"))
        assert peer.read_head().get("content-length") == str(SIZE)
        receive(peer, SIZE)
    print(f"{server.front_end.name}: a file of {SIZE >> 20} MiB, peak {peak_bytes(server) >> 20} MiB")
    assert peak_bytes(server) < MOST


@promise("large-bodies")
def test_a_download_in_parts(start_server: Start) -> None:
    signal.alarm(SECONDS)
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(request("GET", f"/features/stream?count={SIZE // len(PART)}&size={len(PART)}"))
        assert peer.read_head().status == 200
        receive(peer, SIZE)
    print(f"{server.front_end.name}: a stream of {SIZE >> 20} MiB, peak {peak_bytes(server) >> 20} MiB")
    assert peak_bytes(server) < MOST
