"""How connections end, and who is told: the handler gets an exception; other tasks get nothing that could break
them."""

import json
import re
import time
from collections.abc import Callable

import pytest
from driver import RemoteError, Subject
from front_ends import Server
from promises import promise
from raw import Peer, WebSocket, upgrade

New = Callable[..., Subject]

RECEIVES = ["receive", "receive_text", "receive_bytes", "receive_json"]
SENDS = [("send_text", "x"), ("send_bytes", b"x"), ("send_json", [])]


def close_by_peer(s: Subject) -> tuple[int, str]:
    s.peer.send_frame(8, (4100).to_bytes(2, "big") + b"bye")
    s.peer.expect_close(4100)
    return 4100, "bye"


def close_by_us(s: Subject) -> tuple[int, str]:
    s.do("close", code=4200, reason="enough")
    s.peer.expect_close(4200, "enough")
    return 4200, "enough"


def lose(s: Subject) -> tuple[int, str]:
    s.peer.send_frame(1, mask=None)  # a protocol error
    s.peer.expect_close(1002)
    return 1002, ""


ENDINGS = [close_by_peer, close_by_us, lose]


@promise("exception-hierarchy", "end-raises-in-own-task")
@pytest.mark.parametrize("end", ENDINGS)
def test_after_the_end_the_owner_is_told(subject: New, end: Callable[[Subject], tuple[int, str]]) -> None:
    s = subject()
    code, reason = end(s)
    s.do("wait_closed")
    for call, data in [*((name, None) for name in RECEIVES), *SENDS]:
        for _ in range(2):
            error = s.fails(call, data=data)
            assert error.name == "WebSocketDisconnect"
            assert "WebSocketError" in error.bases
            assert (error.code, error.reason if reason else reason) == (code, reason)
            assert str(code) in error.text


@promise("end-raises-in-own-task")
def test_a_waiting_receive_is_told(subject: New) -> None:
    s = subject()
    number = s.begin("receive")
    s.peer.send_frame(8, (4100).to_bytes(2, "big") + b"bye")
    with pytest.raises(RemoteError, match="WebSocketDisconnect") as raised:
        s.end(number)
    assert (raised.value.code, raised.value.reason) == (4100, "bye")


@promise("end-drops-in-other-tasks")
@pytest.mark.parametrize("end", ENDINGS)
def test_in_tasks_that_the_handler_started_a_send_is_dropped(
    subject: New, end: Callable[[Subject], tuple[int, str]]
) -> None:
    s = subject()
    end(s)
    s.do("wait_closed")
    for call, data in SENDS:
        assert s.end(s.begin(call, data=data)) is False
    for call in RECEIVES:
        with pytest.raises(RemoteError, match="WebSocketDisconnect"):
            s.end(s.begin(call))
    assert s.end(s.begin("send_many", count=1000, size=10)) == 0
    assert s.fails("send_text", data="x").name == "WebSocketDisconnect"


