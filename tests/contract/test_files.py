"""Files: of a directory, and one that a handler gives."""

import contextlib
import os
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
from front_ends import Server
from raw import Peer, http, request

Start = Callable[..., Server]

BIG = bytes(range(256)) * (4 * 1024 * 1024 // 256)


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


@pytest.mark.parametrize("field", [f"bytes={len(BIG)}-", "bytes=-0", f"bytes={2**62}-{2**63 - 1}"])
def test_a_range_beyond_the_end(server: Server, field: str) -> None:
    response = http(server.port, "GET", "/static/big.bin", [("Range", field)])
    assert (response.status, response.get("content-range")) == (416, f"bytes */{len(BIG)}")


@pytest.mark.parametrize("field", ["bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=--1", "bytes=0-1,3-4" + ",5-6" * 1000])
def test_a_range_that_is_ignored(server: Server, field: str) -> None:
    response = http(server.port, "GET", "/static/index.html", [("Range", field)])
    assert response.status in (200, 206)
    assert response.status == 200 or "," in field


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


@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "../../../../../../etc/passwd",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%5capp.py",
        "%252e%252e/app.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "big.bin/",
        "big.bin/..",
        "big.bin%00.html",
        "big.bin.",
        ".",
        "..",
        "x" * 256,
        "nothing",
    ],
)
def test_files_outside(server: Server, path: str) -> None:
    response = http(server.port, "GET", f"/static/{path}")
    assert response.status in (400, 404), response
    assert b"root:" not in response.body


def test_a_file_to_a_slow_reader(server: Server) -> None:
    with Peer(server.port, receive_buffer=4096) as slow:
        slow.send(request("GET", "/static/big.bin"))
        assert slow.read_head().status == 200
        assert http(server.port, "GET", "/livez").status == 200
        assert slow.read(len(BIG)) == BIG


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
def test_a_file_that_is_none(server: Server, what: str) -> None:
    with Peer(server.port) as peer:
        response = peer.ask("GET", f"/features/no-file/{what}")
        assert response.status == 404
        assert response.get("content-type") == "text/plain; charset=utf-8"
        assert peer.ask("GET", "/readyz").body == b"ok"


def test_files_while_sync_handlers_hold_every_thread(start_server: Start) -> None:
    server = start_server()
    with contextlib.ExitStack() as held:
        threads = http(server.port, "GET", "/features/blocked").json()["threads"]
        # One more than there are threads: it waits for one.
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
