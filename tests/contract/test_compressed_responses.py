"""Responses that the server compresses (RFC 9110 sections 8.4 and 12.5.3). The decoders are independent: those of
Python's standard library, of Brotli and of Zstandard.
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
from raw import EndOfStreamError, Headers, Peer, Response, http, request

DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


@pytest.fixture
def compressing(start_server: Callable[..., Server]) -> Server:
    return start_server(limits={"compress": "true", "compression_threshold": "100"})


def ask(server: Server, target: str, accept: str | None = "gzip", headers: Headers = ()) -> Response:
    accepted = [] if accept is None else [("Accept-Encoding", accept)]
    return http(server.port, "GET", target, [*accepted, *headers])


@promise("compressed-responses")
@pytest.mark.parametrize("coding", DECODE)
def test_a_whole_response(compressing: Server, coding: str) -> None:
    target = "/features/request?text=" + "abc" * 1000
    response = ask(compressing, target, coding)
    assert response.get("content-encoding") == coding
    assert response.get("vary") == "Accept-Encoding"
    assert int(response.get("content-length")) == len(response.body) < 1000
    assert json.loads(DECODE[coding](response.body))["query"]["text"] == ["abc" * 1000]


@promise("compressed-responses")
def test_the_client_chooses(compressing: Server) -> None:
    for accept, coding in (
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1, *;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
    ):
        assert ask(compressing, "/features/request", accept).get("content-encoding") == coding, accept
    for none in (None, "", "identity", "gzip;q=0", "compress, exi"):
        response = ask(compressing, "/features/request", none)
        assert response.getlist("content-encoding") == []
        assert response.get("vary") == "Accept-Encoding"


@promise("compressed-responses")
def test_small_and_incompressible_ones(compressing: Server) -> None:
    small = ask(compressing, "/features/html")
    assert (small.getlist("content-encoding"), small.get("vary")) == ([], "Accept-Encoding")
    for target in ("/static/big.bin", "/features/bytes"):
        response = ask(compressing, target)
        assert (response.getlist("content-encoding"), response.getlist("vary")) == ([], [])


@promise("compressed-responses")
@pytest.mark.parametrize("coding", DECODE)
def test_a_file(compressing: Server, coding: str) -> None:
    plain = ask(compressing, "/features/file", None)
    response = ask(compressing, "/features/file", coding)
    assert response.get("content-encoding") == coding
    assert DECODE[coding](response.body) == plain.body
    assert response.get("etag") == "W/" + plain.get("etag")
    assert (plain.get("accept-ranges"), response.getlist("accept-ranges")) == ("bytes", [])


@promise("compressed-responses")
def test_conditions_and_ranges_of_a_file(compressing: Server) -> None:
    plain = ask(compressing, "/features/file", None)
    etag = ask(compressing, "/features/file").get("etag")
    for known in (etag, plain.get("etag")):
        response = ask(compressing, "/features/file", headers=[("If-None-Match", known)])
        assert (response.status, response.get("etag")) == (304, known)
    part = ask(compressing, "/features/file", headers=[("Range", "bytes=1-9")])
    assert (part.status, part.getlist("content-encoding"), part.body) == (206, [], plain.body[1:10])
    whole = ask(compressing, "/features/file", headers=[("Range", "bytes=1-9"), ("If-Range", etag)])
    assert (whole.status, whole.get("content-encoding")) == (200, "gzip")


@promise("compressed-responses")
def test_head_has_the_fields_of_get(compressing: Server) -> None:
    target = "/features/request?text=" + "abc" * 1000
    accept = [("Accept-Encoding", "gzip")]
    response = http(compressing.port, "HEAD", "/features/file", accept)
    assert (response.get("content-encoding"), response.body) == ("gzip", b"")
    assert http(compressing.port, "GET", target, accept).get("content-encoding") == "gzip"


@promise("compressed-responses")
def test_a_stream(compressing: Server) -> None:
    """What is written can be decoded before the next part is there."""
    with Peer(compressing.port) as peer:
        head = [("Accept-Encoding", "gzip")]
        peer.send(request("GET", "/features/stream?count=3&size=1000&quiet=", head))
        inflate, text = zlib.decompressobj(31), b""
        response = peer.read_head()
        assert response.get("content-encoding") == "gzip"
        assert response.get("transfer-encoding") == "chunked"
        while len(text) < 3000:
            size = int(peer.read_until(b"\r\n"), 16)
            text += inflate.decompress(peer.read(size + 2)[:-2])
        assert text == b"".join(b"%d " % number + b"." * 998 for number in range(3))


def test_a_stream_that_fails_does_not_look_complete(compressing: Server) -> None:
    compressing.expect_fault("raised as asked")
    with Peer(compressing.port) as peer:
        head = [("Accept-Encoding", "gzip")]
        peer.send(request("GET", "/features/stream?count=2&size=1000&fail=", head))
        with pytest.raises(EndOfStreamError):
            peer.read_response()


def test_a_client_of_http_1_0(compressing: Server) -> None:
    with Peer(compressing.port) as peer:
        peer.send(b"GET /features/request HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        assert peer.read_response().getlist("content-encoding") == []


def test_it_is_off(server: Server) -> None:
    response = ask(server, "/features/request?text=" + "abc" * 1000)
    assert (response.getlist("content-encoding"), response.getlist("vary")) == ([], [])
