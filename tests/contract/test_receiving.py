"""The receive methods, and the loops over messages."""

from collections.abc import Callable

import pytest
from driver import RemoteError, Subject
from front_ends import Server
from promises import promise
from raw import PING, TEXT, WebSocket

New = Callable[..., Subject]


@promise("receive-order")
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


@promise("receive-order")
def test_messages_come_in_order(subject: New) -> None:
    s = subject()
    for number in range(40):
        s.peer.send_message(str(number))
    assert [s.do("receive") for _ in range(40)] == [str(number) for number in range(40)]


@promise("receive-wrong-kind", "exception-hierarchy")
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
        ("receive_json", "\ufeff\ufeff1", "\ufeff\ufeff1"),
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


@promise("json-byte-order-mark")
def test_a_byte_order_mark_is_skipped(subject: New) -> None:
    s = subject()
    for message in ('\ufeff{"\u20ac": 1}', '\ufeff{"\u20ac": 1}'.encode()):
        s.peer.send_message(message)
        assert s.do("receive_json") == {"\u20ac": 1}
        s.peer.send_message(message)
        assert s.do("receive_points") == [["\u20ac", 1]]


@promise("receive-order")
def test_receive_json_of_a_type(subject: New) -> None:
    s = subject()
    s.peer.send_message('{"y": 2, "x": 1}')
    assert s.do("receive_points") == [["x", 1], ["y", 2]]


@promise("before-accept", "exception-hierarchy")
def test_receive_before_accept(subject: New) -> None:
    s = subject(accepted=False)
    for call in ("receive", "receive_text", "receive_bytes", "receive_json"):
        error = s.fails(call)
        assert error.name == "WebSocketStateError"
        assert {"WebSocketError", "RuntimeError"} <= set(error.bases)
    s.accept()


@promise("iterators-end")
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


@pytest.mark.parametrize("kind", ["any", "text", "bytes", "json"])
def test_iterators_that_begin_after_the_end_end_at_once(subject: New, kind: str) -> None:
    s = subject()
    s.peer.send_frame(8, (1001).to_bytes(2, "big"))
    s.peer.expect_close(1001)
    assert s.do("iterate", kind=kind) == []


@promise("iterators-end")
def test_iterator_at_an_abnormal_end(subject: New) -> None:
    s = subject()
    number = s.begin("iterate", kind="any")
    s.do("state")
    s.peer.reset()
    with pytest.raises(RemoteError) as raised:
        s.end(number)
    assert (raised.value.name, raised.value.code) == ("WebSocketDisconnect", 1006)


@promise("iterators-end")
def test_iterator_at_another_kind_of_message(subject: New) -> None:
    s = subject()
    number = s.begin("iterate", kind="text")
    s.peer.send_message(b"bytes")
    with pytest.raises(RemoteError) as raised:
        s.end(number)
    assert raised.value.name == "WebSocketMessageError"
    assert s.do("state")["closed"] is False


@promise("pings")
def test_pings_are_answered_while_nobody_receives(server: Server) -> None:
    with WebSocket(server.port, "/slow?ms=1500") as websocket:
        websocket.send(b"")
        websocket.send_frame(TEXT, b"waits")
        websocket.send_frame(PING, b"alive?")
        frame = websocket.read_frame()
        assert (frame.opcode, frame.payload) == (10, b"alive?")
