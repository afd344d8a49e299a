"""send_text(), send_bytes() and send_json(): each sends one message of its kind, of any size."""

import json
from collections.abc import Callable

import pytest
from driver import Subject
from front_ends import Server
from promises import promise
from raw import BINARY, TEXT, ClosedError, WebSocket

New = Callable[..., Subject]


@promise("send-kinds")
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


@promise("compression-off")
def test_compress_false_is_taken_where_nothing_is_compressed(subject: New) -> None:
    s = subject()
    for call, data in (("send_text", "text"), ("send_bytes", b"bytes")):
        for compress in (False, True):
            assert s.do(call, data=data, compress=compress) is True
            assert s.peer.receive() == data
    assert s.do("send_json", data=[1], mode="text", compress=False) is True
    assert s.peer.receive() == "[1]"


@promise("send-kinds")
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 65537, 1024 * 1024])
def test_sizes(server: Server, size: int) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        for message in ("x" * size, b"\xfe" * size):
            assert websocket.ask(message) == message


@promise("send-kinds")
def test_echo_keeps_kinds(server: Server) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        for opcode, payload in ((TEXT, b""), (BINARY, b""), (TEXT, b"\0"), (TEXT, "\U0001f600".encode())):
            websocket.send_frame(opcode, payload)
            frame = websocket.read_frame()
            assert (frame.fin, frame.opcode, frame.payload) == (True, opcode, payload)
        websocket.finish()


@promise("send-wrong-type")
@pytest.mark.parametrize("call", ["send_text", "send_bytes"])
@pytest.mark.parametrize("data", [1, None, ["x"], {"a": 1}])
def test_send_of_a_wrong_type(subject: New, call: str, data: object) -> None:
    s = subject()
    error = s.fails(call, data=data)
    assert error.name == "TypeError"
    assert "str" in error.text if call == "send_text" else "bytes" in error.text
    s.do("send_text", data="first")
    assert s.peer.receive() == "first"


@promise("send-wrong-type")
def test_text_and_bytes_are_not_mistaken(subject: New) -> None:
    s = subject()
    assert s.fails("send_text", data=b"bytes").name == "TypeError"
    assert s.fails("send_bytes", data="text").name == "TypeError"
    assert "UnicodeEncodeError" in s.fails("send_surrogate").bases
    s.do("send_text", data="first")
    assert s.peer.receive() == "first"


@promise("send-json")
def test_json_is_compact(server: Server) -> None:
    with WebSocket(server.port, "/room/json?id=me") as websocket:
        websocket.send_message("x")
        text = websocket.receive()
        assert isinstance(text, str)
        assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
        with pytest.raises(ClosedError):
            websocket.send_frame(8, b"\x03\xe8")
            websocket.receive()


@promise("send-json")
@pytest.mark.parametrize("name", ["nan", "inf"])
def test_numbers_that_json_does_not_have(subject: New, name: str) -> None:
    s = subject()
    assert s.fails("send_number", name=name).name == "ValueError"
    s.do("send_json", data=0)
    assert s.peer.receive() == "0"


@promise("before-accept")
def test_send_before_accept(subject: New) -> None:
    s = subject(accepted=False)
    for call, data in (("send_text", "x"), ("send_bytes", b"x"), ("send_json", "x")):
        error = s.fails(call, data=data)
        assert error.name == "WebSocketStateError"
        assert "accept" in error.text
    s.accept()


@promise("buffered-amount")
def test_buffered_amount(subject: New) -> None:
    s = subject()
    s.do("send_text", data="x")
    s.peer.receive()
    assert s.do("state")["buffered_amount"] == 0
