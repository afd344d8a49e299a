"""Requests that follow each other on one connection without waiting for the answers (RFC 9112 section 9.3.2): their
order, and what ends the connection in the middle of them.
"""

from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import BINARY, TEXT, EndOfStreamError, Peer, check_accept, frame, http, request, upgrade

Start = Callable[..., Server]

STREAM = request("GET", "/features/stream?count=50&size=1000")
FAILS = request("GET", "/features/stream?count=1&size=10&fail")


def echo(number: int) -> bytes:
    return request("POST", "/body", body=b"%d" % number)


def read_everything(peer: Peer) -> bytes:
    """Returns what arrives until the end of the stream, which may be a reset."""
    try:
        while peer.fill():
            pass
    except EndOfStreamError:
        pass
    return peer.buffer


@promise("pipelining")
def test_requests_behind_a_stream(server: Server) -> None:
    """Nothing of an answer is inside another one."""
    with Peer(server.port) as peer:
        peer.send(echo(1) + STREAM + echo(2) + STREAM + echo(3))
        assert peer.read_response().body == b"1"
        for number in (2, 3):
            streamed = peer.read_response()
            assert streamed.body == b"".join(b"%d " % n + b"." * (1000 - len(b"%d " % n)) for n in range(50))
            assert peer.read_response().body == b"%d" % number
        assert peer.ask("GET", "/livez").body == b"ok"


@promise("pipelining", "cut-response")
def test_requests_behind_an_answer_that_fails(start_server: Start) -> None:
    """They are not served: nobody could tell where their answers begin."""
    server = start_server()
    server.expect_fault("raised as asked")
    before = http(server.port, "GET", "/features/streams/begun").json()
    with Peer(server.port) as peer:
        peer.send(echo(1) + FAILS + STREAM + echo(2))
        assert peer.read_response().body == b"1"
        rest = read_everything(peer)
    assert rest.count(b"HTTP/1.1 ") <= 1, "an answer to a request behind the one that fails"
    assert not rest.endswith(b"\r\n0\r\n\r\n")
    assert http(server.port, "GET", "/features/streams/begun").json() == before + 1


@promise("pipelining")
@pytest.mark.parametrize("last", ["Connection: close", "HTTP/1.0", "HTTP/1.0 and keep-alive, close"])
def test_the_last_request_in_the_middle_of_others(server: Server, last: str) -> None:
    """A request that ends the connection is the last one that is answered (RFC 9112 section 9.6)."""
    ends = request("POST", "/body", [("Connection", "close")], b"last")
    if last.startswith("HTTP/1.0"):
        fields = b"Connection: keep-alive, close\r\n" if "and" in last else b""
        ends = b"POST /body HTTP/1.0\r\nHost: localhost\r\n" + fields + b"Content-Length: 4\r\n\r\nlast"
    with Peer(server.port) as peer:
        peer.send_unless_closed(echo(1) + echo(2) + ends + echo(3) + echo(4))
        assert [peer.read_response().body for _ in range(2)] == [b"1", b"2"]
        answer = peer.read_response()
        assert (answer.body, answer.closes) == (b"last", True)
        peer.expect_end()


@promise("pipelining")
def test_requests_of_http_1_0_that_keep_the_connection(server: Server) -> None:
    kept = b"POST /body HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n"
    with Peer(server.port) as peer:
        peer.send(b"".join(kept + b"%d" % number for number in range(5)))
        for number in range(5):
            answer = peer.read_response()
            assert (answer.body, answer.closes) == (b"%d" % number, False)
            assert answer.tokens("connection") == ["keep-alive"]


@promise("pipelining")
@pytest.mark.parametrize("place", [0, 1, 2, 7, 8, 9, 31, 32, 33, 100])
def test_a_handshake_at_any_place(server: Server, place: int) -> None:
    """8 requests are taken in one turn. What follows a handshake are frames."""
    with Peer(server.port) as peer:
        frames = b"".join(frame(TEXT, b"%d" % number) for number in range(3)) + frame(BINARY, b"x" * 1000)
        peer.send(b"".join(map(echo, range(place))) + upgrade("/echo") + frames)
        assert [peer.read_response().body for _ in range(place)] == [b"%d" % number for number in range(place)]
        check_accept(peer.read_head())
        assert [peer.read_frame().payload for _ in range(4)] == [b"0", b"1", b"2", b"x" * 1000]


@promise("pipelining")
@pytest.mark.parametrize("place", [0, 1, 8, 33])
def test_what_follows_a_handshake_is_never_a_request(server: Server, place: int) -> None:
    """Neither after a 101, whose connection carries frames, nor after a refusal, which ends the connection."""
    requests = b"".join(map(echo, range(place)))
    with Peer(server.port) as peer:
        peer.send(requests + upgrade("/echo") + STREAM)
        assert [peer.read_response().status for _ in range(place)] == [200] * place
        check_accept(peer.read_head())
        closed = peer.read_frame()
        assert (closed.opcode, closed.payload[:2]) == (8, (1002).to_bytes(2, "big"))
        peer.expect_end()
    with Peer(server.port) as peer:
        peer.send_unless_closed(requests + upgrade("/echo", version="8") + STREAM)
        assert [peer.read_response().status for _ in range(place)] == [200] * place
        refusal = peer.read_response()
        assert (refusal.status, refusal.closes) == (426, True)
        peer.expect_end()


@promise("pipelining")
@pytest.mark.plain("writes to a server that does not read, on one thread")
def test_ten_thousand_requests_at_once(server: Server) -> None:
    """As many as the sockets' buffers hold arrive before the first answer is read; all are answered in order."""
    count = 10_000
    with Peer(server.port) as peer:
        sent = 0
        answered = 0
        data = memoryview(b"".join(request("POST", "/body", body=b"%05d" % number) for number in range(count)))
        peer.socket.settimeout(0.5)
        while answered < count:
            try:
                while sent < len(data):
                    sent += peer.socket.send(data[sent:])
            except TimeoutError:
                pass
            for _ in range(min(500, count - answered)):
                assert peer.read_response().body == b"%05d" % answered
                answered += 1
            peer.socket.settimeout(0.001)
