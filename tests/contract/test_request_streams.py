"""Handlers that read a request's body in parts, and what they are told about it."""

import gzip
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from front_ends import Server
from promises import promise
from raw import Headers, Peer, http, request

Start = Callable[..., Server]

CHUNKED = [("Transfer-Encoding", "chunked")]
TEXT = random.Random(8).randbytes(1_000_000)
SMALL = 1000  # max_body_size of the routes below /features/upload/small
PAUSED = 8 * 2**20  # more than the sockets' buffers and the engine's take


def chunk(octets: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(octets), octets)


def in_chunks(octets: bytes, size: int) -> bytes:
    return b"".join(chunk(octets[at : at + size]) for at in range(0, len(octets), size)) + b"0\r\n\r\n"


def counts(server: Server) -> dict[str, int]:
    found: dict[str, int] = http(server.port, "GET", "/features/upload/counts").json()
    return found


def expected(octets: bytes) -> dict[str, Any]:
    return {"size": len(octets), "adler32": zlib.adler32(octets)}


@promise("request-stream")
@pytest.mark.parametrize("size", [0, 1, 1000, 65_536, len(TEXT)])
def test_a_body_in_parts(server: Server, size: int) -> None:
    with Peer(server.port) as peer:
        for _ in range(2):  # the connection is kept
            assert peer.ask("POST", "/features/upload", body=TEXT[:size]).json() == expected(TEXT[:size])
        peer.send(request("POST", "/features/upload", CHUNKED) + in_chunks(TEXT[:size], 10_000))
        assert peer.read_response().json() == expected(TEXT[:size])


@promise("request-stream")
def test_the_handler_gets_each_part_as_it_arrives(server: Server) -> None:
    before = counts(server)
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload", CHUNKED))
        while counts(server)["begun"] == before["begun"]:
            pass
        for number in range(1, 4):
            peer.send(chunk(b"part"))
            while counts(server)["parts"] < before["parts"] + number:
                pass
        peer.send(b"0\r\n\r\n")
        assert peer.read_response().json() == expected(b"part" * 3)


@promise("request-stream", "coded-requests")
def test_a_coded_body_is_decoded_on_its_way(server: Server) -> None:
    coded = gzip.compress(b" " * 10_000_000 + TEXT)
    for size in (10, len(coded)):
        with Peer(server.port) as peer:
            head = [("Content-Encoding", "gzip"), ("Content-Length", str(len(coded)))]
            peer.send(request("POST", "/features/upload", head) + coded[:size])
            peer.send(coded[size:])
            assert peer.read_response().json() == expected(b" " * 10_000_000 + TEXT)


