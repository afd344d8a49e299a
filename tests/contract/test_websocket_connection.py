"""The connection object, row by row: accept, close, reject, receive, send, attributes."""

import json
from collections.abc import Callable

import pytest
from driver import Subject
from front_ends import Server
from raw import BINARY, PING, TEXT, ClosedError, Peer, WebSocket

New = Callable[..., Subject]


# ---- accept() -------------------------------------------------------------------------------------------------------


def test_accept_without_subprotocol(subject: New) -> None:
    s = subject(subprotocols=("chat", "superchat"))
    assert s.peer.response.getlist("sec-websocket-protocol") == []
    assert s.do("state")["subprotocol"] is None


def test_accept_with_subprotocol(subject: New) -> None:
    s = subject(accepted=False, subprotocols=("chat", "superchat"))
    s.accept(subprotocol="superchat")
    assert s.peer.response.get("sec-websocket-protocol") == "superchat"
    state = s.do("state")
    assert (state["subprotocol"], state["subprotocols"]) == ("superchat", ["chat", "superchat"])


def test_accept_with_subprotocol_that_was_not_offered(subject: New) -> None:
    s = subject(accepted=False, subprotocols=("chat", "superchat"))
    error = s.fails("accept", subprotocol="other")
    assert error.name == "ValueError"
    for part in ("chat", "superchat", "other"):
        assert part in error.text
    s.accept(subprotocol="chat")  # nothing has happened yet
    assert s.peer.response.get("sec-websocket-protocol") == "chat"


def test_accept_with_headers(subject: New) -> None:
    s = subject(accepted=False)
    s.accept(headers=[["X-One", "1"], ["Set-Cookie", "a=b"], ["Set-Cookie", "c=d"]])
    assert s.peer.response.get("x-one") == "1"
    assert s.peer.response.getlist("set-cookie") == ["a=b", "c=d"]


@pytest.mark.parametrize("header", [["X-One", "1\r\nX-Two: 2"], ["X One", "1"], ["X-One", "a\0b"], ["", "x"]])
def test_accept_with_header_that_breaks_the_response(subject: New, header: list[str]) -> None:
    s = subject(accepted=False)
    assert s.fails("accept", headers=[header]).name == "ValueError"
    s.accept()


def test_second_accept(subject: New) -> None:
    s = subject()
    error = s.fails("accept")
    assert error.name == "WebSocketStateError"
    assert "accept" in error.text
    s.do("send_text", data="still open")
    assert s.peer.receive() == "still open"


def test_accept_after_the_peer_has_gone(subject: New) -> None:
    s = subject(accepted=False)
    assert s.do("state")["closed"] is False
    s.peer.reset()
    s.do("wait_closed")
    error = s.fails("accept")
    assert (error.name, error.code) == ("WebSocketDisconnect", 1006)


# ---- close() and reject() -------------------------------------------------------------------------------------------


def test_close(subject: New) -> None:
    s = subject()
    s.do("close")
    s.peer.expect_close(1000, "")


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999])
def test_close_codes(server: Server, code: int) -> None:
    with WebSocket(server.port, f"/close?code={code}&reason=why%20not") as websocket:
        websocket.expect_close(code, "why not")


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_close_with_code_that_may_not_be_sent(subject: New, code: int) -> None:
    s = subject()
    error = s.fails("close", code=code)
    assert error.name == "ValueError"
    assert str(code) in error.text
    s.do("send_text", data="open")
    assert s.peer.receive() == "open"
    assert s.do("state")["closed"] is False


def test_close_reason_of_123_octets(subject: New) -> None:
    s = subject()
    reason = "\u20ac" * 41
    s.do("close", code=4000, reason=reason)
    s.peer.expect_close(4000, reason)


def test_close_reason_that_is_too_long(subject: New) -> None:
    s = subject()
    error = s.fails("close", code=4000, reason="\u20ac" * 41 + "x")
    assert error.name == "ValueError"
    assert "123" in error.text
    assert s.do("state")["closed"] is False
    s.do("close", code=4000, reason="short")
    s.peer.expect_close(4000, "short")


def test_second_close_does_nothing(subject: New) -> None:
    s = subject()
    s.do("close", code=4001, reason="first")
    assert s.do("close", code=4002, reason="second") is None
    s.peer.expect_close(4001, "first")
    state = s.do("state")
    assert (state["close_code"], state["close_reason"]) == (4001, "first")


