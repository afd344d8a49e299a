"""HTTP requests that are refused: too large, ambiguous, malformed. Each gets one answer, and then the connection ends,
so that what follows can't be taken for a second request.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from front_ends import ROOT, Server
from promises import promise
from raw import Peer, http, request
from test_vectors import characters


def refused(server: Server, data: bytes, *statuses: int) -> None:
    """Expects one answer with one of these statuses, and then the end: what follows is not read as a second request."""
    with Peer(server.port) as peer:
        peer.send_unless_closed(data + request("GET", "/livez"))
        response = peer.read_response()
        assert response.status in statuses, response
        assert response.closes
        peer.expect_end()


@promise("request-limits")
@pytest.mark.parametrize(
    ("name", "head", "status"),
    [
        ("request line", request("GET", "/" + "x" * 8192), 414),
        ("one field", request("GET", "/livez", [("X-A", "x" * 16 * 1024)]), 431),
        ("all fields", request("GET", "/livez", [(f"X-{n}", "x" * 1000) for n in range(17)]), 431),
        ("101 fields", request("GET", "/livez", [(f"X-{n}", "x") for n in range(100)]), 431),
    ],
)
def test_a_head_that_is_too_large(server: Server, name: str, head: bytes, status: int) -> None:
    refused(server, head, status)


@promise("request-limits")
def test_a_head_of_the_greatest_size(server: Server) -> None:
    line = "/livez?" + "x" * (8192 - len("GET /livez? HTTP/1.1"))
    assert http(server.port, "GET", line).status == 200
    assert http(server.port, "GET", "/livez", [(f"X-{n}", "x") for n in range(99)]).status == 200


def test_a_refusal_of_head_has_no_body(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("HEAD", "/body", [("Content-Length", str(1024 * 1024 + 1))]))
        response = peer.read_response("HEAD")
        assert response.status in (405, 413)
        peer.expect_end()


@promise("request-limits")
def test_a_body_that_is_too_large(server: Server) -> None:
    refused(server, request("POST", "/body", [("Content-Length", str(1024 * 1024 + 1))]), 413)
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    refused(server, request("POST", "/body", [("Transfer-Encoding", "chunked")]) + chunk * 17, 413)


SMUGGLED = [
    [("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
    [("Content-Length", "5"), ("Content-Length", "6")],
    [("Content-Length", "5, 6")],
    [("Content-Length", "+5")],
    [("Content-Length", "-0")],
    [("Content-Length", "0x5")],
    [("Content-Length", "5a")],
    [("Content-Length", "1_0")],
    [("Content-Length", "")],
    [("Content-Length", str(2**64))],
    [("Transfer-Encoding", "xchunked")],
    [("Transfer-Encoding", "chunked, chunked")],
    [("Transfer-Encoding", "chunked, identity")],
    [("Transfer-Encoding", "\x0bchunked")],
]


@promise("request-limits")
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("headers", SMUGGLED, ids=str)
def test_framing_that_is_ambiguous(server: Server, headers: list[tuple[str, str]], version: bytes) -> None:
    head = request("POST", "/body", headers).replace(b"HTTP/1.1", b"HTTP/" + version)
    refused(server, head + b"0\r\n\r\n", 400, 501, 413)


@promise("request-limits")
@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\rb\r\n\r\n",
        b"GET /livez HTTP/1.1\nHost: localhost\n\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX(A): a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /livez http/1.1\r\nHost: localhost\r\n\r\n",
        b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez#x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_heads_that_are_malformed(server: Server, head: bytes) -> None:
    refused(server, head, 400, 505)


@pytest.mark.parametrize(
    "chunks",
    [
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"00000000000000005\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"-1\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\nhello",
    ],
)
def test_chunks_that_are_malformed(server: Server, chunks: bytes) -> None:
    refused(server, request("POST", "/body", [("Transfer-Encoding", "chunked")]) + chunks, 400, 413)


# ---- the vectors of contract/http, over a socket --------------------------------------------------------------------


def refusals(name: str) -> Iterator[dict[str, Any]]:
    """Returns the vectors that are refused with the default limits."""
    for vector in json.loads((ROOT / "contract" / "http" / f"{name}.json").read_text()):
        if "status" in vector and "limits" not in vector:
            yield vector


@promise("request-limits")
def test_every_head_that_the_vectors_refuse(server: Server) -> None:
    """Whatever follows such a head is not read as a request: there is one answer, with the vector's status."""
    for vector in refusals("heads_refused"):
        refused_as(server, vector, characters(vector["bytes"]))


@promise("request-limits")
def test_every_body_that_the_vectors_refuse(server: Server) -> None:
    for vector in refusals("bodies"):
        length = vector.get("content_length")
        fields = [("Transfer-Encoding", "chunked")] if length is None else [("Content-Length", str(length))]
        refused_as(server, vector, request("POST", "/body", fields) + characters(vector["bytes"]))


def refused_as(server: Server, vector: dict[str, Any], data: bytes) -> None:
    try:
        refused(server, data, vector["status"])
    except Exception as error:
        error.add_note(f"the vector {vector['name']!r}")
        raise