@promise("request-stream")
def test_a_client_is_held_back_while_the_handler_does_not_read(start_server: Start) -> None:
    server = start_server()
    body = TEXT * (4 * PAUSED // len(TEXT))
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload?wait", [("Content-Length", str(len(body)))]))
        peer.socket.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += peer.socket.send(body[sent : sent + 65_536])
        assert sent < 2 * PAUSED
        assert counts(server)["parts"] == 0
        http(server.port, "POST", "/features/upload/go")
        peer.send(body[sent:])
        assert peer.read_response().json() == expected(body)


@promise("request-stream")
def test_both_directions_at_once(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload/echo", CHUNKED))
        for number in range(3):
            part = b"part %d" % number
            peer.send(chunk(part))
            if number == 0:
                assert peer.read_head().status == 200
            peer.read_until(b"\r\n%b\r\n" % part)
        peer.send(b"0\r\n\r\n")
        peer.read_until(b"0\r\n\r\n")


@promise("request-stream")
def test_a_refusal_before_the_body_was_read(server: Server) -> None:
    """The client has not been asked for it."""
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload/denied", [("Expect", "100-continue"), ("Content-Length", "5000")]))
        answer = peer.read_response()
        assert (answer.status, answer.body) == (401, b"who are you?\n")
    with Peer(server.port) as peer:
        peer.send_unless_closed(request("POST", "/features/upload/denied", body=TEXT))
        assert peer.read_response().status == 401


@promise("request-stream")
def test_the_client_is_told_to_continue_once_the_handler_reads(start_server: Start) -> None:
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload?wait", [("Expect", "100-continue"), ("Content-Length", "5")]))
        while counts(server)["begun"] == 0:
            pass
        assert peer.is_quiet(0.1)
        http(server.port, "POST", "/features/upload/go")
        assert peer.read_response().status == 100
        peer.send(b"hello")
        assert peer.read_response().json() == expected(b"hello")


# ---- max_body_size --------------------------------------------------------------------------------------------------


@promise("route-max-body-size")
@pytest.mark.parametrize("path", ["", "/whole"])
@pytest.mark.parametrize("fields", [[], [("Expect", "100-continue")]], ids=["sent", "waiting"])
def test_a_length_beyond_the_routes_limit(server: Server, path: str, fields: Headers) -> None:
    target = "/features/upload/small" + path
    assert http(server.port, "POST", target, body=TEXT[:SMALL]).json() == {"size": SMALL}
    with Peer(server.port) as peer:
        peer.send(request("POST", target, [*fields, ("Content-Length", str(SMALL + 1))]))
        peer.send_unless_closed(TEXT[: SMALL + 1])
        answer = peer.read_response()
        if answer.status == 100:  # an ASGI server takes what many clients send before they read an answer
            answer = peer.read_response()
        assert (answer.status, b"max_body_size" in answer.body) == (413, True)


@promise("route-max-body-size")
@pytest.mark.parametrize("path", ["", "/whole"])
def test_chunks_beyond_the_routes_limit(server: Server, path: str) -> None:
    target = "/features/upload/small" + path
    with Peer(server.port) as peer:
        peer.send(request("POST", target, CHUNKED) + in_chunks(TEXT[:SMALL], 100))
        assert peer.read_response().json() == {"size": SMALL}
        peer.send_unless_closed(request("POST", target, CHUNKED) + in_chunks(TEXT[: SMALL + 1], 100))
        answer = peer.read_response()
        assert (answer.status, b"max_body_size" in answer.body) == (413, True)


@promise("route-max-body-size")
def test_a_handler_may_catch_that_its_body_is_too_long(server: Server) -> None:
    with Peer(server.port) as peer:
        sent = in_chunks(TEXT[: SMALL + 1], 100)
        peer.send_unless_closed(request("POST", "/features/upload/small/caught", CHUNKED) + sent)
        caught = peer.read_response().json()
        assert caught["status"] == 413
        assert "max_body_size" in caught["detail"]


@promise("route-max-body-size")
def test_a_coded_body_beyond_the_routes_limit(server: Server) -> None:
    coded = gzip.compress(b" " * (SMALL + 1))
    chunks = in_chunks(coded, 10)
    with Peer(server.port) as peer:
        peer.send_unless_closed(
            request("POST", "/features/upload/small", [*CHUNKED, ("Content-Encoding", "gzip")]) + chunks
        )
        assert peer.read_response().status == 413


# ---- clients that leave ---------------------------------------------------------------------------------------------


@promise("request-stream", "client-leaves-during-upload")
@pytest.mark.parametrize("leave", [Peer.disconnect, Peer.reset])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_client_that_leaves(start_server: Start, leave: Callable[[Peer], None], is_chunked: bool) -> None:
    server = start_server()
    with Peer(server.port) as peer:
        headers = CHUNKED if is_chunked else [("Content-Length", "1000")]
        peer.send(request("POST", "/features/upload", headers) + (chunk(b"part") if is_chunked else b"part"))
        while counts(server)["parts"] == 0:
            pass
        leave(peer)
        while counts(server)["left"] == 0:
            pass
    server.stop()  # checks that nothing was logged


@promise("request-stream", "client-leaves-during-upload")
def test_a_client_that_leaves_before_the_handler_reads(start_server: Start) -> None:
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/upload?wait", [("Content-Length", "1000")]) + b"part")
        while counts(server)["begun"] == 0:
            pass
        peer.reset()
        http(server.port, "POST", "/features/upload/go")
        while counts(server)["left"] == 0:
            pass
    server.stop()
