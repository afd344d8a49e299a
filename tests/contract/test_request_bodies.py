"""Bodies of requests that are not as clients usually send them: trailers, bodies that nobody expects or reads, and
clients that wait for 100 (Continue).
"""

import pytest
from front_ends import Server
from promises import promise
from raw import Headers, Peer, http, request

CHUNKED = [("Transfer-Encoding", "chunked")]
DRAINED = 64 * 1024  # of a body that nobody reads; a client that sends more loses its connection
TRAILERS = (
    "Content-Length: 7",
    "Transfer-Encoding: chunked",
    "Host: evil.test",
    "Authorization: Basic eDp5",
    "Cookie: session=evil",
    "Connection: close",
    "X-Forwarded-For: 203.0.113.9",
    "X-Own: trailer",
)


@promise("request")
@pytest.mark.parametrize("trailer", [*TRAILERS, "\r\n".join(TRAILERS)], ids=lambda text: text.split(":")[0])
def test_a_trailer_is_no_header(server: Server, trailer: str) -> None:
    """It changes neither the request nor the connection (RFC 9110 section 6.5.1)."""
    chunks = b"5\r\nhello\r\n0\r\n" + trailer.encode() + b"\r\n\r\n"
    with Peer(server.port) as peer:
        peer.send(request("POST", "/features/request", [*CHUNKED, ("X-Own", "header")]) + chunks)
        seen = peer.read_response()
        assert not seen.closes
        assert seen.json()["body"] == "hello"
        assert seen.json()["cookies"] == {}
        assert seen.json()["headers"] == {"host": ["localhost"], "transfer-encoding": ["chunked"], "x-own": ["header"]}
        assert peer.ask("POST", "/body", body=b"the next").body == b"the next"


@promise("request")
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_of_any_method(server: Server, method: str, is_chunked: bool) -> None:
    with Peer(server.port) as peer:
        if is_chunked:
            peer.send(request(method, "/features/request", CHUNKED) + b"4\r\nbody\r\n0\r\n\r\n")
        else:
            peer.send(request(method, "/features/request", body=b"body"))
        assert peer.read_response().json()["body"] == "body"
        assert peer.ask("GET", "/livez").body == b"ok"


@pytest.mark.parametrize("path", ["/livez", "/nowhere"])
@pytest.mark.parametrize("size", [1, DRAINED - 1, DRAINED, DRAINED + 1, 10 * DRAINED])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_nobody_reads_is_never_a_request(server: Server, path: str, size: int, is_chunked: bool) -> None:
    """The body consists of requests. They are drained, or the connection ends."""
    poison = request("GET", "/features/html")
    body = (poison * (size // len(poison) + 1))[:size]
    headers: Headers = CHUNKED if is_chunked else [("Content-Length", str(size))]
    sent = request("GET", path, headers)
    sent += b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if is_chunked else body
    with Peer(server.port) as peer:
        peer.send_unless_closed(sent)
        answer = peer.read_response()
        assert answer.status == (200 if path == "/livez" else 404)
        if answer.closes:
            peer.expect_end()
        else:
            assert peer.ask("GET", "/readyz").body == b"ok"
    assert http(server.port, "GET", "/livez").status == 200


# ---- Expect: 100-continue (RFC 9110 section 10.1.1) -----------------------------------------------------------------


def test_an_http_1_0_client_gets_no_interim_response(server: Server) -> None:
    head = b"POST /body HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with Peer(server.port) as peer:
        peer.send(head)
        assert peer.is_quiet(0.2)
        peer.send(b"hello")
        answer = peer.read_response()
        assert (answer.status, answer.body) == (200, b"hello")


def test_a_client_that_does_not_wait(server: Server) -> None:
    """One 100 at most, and the answer."""
    sent = request("POST", "/body", [("Expect", "100-continue"), ("Content-Length", "5")]) + b"hello"
    with Peer(server.port) as peer:
        peer.send(sent * 3)
        for _ in range(3):
            answer = peer.read_response()
            if answer.status == 100:
                answer = peer.read_response()
            assert (answer.status, answer.body) == (200, b"hello")
        assert peer.ask("GET", "/livez").body == b"ok"


@pytest.mark.parametrize("fields", [[("Content-Length", "0")], []], ids=["empty", "none"])
def test_without_a_body_there_is_nothing_to_continue(server: Server, fields: Headers) -> None:
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body", [("Expect", "100-continue"), *fields]))
        answer = peer.read_response()
        assert (answer.status, answer.body) == (200, b"")
        assert peer.ask("GET", "/livez").body == b"ok"


def test_a_body_in_chunks_is_waited_for(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body", [("Expect", "100-Continue"), *CHUNKED]))
        assert peer.read_response().status == 100
        peer.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert peer.read_response().body == b"hello"


@pytest.mark.parametrize("expectation", ["tea", "100-continue, tea", "", "100-continue; q=1"])
def test_an_expectation_that_can_not_be_met(server: Server, expectation: str) -> None:
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body", [("Expect", expectation), ("Content-Length", "5")]))
        answer = peer.read_response()
        assert (answer.status, answer.closes) == (417, True)
        peer.expect_end()


@promise("request-limits")
def test_a_body_that_is_too_large_is_not_waited_for(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body", [("Expect", "100-continue"), ("Content-Length", str(1024 * 1024 + 1))]))
        answer = peer.read_response()
        assert (answer.status, answer.closes) == (413, True)
        peer.expect_end()
