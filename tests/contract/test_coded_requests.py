"""Bodies of requests with a Content-Encoding (RFC 9110 section 8.4). The encoders are independent: those of Python's
standard library, of Brotli and of Zstandard.
"""

import gzip
import json
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from front_ends import Server
from promises import promise
from raw import Headers, Peer, Response, http, request

ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
TEXT = b"".join(b'{"number": %d, "square": %d}, ' % (number, number * number) for number in range(5000))


def post(server: Server, coding: str, body: bytes, path: str = "/body", headers: Headers = ()) -> Response:
    return http(server.port, "POST", path, [("Content-Encoding", coding), *headers], body)


@promise("coded-requests")
@pytest.mark.parametrize("coding", ENCODE)
def test_the_handler_gets_the_decoded_body(server: Server, coding: str) -> None:
    for body in (b"", b"text", TEXT):
        response = post(server, coding, ENCODE[coding](body))
        assert (response.status, response.body) == (200, body)
    parsed = post(server, coding.upper(), ENCODE[coding](b'{"a": [1]}'), "/features/json")
    assert json.loads(parsed.body) == {"got": {"a": [1]}}


@promise("coded-requests")
def test_the_fields_of_the_coding_are_not_shown(server: Server) -> None:
    """A handler that decodes what these fields say would decode it twice."""
    seen = json.loads(post(server, "gzip", gzip.compress(b"text"), "/features/request").body)
    assert seen["body"] == "text"
    assert not {"content-encoding", "content-length"} & seen["headers"].keys()


def test_chunks_and_members(server: Server) -> None:
    members = gzip.compress(b"one, ") + gzip.compress(b"") + gzip.compress(b"two")
    chunks = b"".join(b"1\r\n%c\r\n" % octet for octet in members) + b"0\r\n\r\n"
    with Peer(server.port) as peer:
        head = request("POST", "/body", [("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")])
        peer.send(head + chunks)
        assert peer.read_response("POST").body == b"one, two"
        peer.send(head + b"0\r\n\r\n")  # nothing to send after all
        assert peer.read_response("POST").body == b""


@promise("coded-requests")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_few_octets_behind_the_head(server: Server, coding: str) -> None:
    """They stand for more than the server decodes at a time."""
    text = b" " * 2**20
    octets = ENCODE[coding](text)
    with Peer(server.port) as peer:
        head = [("Content-Encoding", coding), ("Content-Length", str(len(octets))), ("Expect", "100-continue")]
        peer.send(request("POST", "/body", head))
        assert peer.read_response("POST").status == 100
        peer.send(octets)
        assert peer.read_response("POST").body == text


@promise("coded-requests")
@pytest.mark.parametrize("coding", ["compress", "gzip, gzip", "gzip, br", "*"])
def test_an_unknown_coding(server: Server, coding: str) -> None:
    response = post(server, coding, b"text")
    assert response.status == 415
    assert response.get("accept-encoding") == "gzip, deflate, br, zstd"
    assert b"Content-Encoding" in response.body


@promise("coded-requests")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_not_what_it_says(server: Server, coding: str) -> None:
    whole = ENCODE[coding](TEXT[:1000])
    for body in (b'{"plain": "text"}', whole[:-1], whole[: len(whole) // 2], whole + b"more"):
        assert post(server, coding, body).status == 400
    assert post(server, coding, whole).body == TEXT[:1000]


@promise("coded-requests")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_the_limit_is_of_the_decoded_body(server: Server, coding: str) -> None:
    """The default of max_body_size is 1 MiB."""
    assert post(server, coding, ENCODE[coding](b" " * 2**20)).status == 200
    for size in (2**20 + 1, 2**26):
        response = post(server, coding, ENCODE[coding](b" " * size))
        assert (response.status, b"max_body_size" in response.body) == (413, True)