def test_everything_sent_before_close_arrives_first(subject: New) -> None:
    s = subject()
    assert s.do("send_many", count=60, size=1000) == 60
    s.do("close")
    assert [s.peer.receive() for _ in range(60)] == [f"{n} ".ljust(1000, ".") for n in range(60)]
    s.peer.expect_close(1000)


def test_close_before_accept_is_403(subject: New) -> None:
    s = subject(accepted=False)
    s.do("close")
    assert s.peer.read_response().status == 403
    assert s.fails("accept").name == "WebSocketDisconnect"


def test_reject(subject: New) -> None:
    s = subject(accepted=False)
    s.do("reject", status=401, body="Who are you?\n", headers=[["WWW-Authenticate", "Bearer"], ["X-A", "b"]])
    response = s.peer.read_response()
    assert (response.status, response.body) == (401, b"Who are you?\n")
    assert (response.get("www-authenticate"), response.get("x-a")) == ("Bearer", "b")


def test_reject_by_default(subject: New) -> None:
    s = subject(accepted=False)
    s.do("reject")
    assert (s.peer.read_response().status, s.do("state")["closed"]) == (403, True)


def test_reject_after_accept(subject: New) -> None:
    s = subject()
    assert s.fails("reject").name == "WebSocketStateError"
    assert s.do("state")["closed"] is False


# ---- receive --------------------------------------------------------------------------------------------------------


def test_receive_kinds(subject: New) -> None:
    s = subject()
    for message in ("text \u20ac", b"\0\xff"):
        s.peer.send_message(message)
        assert s.do("receive") == message
    s.peer.send_message("text")
    assert s.do("receive_text") == "text"
    s.peer.send_message(b"bytes")
    assert s.do("receive_bytes") == b"bytes"
    for form in (str, str.encode):
        s.peer.send_message(form('{"a": [1, null, "\u20ac"]}'))
        assert s.do("receive_json") == {"a": [1, None, "\u20ac"]}


def test_messages_come_in_order(subject: New) -> None:
    s = subject()
    for number in range(40):
        s.peer.send_message(str(number))
    assert [s.do("receive") for _ in range(40)] == [str(number) for number in range(40)]


@pytest.mark.parametrize(
    ("call", "message", "data"),
    [
        ("receive_text", b"\1\2", b"\1\2"),
        ("receive_bytes", "text", "text"),
        ("receive_json", "{not JSON", "{not JSON"),
        ("receive_json", b"\xff\xfe", b"\xff\xfe"),
        ("receive_json", "", ""),
        ("receive_json", '{"a": NaN}', '{"a": NaN}'),
        ("receive_json", "1 2", "1 2"),
        ("receive_points", '{"x": "one"}', '{"x": "one"}'),
        ("receive_points", "[1]", "[1]"),
    ],
)
def test_another_kind_of_message(subject: New, call: str, message: str | bytes, data: str | bytes) -> None:
    s = subject()
    s.peer.send_message(message)
    s.peer.send_message("next")
    error = s.fails(call)
    assert error.name == "WebSocketMessageError"
    assert {"WebSocketError", "ValueError"} <= set(error.bases)
    assert error.data == data
    assert s.do("receive_text") == "next"
    assert s.do("state")["closed"] is False


def test_receive_json_of_a_type(subject: New) -> None:
    s = subject()
    s.peer.send_message('{"y": 2, "x": 1}')
    assert s.do("receive_points") == [["x", 1], ["y", 2]]


def test_receive_before_accept(subject: New) -> None:
    s = subject(accepted=False)
    for call in ("receive", "receive_text", "receive_bytes", "receive_json"):
        error = s.fails(call)
        assert error.name == "WebSocketStateError"
        assert {"WebSocketError", "RuntimeError"} <= set(error.bases)
    s.accept()


@pytest.mark.parametrize(
    ("kind", "messages", "seen"),
    [
        ("any", ["a", b"b"], ["a", {"hex": "62"}]),
        ("text", ["a", ""], ["a", ""]),
        ("bytes", [b"a", b""], [{"hex": "61"}, {"hex": ""}]),
        ("json", ["1", b'{"a":2}'], [1, {"a": 2}]),
    ],
)
@pytest.mark.parametrize("code", [1000, 1001, None])
def test_iterators_end_at_a_normal_disconnect(
    subject: New, kind: str, messages: list[str | bytes], seen: list[object], code: int | None
) -> None:
    s = subject()
    number = s.begin("iterate", kind=kind)
    for message in messages:
        s.peer.send_message(message)
    s.peer.send_frame(8, b"" if code is None else code.to_bytes(2, "big"))
    assert s.end(number) == seen