@promise("messages-before-the-end")
def test_what_came_before_the_end_is_received_first(subject: New) -> None:
    s = subject()
    for n in range(5):
        s.peer.send_message(str(n))
    s.peer.send_frame(8, b"\x03\xe8")
    s.peer.expect_close(1000)
    assert [s.do("receive") for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert s.fails("receive").name == "WebSocketDisconnect"


@promise("messages-before-own-end")
def test_what_was_received_before_the_servers_own_close_is_still_given(start_server: Callable[..., Server]) -> None:
    s = Subject(start_server(limits={"message_timeout": 0.3}).port)
    for n in range(3):
        s.peer.send_message(str(n))
    s.peer.send_frame(1, b"begun", fin=0)
    assert "message_timeout" in s.peer.expect_close(1008)
    assert s.do("state")["closed"] is True
    assert [s.do("receive") for _ in range(3)] == ["0", "1", "2"]
    error = s.fails("receive")
    assert (error.name, error.code) == ("WebSocketDisconnect", 1008)
    s.disconnect()


@promise("end-drops-in-other-tasks")
@pytest.mark.parametrize("end", ENDINGS)
def test_elsewhere_a_send_is_dropped(subject: New, end: Callable[[Subject], tuple[int, str]]) -> None:
    s = subject()
    assert s.foreign.do("send_text", data="from another handler") is True
    assert s.peer.receive() == "from another handler"
    end(s)
    for call, data in SENDS:
        assert s.foreign.do(call, data=data) is False
    assert s.foreign.do("close") is None
    assert s.foreign.do("wait_closed") is None
    assert s.foreign.do("state")["closed"] is True


@promise("end-drops-in-other-tasks")
def test_elsewhere_a_close_closes(subject: New) -> None:
    s = subject()
    number = s.begin("receive")
    s.foreign.do("close", code=4003, reason="kicked out")
    s.peer.expect_close(4003, "kicked out")
    with pytest.raises(RemoteError, match="WebSocketDisconnect") as raised:
        s.end(number)
    assert raised.value.code == 4003


@promise("wait-closed")
def test_wait_closed(subject: New) -> None:
    s = subject()
    numbers = [s.begin("wait_closed") for _ in range(3)]
    s.do("state")
    close_by_peer(s)
    assert [s.end(number) for number in numbers] == [None, None, None]
    assert s.do("wait_closed") is None


# ---- what leaves the handler ----------------------------------------------------------------------------------------


@promise("handler-returns")
def test_the_handler_returns(subject: New) -> None:
    s = subject()
    s.tell("return")
    s.peer.expect_close(1000, "")


@promise("handler-returns")
def test_the_handler_returns_without_accept(server: Server, subject: New) -> None:
    s = subject(accepted=False)
    lines = len(server.lines)
    s.tell("return")
    response = s.peer.read_response()
    assert response.status == 403
    s.peer.expect_end()
    if server.front_end.is_engine:  # under another server, its logging configuration decides whether the line is shown
        server.wait_for_line("refused with 403: the handler .*returned without accept", after=lines)


@promise("handler-fails")
def test_the_handler_fails(server: Server, subject: New) -> None:
    server.expect_fault("raised as asked")
    s = subject()
    lines = len(server.lines)
    s.tell("raise", what="error")
    s.peer.expect_close(1011)
    server.wait_for_line("raised as asked", after=lines)


@promise("handler-fails")
def test_the_handler_fails_without_accept(server: Server, subject: New) -> None:
    server.expect_fault("raised as asked")
    s = subject(accepted=False)
    s.tell("raise", what="error")
    assert s.peer.read_response().status == 500
    s.peer.expect_end()


@promise("handler-http-exception")
def test_an_http_exception_without_accept_is_its_response(subject: New) -> None:
    s = subject(accepted=False)
    s.tell("raise", what="refusal")
    response = s.peer.read_response()
    assert (response.status, response.body, response.get("x-why")) == (410, b"not today\n", "asked")
    s.peer.expect_end()


@promise("missing-field")
def test_a_parameter_that_is_missing_without_accept_is_a_400(subject: New) -> None:
    s = subject(accepted=False)
    s.tell("raise", what="missing")
    response = s.peer.read_response()
    assert response.status == 400
    assert response.body.startswith(b"expected a field named 'missing', got ")
    s.peer.expect_end()


@promise("handler-http-exception")
def test_an_http_exception_that_refuses_nothing_is_a_failure(server: Server, subject: New) -> None:
    server.expect_fault("raised as asked")
    s = subject(accepted=False)
    s.tell("raise", what="no refusal")
    assert s.peer.read_response().status == 500
    s = subject()
    s.tell("raise", what="refusal")
    server.expect_fault("not today")
    s.peer.expect_close(1011)


PEER_FAULTS = [("wrong kind", b"bytes", 1003), ("not JSON", "{", 1007)]
REASONS = {
    1003: "this kind of message is not expected here",
    1007: "the content of the message is not what is expected here",
}


@promise("handler-message-error")
@pytest.mark.parametrize(("what", "message", "code"), PEER_FAULTS)
def test_the_peers_fault_leaves_the_handler(subject: New, what: str, message: str | bytes, code: int) -> None:
    s = subject()
    s.peer.send_message(message)
    s.tell("raise", what=what)
    s.peer.expect_close(code, REASONS[code])


@promise("handler-message-error")
def test_a_message_error_of_the_handlers_own(subject: New) -> None:
    s = subject()
    s.tell("raise", what="own message error")
    s.peer.expect_close(1007, REASONS[1007])


@promise("handler-fails")
def test_a_message_error_before_accept_is_a_failure(server: Server, subject: New) -> None:
    """No message comes before accept(), so the client is not at fault."""
    server.expect_fault("raised as asked")
    s = subject(accepted=False)
    s.tell("raise", what="own message error")
    assert s.peer.read_response().status == 500
    s.peer.expect_end()


@promise("handler-message-error")
@pytest.mark.parametrize(("what", "message", "code"), PEER_FAULTS)
def test_the_peers_fault_is_one_line(server: Server, subject: New, what: str, message: str | bytes, code: int) -> None:
    s = subject()
    lines = len(server.lines)
    s.peer.send_message(message)
    s.tell("raise", what=what)
    s.peer.expect_close(code)
    server.wait_for_line(f"/features/[^ ]+: closed 127.0.0.1 with {code}: receive", after=lines)
    assert len(server.lines) == lines + 1, server.lines[lines:]


@promise("handler-message-error")
def test_lines_about_peers_faults_are_limited(start_server: Callable[..., Server]) -> None:
    """At most ten lines a second are logged, plus an occasional line that counts the rest."""
    server = start_server()
    told = re.compile(r"(\d+) lines .*left out")
    begin, faults = time.monotonic(), 0
    while faults < 150 or not any(map(told.search, server.lines)):
        with WebSocket(server.port, "/late") as websocket:
            websocket.send_message(b"bytes")
            websocket.expect_close(1003)
        faults += 1
        shown = sum("1003" in line for line in server.lines)
        assert shown <= 10 * (time.monotonic() - begin + 2)
    assert sum(int(match[1]) for match in map(told.search, server.lines) if match) <= faults - shown


@promise("handler-message-error")
def test_lines_that_were_left_out_are_counted_though_nothing_more_comes(start_server: Callable[..., Server]) -> None:
    server = start_server()
    for _ in range(30):
        with WebSocket(server.port, "/late") as websocket:
            websocket.send_message(b"bytes")
            websocket.expect_close(1003)
    told = re.compile(r"(\d+) lines .*left out")
    while True:
        lines = list(server.lines)
        shown = sum("1003" in line for line in lines)
        left_out = sum(int(match[1]) for match in map(told.search, lines) if match)
        assert shown + left_out <= 30
        if shown + left_out == 30:
            return
        server.wait_for_line("", within_s=5, after=len(lines))


@promise("handler-disconnect")
@pytest.mark.parametrize("what", ["wrong kind", "not JSON", "group"])
def test_the_end_leaves_the_handler(server: Server, subject: New, what: str) -> None:
    s = subject()
    lines = len(server.lines)
    s.tell("raise", what=what)
    s.peer.finish(4100)
    WebSocket(server.port, f"/features/control/{s.name}-next").disconnect()
    assert "Traceback" not in "\n".join(server.lines[lines:])


@promise("handler-fails")
@pytest.mark.parametrize("at", ["recv", "send"])
def test_raise(server: Server, at: str) -> None:
    server.expect_fault(f"raised at {at}, as asked")
    with WebSocket(server.port, f"/raise?at={at}") as websocket, WebSocket(server.port, "/echo") as other:
        websocket.send_message("x")
        if at == "send":
            assert websocket.receive() == "x"
        websocket.expect_close(1011)
        assert other.ask("goes on") == "goes on"


@promise("handler-fails")
def test_raise_after_close(server: Server) -> None:
    server.expect_fault("raised at close, as asked")
    lines = len(server.lines)
    with WebSocket(server.port, "/raise?at=close") as websocket:
        websocket.send_message("x")
        assert websocket.receive() == "x"
        websocket.expect_close(1000)
        server.wait_for_line("raised at close, as asked", after=lines)


@promise("handler-fails")
def test_raise_at_open(server: Server) -> None:
    server.expect_fault("raised at open, as asked")
    with Peer(server.port) as peer:
        peer.send(upgrade("/raise?at=open"))
        assert peer.read_response().status == 500


# ---- many come and go -----------------------------------------------------------------------------------------------


@promise("end-drops-in-other-tasks")
def test_leaving_breaks_nobody_else(server: Server) -> None:
    """Members leave in every possible way, in the middle of broadcasts. Those who stay receive every message."""
    stay = [WebSocket(server.port, f"/room/leaving?id=stay{n}") for n in range(4)]
    seen: list[list[str]] = [[] for _ in stay]
    sent = []
    for turn in range(30):
        leaver = WebSocket(server.port, f"/room/leaving?id=leaver{turn}")
        leaver.send_message(f"hello {turn}")
        sent.append(f"hello {turn}")
        if turn % 3 == 0:
            leaver.send_frame(8, b"\x03\xe8")
        elif turn % 3 == 1:
            leaver.end_sending()
        for number in (turn % 4, (turn + 1) % 4):
            stay[number].send_message(f"{turn} from {number}")
            sent.append(f"{turn} from {number}")
        read_until_all(stay, seen, len(sent))
        leaver.reset()
    for websocket, messages in zip(stay, seen, strict=True):
        assert sorted(messages) == sorted(sent)
        websocket.finish()


def read_until_all(websockets: list[WebSocket], seen: list[list[str]], count: int) -> None:
    for websocket, messages in zip(websockets, seen, strict=True):
        while len(messages) < count:
            messages.append(json.loads(websocket.receive())["data"])
