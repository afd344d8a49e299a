"""accept() and reject(): the handshake, from the handler's side."""

from collections.abc import Callable

import pytest
from driver import Subject
from front_ends import Server
from promises import promise
from raw import Peer, WebSocket

New = Callable[..., Subject]


@promise("accept")
def test_accept_without_subprotocol(subject: New) -> None:
    s = subject(subprotocols=("chat", "superchat"))
    assert s.peer.response.getlist("sec-websocket-protocol") == []
    assert s.do("state")["subprotocol"] is None


@promise("accept")
def test_accept_with_subprotocol(subject: New) -> None:
    s = subject(accepted=False, subprotocols=("chat", "superchat"))
    s.accept(subprotocol="superchat")
    assert s.peer.response.get("sec-websocket-protocol") == "superchat"
    state = s.do("state")
    assert (state["subprotocol"], state["subprotocols"]) == ("superchat", ["chat", "superchat"])


@promise("accept-subprotocol-not-offered", "exception-texts")
def test_accept_with_subprotocol_that_was_not_offered(subject: New) -> None:
    s = subject(accepted=False, subprotocols=("chat", "superchat"))
    error = s.fails("accept", subprotocol="other")
    assert error.name == "ValueError"
    for part in ("chat", "superchat", "other"):
        assert part in error.text
    s.accept(subprotocol="chat")  # the wrong calls have sent nothing
    assert s.peer.response.get("sec-websocket-protocol") == "chat"


@promise("accept")
def test_accept_with_headers(subject: New) -> None:
    s = subject(accepted=False)
    s.accept(headers=[["X-One", "1"], ["Set-Cookie", "a=b"], ["Set-Cookie", "c=d"]])
    assert s.peer.response.get("x-one") == "1"
    assert s.peer.response.getlist("set-cookie") == ["a=b", "c=d"]


@promise("accept-bad-header")
@pytest.mark.parametrize("header", [["X-One", "1\r\nX-Two: 2"], ["X One", "1"], ["X-One", "a\0b"], ["", "x"]])
def test_accept_with_header_that_breaks_the_response(subject: New, header: list[str]) -> None:
    s = subject(accepted=False)
    assert s.fails("accept", headers=[header]).name == "ValueError"
    s.accept()


@promise("accept")
def test_headers_as_octets(subject: New) -> None:
    """ASGI has headers as octets. In C++ std::string is both text and octets."""
    headers = [[b"X-One", b"1"], [b"Set-Cookie", b"a=b"], [b"Set-Cookie", b"c=d"]]
    for call in ("accept", "reject"):
        s = subject(accepted=False)
        for wrong in ([b"X-One", b"1\r\nX-Two: 2"], [b"X One", b"1"], [b"X-One", b"\xe9"]):
            assert s.fails(call, headers=[wrong]).name == "ValueError"
        s.do(call, headers=headers)
        response = s.peer.read_accept() if call == "accept" else s.peer.read_response()
        assert response.get("x-one") == "1"
        assert response.getlist("set-cookie") == ["a=b", "c=d"]


@promise("accept-twice")
def test_second_accept(subject: New) -> None:
    s = subject()
    error = s.fails("accept")
    assert error.name == "WebSocketStateError"
    assert "accept" in error.text
    s.do("send_text", data="still open")
    assert s.peer.receive() == "still open"


@promise("accept-peer-gone")
def test_accept_after_the_peer_has_gone(subject: New) -> None:
    s = subject(accepted=False)
    assert s.do("state")["closed"] is False
    s.peer.reset()
    s.do("wait_closed")
    error = s.fails("accept")
    assert (error.name, error.code) == ("WebSocketDisconnect", 1006)


def test_peer_that_never_finishes_its_handshake(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n")
        with WebSocket(server.port, "/echo") as other:
            assert other.ask("goes on") == "goes on"


@promise("reject")
def test_reject(subject: New) -> None:
    s = subject(accepted=False)
    s.do("reject", status=401, body="Who are you?\n", headers=[["WWW-Authenticate", "Bearer"], ["X-A", "b"]])
    response = s.peer.read_response()
    assert (response.status, response.body) == (401, b"Who are you?\n")
    assert (response.get("www-authenticate"), response.get("x-a")) == ("Bearer", "b")


@promise("reject")
def test_reject_by_default(subject: New) -> None:
    s = subject(accepted=False)
    s.do("reject")
    assert (s.peer.read_response().status, s.do("state")["closed"]) == (403, True)


@promise("reject")
def test_reject_after_accept(subject: New) -> None:
    s = subject()
    assert s.fails("reject").name == "WebSocketStateError"
    assert s.do("state")["closed"] is False