def test_iterator_at_an_abnormal_end(subject: New) -> None:
    s = subject()
    number = s.begin("iterate", kind="any")
    s.do("state")
    s.peer.reset()
    with pytest.raises(Exception, match="WebSocketDisconnect") as raised:
        s.end(number)
    assert raised.value.code == 1006  # type: ignore[attr-defined]


def test_iterator_at_another_kind_of_message(subject: New) -> None:
    s = subject()
    number = s.begin("iterate", kind="text")
    s.peer.send_message(b"bytes")
    with pytest.raises(Exception, match="WebSocketMessageError"):
        s.end(number)
    assert s.do("state")["closed"] is False


# ---- send -----------------------------------------------------------------------------------------------------------


def test_send_kinds(subject: New) -> None:
    s = subject()
    assert s.do("send_text", data="text \u20ac\U0001f600\0") is True
    assert s.peer.receive() == "text \u20ac\U0001f600\0"
    assert s.do("send_bytes", data=b"\0\xff") is True
    assert s.peer.receive() == b"\0\xff"
    assert s.do("send_view", data=b"view") is True
    assert s.peer.receive() == b"view"
    assert s.do("send_json", data={"a": [1, 2.5, None, True, "\u20ac"]}) is True
    assert s.peer.receive() == '{"a":[1,2.5,null,true,"\u20ac"]}'
    assert s.do("send_json", data=[], mode="binary") is True
    assert s.peer.receive() == b"[]"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 65537, 1024 * 1024])
def test_sizes(server: Server, size: int) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        for message in ("x" * size, b"\xfe" * size):
            assert websocket.ask(message) == message


@pytest.mark.parametrize("call", ["send_text", "send_bytes"])
@pytest.mark.parametrize("data", [1, None, ["x"], {"a": 1}])
def test_send_of_a_wrong_type(subject: New, call: str, data: object) -> None:
    s = subject()
    error = s.fails(call, data=data)
    assert error.name == "TypeError"
    assert "str" in error.text if call == "send_text" else "bytes" in error.text
    s.do("send_text", data="first")
    assert s.peer.receive() == "first"


def test_text_and_bytes_are_not_mistaken(subject: New) -> None:
    s = subject()
    assert s.fails("send_text", data=b"bytes").name == "TypeError"
    assert s.fails("send_bytes", data="text").name == "TypeError"
    assert "UnicodeEncodeError" in s.fails("send_surrogate").bases
    s.do("send_text", data="first")
    assert s.peer.receive() == "first"


@pytest.mark.parametrize("name", ["nan", "inf"])
def test_numbers_that_json_does_not_have(subject: New, name: str) -> None:
    s = subject()
    assert s.fails("send_number", name=name).name == "ValueError"
    s.do("send_json", data=0)
    assert s.peer.receive() == "0"


def test_send_before_accept(subject: New) -> None:
    s = subject(accepted=False)
    for call, data in (("send_text", "x"), ("send_bytes", b"x"), ("send_json", "x")):
        error = s.fails(call, data=data)
        assert error.name == "WebSocketStateError"
        assert "accept" in error.text
    s.accept()


# ---- attributes -----------------------------------------------------------------------------------------------------

_QUERY = "a=1&b=x%20y+z&a=%E2%82%AC&empty=&flag"
_HEADERS = [("X-Twice", "1"), ("x-twice", "2"), ("Cookie", "one=1; two=zwei"), ("User-Agent", "raw")]


def check_attributes(s: Subject, state: dict[str, object]) -> None:
    assert state["path"] == f"/features/own/{s.name}"
    assert state["path_params"] == {"name": s.name}
    assert state["query"] == {"a": ["1", "\u20ac"], "b": ["x y z"], "empty": [""], "flag": [""]}
    assert state["last"] == {"a": "\u20ac", "b": "x y z", "empty": "", "flag": ""}
    headers = state["headers"]
    assert isinstance(headers, dict)
    assert headers["x-twice"] == ["1", "2"]
    assert headers["user-agent"] == ["raw"]
    assert state["cookies"] == {"one": "1", "two": "zwei"}
    assert state["subprotocols"] == ["a", "b"]
    assert state["url"] == f"ws://localhost/features/own/{s.name}?{_QUERY}"


