"""The opening handshake: RFC 6455 section 4, and requests that must not pass for one."""

from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import KEY, TEXT, Peer, Response, WebSocket, accept_value, check_accept, frame, http, request, upgrade


def answer(server: Server, data: bytes) -> Response:
    with Peer(server.port) as peer:
        peer.send_unless_closed(data)
        return peer.read_head()


def refused(server: Server, data: bytes, *statuses: int, ends: bool = True) -> Response:
    """Expects a refusal, never 101. The connection ends, so that what follows is read neither as frames nor as a
    request."""
    with Peer(server.port) as peer:
        peer.send_unless_closed(data)
        response = peer.read_response()
        assert response.status in statuses, response
        if ends:
            assert response.closes, response
            peer.expect_end()
        return response


def field(name: str, *values: str) -> list[tuple[str, str]]:
    return [(name, value) for value in values]


@promise("bad-handshakes")
def test_the_rfcs_example(server: Server) -> None:
    response = answer(server, upgrade("/echo", key="dGhlIHNhbXBsZSBub25jZQ=="))
    assert response.status == 101
    assert response.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert response.reason == "Switching Protocols"
    for name in ("content-length", "transfer-encoding", "sec-websocket-extensions", "sec-websocket-protocol"):
        assert response.getlist(name) == []
    check_accept(response)


@promise("bad-handshakes")
@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "OPTIONS"])
def test_other_methods(server: Server, method: str) -> None:
    with Peer(server.port) as peer:
        peer.send(upgrade("/echo", method=method))
        response = peer.read_response(method)
        assert response.status == 405
        assert response.tokens("allow") == ["get"]


def test_http_1_0(server: Server) -> None:
    refused(server, upgrade("/echo").replace(b"HTTP/1.1", b"HTTP/1.0"), 400, 426, 505)


@pytest.mark.parametrize("host", ["", "a,b", "user@host", "host/path", "host:port", "host:99999", "a b", "[::1"])
def test_invalid_hosts(server: Server, host: str) -> None:
    refused(server, upgrade("/echo", host=host), 400)


def test_a_host_that_is_missing_or_there_twice(server: Server) -> None:
    refused(server, upgrade("/echo").replace(b"Host: localhost\r\n", b""), 400)
    refused(server, upgrade("/echo", field("Host", "localhost")), 400)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:80", "a.localhost"])
def test_hosts(server: Server, host: str) -> None:
    assert answer(server, upgrade("/echo", host=host)).status == 101


@promise("bad-handshakes")
@pytest.mark.parametrize("value", ["websocket", "WebSocket", "foo, websocket", "WEBSOCKET ,foo/2"])
def test_upgrade_fields(server: Server, value: str) -> None:
    assert answer(server, upgrade("/echo", upgrade_field=value)).status == 101


def test_two_upgrade_fields(server: Server) -> None:
    assert answer(server, upgrade("/echo", field("Upgrade", "foo"))).status == 101


@pytest.mark.parametrize("value", [None, "websocket/13", "websockets", "h2c", "web socket"])
def test_upgrade_fields_of_other_requests(server: Server, value: str | None) -> None:
    """An ordinary request to the address of a WebSocket."""
    response = refused(server, upgrade("/echo", upgrade_field=value), 426, ends=False)
    assert "websocket" in response.tokens("upgrade")


@promise("bad-handshakes")
@pytest.mark.parametrize("value", ["Upgrade", "upgrade", "keep-alive, UPGRADE", "keep-alive ,Upgrade,"])
def test_connection_fields(server: Server, value: str) -> None:
    assert answer(server, upgrade("/echo", connection=value)).status == 101


def test_two_connection_fields(server: Server) -> None:
    assert answer(server, upgrade("/echo", field("Connection", "Upgrade"), connection="keep-alive")).status == 101


@pytest.mark.parametrize("value", [None, "close", "keep-alive", "upgraded"])
def test_connection_fields_without_upgrade(server: Server, value: str | None) -> None:
    refused(server, upgrade("/echo", connection=value), 400)


@promise("bad-handshakes")
@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        KEY[:-1],
        KEY + "=",
        "dGhlIHNhbXBsZSBub25jZQ=A",
        "!" * 22 + "==",
        "dGhlIHNhbXBsZSBub25j",  # 15 octets
        "dGhlIHNhbXBsZSBub25jZXM=",  # 17 octets
        "dGhlIHNhbXBs ZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ--",
    ],
)
def test_invalid_keys(server: Server, key: str | None) -> None:
    refused(server, upgrade("/echo", key=key), 400)


def test_two_keys(server: Server) -> None:
    refused(server, upgrade("/echo", field("Sec-WebSocket-Key", KEY)), 400)


def test_a_key_between_spaces(server: Server) -> None:
    key = "AAAAAAAAAAAAAAAAAAAAAA=="
    response = answer(server, upgrade("/echo", key=f" \t{key}\t "))
    assert (response.status, response.get("sec-websocket-accept")) == (101, accept_value(key))


@promise("bad-handshakes")
@pytest.mark.parametrize("version", [None, "", "0", "7", "8", "12", "14", "013", "13, 8", "8, 13", "+13", "abc"])
def test_other_versions(server: Server, version: str | None) -> None:
    response = refused(server, upgrade("/echo", version=version), 426)
    assert response.get("sec-websocket-version") == "13"
    assert response.tokens("upgrade") == ["websocket"]


