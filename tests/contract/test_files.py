"""Files: those of a directory, and one that a handler returns."""

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, http, request

Start = Callable[..., Server]

BIG = bytes(range(256)) * (4 * 1024 * 1024 // 256)


@promise("static-files")
def test_a_file(server: Server) -> None:
    response = http(server.port, "GET", "/static/big.bin")
    assert response.body == BIG
    assert response.get("content-type") == "application/octet-stream"
    assert response.get("accept-ranges") == "bytes"
    assert response.get("x-content-type-options") == "nosniff"
    assert re.fullmatch(r'(W/)?"[^"]+"', response.get("etag"))
    assert parsedate_to_datetime(response.get("last-modified"))


def test_an_index_file(server: Server) -> None:
    for path in ("/static/", "/static/index.html"):
        response = http(server.port, "GET", path)
        assert (response.status, response.get("content-type")) == (200, "text/html; charset=utf-8")


def test_head_of_a_file(server: Server) -> None:
    response = http(server.port, "HEAD", "/static/big.bin")
    assert (response.get("content-length"), response.body) == (str(len(BIG)), b"")


@promise("static-files")
@pytest.mark.parametrize(
    ("field", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, len(BIG)),
        ("bytes=-1", len(BIG) - 1, len(BIG)),
        (f"bytes=-{len(BIG) * 2}", 0, len(BIG)),
        (f"bytes=4000000-{10**15}", 4000000, len(BIG)),
    ],
)
def test_a_range(server: Server, field: str, begin: int, end: int) -> None:
    response = http(server.port, "GET", "/static/big.bin", [("Range", field)])
    assert response.status == 206
    assert response.get("content-range") == f"bytes {begin}-{end - 1}/{len(BIG)}"
    assert response.body == BIG[begin:end]


@pytest.mark.parametrize(
    "field", [f"bytes={len(BIG)}-", "bytes=-0", f"bytes={2**62}-{2**63 - 1}", f"bytes={2**64 - 1}-"]
)
def test_a_range_beyond_the_end(server: Server, field: str) -> None:
    response = http(server.port, "GET", "/static/big.bin", [("Range", field)])
    assert (response.status, response.get("content-range")) == (416, f"bytes */{len(BIG)}")


@promise("static-files")
@pytest.mark.parametrize(
    "field",
    [
        "bytes=9-5",
        "bytes=a-b",
        "lines=1-2",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=",
        "bytes=-",
        f"bytes=0-{10**19}9",
        f"bytes={10**19}9-",
        f"bytes=-{10**19}9",
        "bytes=0-1,3-4",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(16)),
        "bytes=" + ",".join(f"{n}-" for n in range(17)),
        "bytes=" + ",".join(["0-9"] * 2000),
        "bytes=0-1,5-2,a",
    ],
    ids=lambda field: field[:30],
)
def test_a_range_that_is_ignored(server: Server, field: str) -> None:
    """Several ranges are answered with the whole file, so that a few octets never ask for many copies of it."""
    whole = http(server.port, "GET", "/static/index.html")
    response = http(server.port, "GET", "/static/index.html", [("Range", field)])
    assert (response.status, response.body) == (200, whole.body)


def test_ten_thousand_ranges(server: Server) -> None:
    """The head would be too large."""
    field = "bytes=" + ",".join(["0-"] * 10_000)
    with Peer(server.port) as peer:
        peer.send_unless_closed(request("GET", "/static/index.html", [("Range", field)]))
        assert peer.read_response().status == 431