def test_attributes_before_accept_and_after_close(subject: New) -> None:
    s = subject(accepted=False, query=_QUERY, headers=_HEADERS, subprotocols=("a", "b"))
    own_address = list(s.peer.socket.getsockname())
    before = s.do("state")
    check_attributes(s, before)
    assert before["client"] == own_address
    assert (before["closed"], before["close_code"], before["close_reason"]) == (False, None, None)
    s.accept()
    s.do("close", code=4000)
    s.peer.expect_close(4000)
    s.do("wait_closed")
    after = s.do("state")
    check_attributes(s, after)
    assert after["client"] == own_address
    assert after["closed"] is True


def test_user_data(subject: New) -> None:
    s = subject(accepted=False)
    assert s.do("user_data") == {}
    s.do("user_data", set={"name": "Ada"})
    s.accept()
    s.do("close")
    s.peer.expect_close(1000)
    assert s.do("user_data") == {"name": "Ada"}
    assert s.foreign.do("user_data") == {"name": "Ada"}


def test_handles_compare_and_hash(subject: New) -> None:
    s = subject()
    assert s.do("handle") is True
    s.do("close")
    assert s.do("handle") is True


def test_closed_by_the_peer(subject: New) -> None:
    s = subject()
    state = s.do("state")
    assert (state["closed"], state["close_code"], state["close_reason"]) == (False, None, None)
    s.peer.send_frame(8, (4321).to_bytes(2, "big") + "Servus \u20ac".encode())
    s.peer.expect_close(4321)
    s.do("wait_closed")
    state = s.do("state")
    assert (state["closed"], state["close_code"], state["close_reason"]) == (True, 4321, "Servus \u20ac")


def test_closed_by_the_peer_without_a_code(subject: New) -> None:
    s = subject()
    s.peer.send_frame(8)
    s.peer.expect_close(1005)
    s.do("wait_closed")
    state = s.do("state")
    assert (state["closed"], state["close_code"]) == (True, 1005)


def test_lost(subject: New) -> None:
    s = subject()
    s.peer.reset()
    s.do("wait_closed")
    state = s.do("state")
    assert (state["closed"], state["close_code"]) == (True, 1006)


def test_closed_by_us(subject: New) -> None:
    s = subject()
    s.do("close", code=4000, reason="enough")
    state = s.do("state")  # at once, not when the peer has answered
    assert (state["closed"], state["close_code"], state["close_reason"]) == (True, 4000, "enough")
    s.peer.expect_close(4000, "enough")


def test_buffered_amount(subject: New) -> None:
    s = subject()
    s.do("send_text", data="x")
    s.peer.receive()
    assert s.do("state")["buffered_amount"] == 0


def test_pings_are_answered_while_nobody_receives(server: Server) -> None:
    with WebSocket(server.port, "/slow?ms=1500") as websocket:
        websocket.send(b"")
        websocket.send_frame(TEXT, b"waits")
        websocket.send_frame(PING, b"alive?")
        frame = websocket.read_frame()
        assert (frame.opcode, frame.payload) == (10, b"alive?")


def test_echo_keeps_kinds(server: Server) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        for opcode, payload in ((TEXT, b""), (BINARY, b""), (TEXT, b"\0"), (TEXT, "\U0001f600".encode())):
            websocket.send_frame(opcode, payload)
            frame = websocket.read_frame()
            assert (frame.fin, frame.opcode, frame.payload) == (True, opcode, payload)
        websocket.finish()


def test_peer_that_never_finishes_its_handshake(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n")
        with WebSocket(server.port, "/echo") as other:
            assert other.ask("goes on") == "goes on"


def test_json_is_compact(server: Server) -> None:
    with WebSocket(server.port, "/room/json?id=me") as websocket:
        websocket.send_message("x")
        text = websocket.receive()
        assert isinstance(text, str)
        assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
        with pytest.raises(ClosedError):
            websocket.send_frame(8, b"\x03\xe8")
            websocket.receive()