def test_two_versions(server: Server) -> None:
    response = refused(server, upgrade("/echo", field("Sec-WebSocket-Version", "13")), 426)
    assert response.get("sec-websocket-version") == "13"


@pytest.mark.parametrize("offer", ["a", "a, b", "unknown", "a,,b", "x" * 100])
def test_subprotocols_that_nobody_asked_for(server: Server, offer: str) -> None:
    """Only the application chooses a subprotocol; the server never picks the first one offered by default."""
    response = answer(server, upgrade("/echo", field("Sec-WebSocket-Protocol", offer)))
    assert (response.status, response.getlist("sec-websocket-protocol")) == (101, [])


@pytest.mark.parametrize("offer", ["a b", "a, a", "a;b", "(a)", '"a"', "a/b"])
def test_invalid_subprotocols(server: Server, offer: str) -> None:
    refused(server, upgrade("/echo", field("Sec-WebSocket-Protocol", offer)), 400)


@pytest.mark.parametrize("offer", ["unknown", "foo; bar=1, baz", 'foo;\tbar = "10"\t; baz', "permessage-unknown"])
def test_unknown_extensions_are_ignored(server: Server, offer: str) -> None:
    response = answer(server, upgrade("/echo", field("Sec-WebSocket-Extensions", offer)))
    assert (response.status, response.getlist("sec-websocket-extensions")) == (101, [])


@promise("bad-handshakes")
@pytest.mark.parametrize(
    "offer", ["", ",", "a b", "a;", "a; b=", "a; b=(c)", 'a; b="c d"', 'a; b=""', 'a; b="c', "a/b"]
)
def test_malformed_extensions(server: Server, offer: str) -> None:
    """RFC 6455 section 9.1."""
    refused(server, upgrade("/echo", field("Sec-WebSocket-Extensions", offer)), 400)


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        ("http://localhost/echo", (101,)),
        ("/echo?a=1", (101,)),
        ("/ec%68o", (101,)),
        ("*", (400,)),
        ("/echo#fragment", (400,)),
        ("/room/%00", (400,)),
        ("/room/%zz", (400,)),
        ("/%65cho%2f", (404,)),
        ("/room/a%2fb", (101,)),
        ("/room/%E2%82%AC", (101,)),
    ],
)
def test_targets(server: Server, target: str, statuses: tuple[int, ...]) -> None:
    assert answer(server, upgrade(target)).status in statuses


def test_frames_in_the_segment_of_the_request(server: Server) -> None:
    first = b"".join(frame(TEXT, str(n).encode()) for n in range(20))
    with WebSocket(server.port, "/echo", then=first) as websocket:
        assert [websocket.receive() for _ in range(20)] == [str(n) for n in range(20)]
        websocket.finish()


def test_a_part_of_a_frame_in_the_segment_of_the_request(server: Server) -> None:
    whole = frame(TEXT, b"cut in two")
    for cut in range(len(whole)):
        with WebSocket(server.port, "/echo", then=whole[:cut]) as websocket:
            websocket.send(whole[cut:])
            assert websocket.receive() == "cut in two"


@promise("bad-handshakes")
def test_octet_by_octet(server: Server) -> None:
    with Peer(server.port) as peer:
        for octet in upgrade("/echo"):
            peer.send(bytes([octet]))
        check_accept(peer.read_head())


@pytest.mark.parametrize("headers", [[("Content-Length", "5")], [("Transfer-Encoding", "chunked")]])
def test_a_handshake_with_a_body(server: Server, headers: list[tuple[str, str]]) -> None:
    refused(server, upgrade("/echo", headers) + b"5\r\nhello\r\n0\r\n\r\n" + request("GET", "/livez"), 400)


def test_a_handshake_with_an_empty_body(server: Server) -> None:
    assert answer(server, upgrade("/echo", [("Content-Length", "0")])).status == 101


def test_http_behind_the_handshake_is_not_a_request(server: Server) -> None:
    with WebSocket(server.port, "/echo", then=request("GET", "/livez")) as websocket:
        websocket.expect_close(1002)


def test_a_refused_handshake_is_followed_by_nothing(server: Server) -> None:
    refused(server, upgrade("/echo", version="8") + frame(TEXT, b"x") + request("GET", "/livez"), 426)
    refused(server, upgrade("/echo", key="short") + request("GET", "/livez"), 400)


def test_a_handshake_behind_other_requests(server: Server) -> None:
    with Peer(server.port) as peer:
        slow = request("POST", "/body?ms=20", body=b"first")
        peer.send(slow + request("GET", "/livez") + upgrade("/close?code=4000") + frame(TEXT, b"x"))
        assert [peer.read_response().body for _ in range(2)] == [b"first", b"ok"]
        check_accept(peer.read_head())
        assert peer.read_frame().payload == (4000).to_bytes(2, "big")


def test_the_server_outlives_all_that(server: Server) -> None:
    assert http(server.port, "GET", "/livez").status == 200


@promise("handshake-of-a-client-that-left")
def test_a_handshake_of_a_client_that_has_half_closed(start_server: Callable[..., Server]) -> None:
    """The handshake is refused: its answer would open a WebSocket that nobody uses."""
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body?ms=50", body=b"first") + upgrade("/echo"))
        peer.end_sending()
        assert peer.read_response().body == b"first"
        refusal = peer.read_response()
        assert (refusal.status, refusal.closes) == (400, True)
        peer.expect_end()
    assert http(server.port, "GET", "/stats").json()["conns"]["ws"] == 0