@promise("static-files")
def test_conditions(server: Server) -> None:
    first = http(server.port, "GET", "/static/index.html")
    etag, modified = first.get("etag"), first.get("last-modified")
    for name, value, status in (
        ("If-None-Match", etag, 304),
        ("If-None-Match", f'"other", {etag}', 304),
        ("If-None-Match", f"W/{etag}", 304),
        ("If-None-Match", f'"other", W/{etag}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 200),
        ("If-None-Match", etag.upper().replace("W/", "") + "x", 200),
        ("If-Match", etag, 200),
        ("If-Match", f'"other", {etag}', 200),
        ("If-Match", "*", 200),
        ("If-Unmodified-Since", modified, 200),
        ("If-Modified-Since", modified, 304),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ):
        response = http(server.port, "GET", "/static/index.html", [(name, value)])
        assert (response.status, response.body) == (status, b"" if status == 304 else first.body), (name, value)
        assert response.get("etag") == etag
    for name, value in (
        ("If-Match", '"other"'),
        ("If-Match", f"W/{etag}"),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ):
        assert http(server.port, "GET", "/static/index.html", [(name, value)]).status == 412, (name, value)
    for condition, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
        fields = [("Range", "bytes=0-3"), ("If-Range", condition)]
        assert http(server.port, "GET", "/static/index.html", fields).status == status


def test_a_file_to_a_slow_reader(server: Server) -> None:
    with Peer(server.port, receive_buffer=4096) as slow:
        slow.send(request("GET", "/static/big.bin"))
        assert slow.read_head().status == 200
        assert http(server.port, "GET", "/livez").status == 200
        assert slow.read(len(BIG)) == BIG


@promise("slow-disks")
def test_a_file_that_is_not_in_the_cache(server: Server) -> None:
    [root] = server.temporary.glob("capp-*")
    with Peer(server.port) as peer:
        take_out_of_the_cache(root / "big.bin")
        assert peer.ask("GET", "/static/big.bin").body == BIG
        take_out_of_the_cache(root / "big.bin")
        assert peer.ask("GET", "/static/big.bin", [("Range", "bytes=5-9")]).body == BIG[5:10]


def take_out_of_the_cache(path: Path) -> None:
    """Evicts the file from the kernel's page cache and checks that it is gone, if the file system can tell. For other
    file systems, such as overlayfs, the server reads in a thread anyway."""
    until = time.monotonic() + 10
    with open(path, "rb") as file:
        while time.monotonic() < until:
            os.fsync(file.fileno())  # octets that are not yet written to disk can't be evicted
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            try:
                os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                assert error.errno == errno.EOPNOTSUPP
                return
    raise AssertionError(f"{path} stays in the kernel's cache")


@promise("kinds-of-responses")
def test_one_file(server: Server) -> None:
    response = http(server.port, "GET", "/features/file")
    assert (response.status, response.get("content-type")) == (200, "application/json")
    with open(os.path.join(os.path.dirname(__file__), "package.json"), "rb") as file:
        assert response.body == file.read()


def test_a_part_of_one_file(server: Server) -> None:
    whole = http(server.port, "GET", "/features/file")
    part = http(server.port, "GET", "/features/file", [("Range", "bytes=2-5")])
    assert (part.status, part.body) == (206, whole.body[2:6])
    assert part.get("content-range") == f"bytes 2-5/{len(whole.body)}"
    etag = whole.get("etag")
    assert etag
    unchanged = http(server.port, "GET", "/features/file", [("If-None-Match", etag)])
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert http(server.port, "GET", "/features/file", [("Range", "bytes=1000000-")]).status == 416


@pytest.mark.parametrize("what", ["directory", "nothing"])
def test_a_file_that_can_not_be_sent(server: Server, what: str) -> None:
    with Peer(server.port) as peer:
        response = peer.ask("GET", f"/features/no-file/{what}")
        assert response.status == 404
        assert response.get("content-type") == "text/plain; charset=utf-8"
        assert peer.ask("GET", "/readyz").body == b"ok"


@promise("files-need-no-pool-thread")
def test_files_while_sync_handlers_hold_every_thread(start_server: Start) -> None:
    server = start_server()
    with contextlib.ExitStack() as held:
        threads = http(server.port, "GET", "/features/blocked").json()["threads"]
        # One more than there are threads, so that one request waits for a thread.
        holding = [held.enter_context(Peer(server.port)) for _ in range(threads + 1)]
        for peer in holding:
            peer.send(request("GET", "/features/block"))
        while http(server.port, "GET", "/features/blocked").json()["blocked"] < threads:
            pass
        assert http(server.port, "GET", "/static/big.bin").body == BIG
        assert http(server.port, "GET", "/static/index.html", [("Range", "bytes=0-3")]).status == 206
        assert http(server.port, "GET", "/features/file").status == 200
        assert http(server.port, "GET", "/features/unblock").status == 204
        assert [peer.read_response().body for peer in holding] == [b"let go"] * len(holding)
