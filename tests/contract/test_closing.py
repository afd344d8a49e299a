"""close(), and what the connection reports about its end."""

from collections.abc import Callable

import pytest
from driver import Subject
from front_ends import Server
from promises import promise
from raw import WebSocket

New = Callable[..., Subject]
Start = Callable[..., Server]

# Together much more than the kernel buffers for a peer with a small receive buffer.
COUNT, SIZE = 200, 64 * 1024


@promise("close-order")
def test_close(subject: New) -> None:
    s = subject()
    s.do("close")
    s.peer.expect_close(1000, "")


@promise("close-arguments")
@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999])
def test_close_codes(server: Server, code: int) -> None:
    with WebSocket(server.port, f"/close?code={code}&reason=why%20not") as websocket:
        websocket.expect_close(code, "why not")


@promise("close-arguments", "exception-texts")
@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_close_with_code_that_may_not_be_sent(subject: New, code: int) -> None:
    s = subject()
    error = s.fails("close", code=code)
    assert error.name == "ValueError"
    assert str(code) in error.text
    s.do("send_text", data="open")
    assert s.peer.receive() == "open"
    assert s.do("state")["closed"] is False


@promise("close-arguments")
def test_close_reason_of_123_octets(subject: New) -> None:
    s = subject()
    reason = "\u20ac" * 41
    s.do("close", code=4000, reason=reason)
    s.peer.expect_close(4000, reason)


@promise("close-arguments")
def test_close_reason_that_is_too_long(subject: New) -> None:
    s = subject()
    error = s.fails("close", code=4000, reason="\u20ac" * 41 + "x")
    assert error.name == "ValueError"
    assert "123" in error.text
    assert s.do("state")["closed"] is False
    s.do("close", code=4000, reason="short")
    s.peer.expect_close(4000, "short")


@promise("close-twice")
def test_second_close_does_nothing(subject: New) -> None:
    s = subject()
    s.do("close", code=4001, reason="first")
    assert s.do("close", code=4002, reason="second") is None
    s.peer.expect_close(4001, "first")
    state = s.do("state")
    assert (state["close_code"], state["close_reason"]) == (4001, "first")


@promise("close-order")
def test_everything_sent_before_close_arrives_first(subject: New) -> None:
    s = subject()
    assert s.do("send_many", count=60, size=1000) == 60
    s.do("close")
    assert [s.peer.receive() for _ in range(60)] == [f"{n} ".ljust(1000, ".") for n in range(60)]
    s.peer.expect_close(1000)


def begin_to_close(start_server: Start) -> tuple[Subject, int]:
    """Lets 13 MB wait for a peer that does not read, and starts a close() that waits for them."""
    s = Subject(start_server(limits={"max_buffered": 2 * COUNT * SIZE}).port, receive_buffer=4096)
    assert s.do("send_unawaited", count=COUNT, size=SIZE) == COUNT
    closing = s.begin("close", code=4000)
    for _ in range(20):
        state = s.do("state")
        assert not s.has_come(closing)
        assert state["buffered_amount"] > COUNT * SIZE // 4
    assert state["closed"] is True
    return s, closing


@promise("close-completes")
def test_close_waits_until_the_kernel_has_it_all(start_server: Start) -> None:
    s, closing = begin_to_close(start_server)
    for index in range(COUNT):
        assert s.peer.receive() == f"{index} ".ljust(SIZE, ".")
        assert s.do("state")["buffered_amount"] == 0 or not s.has_come(closing)
    assert s.end(closing) is None  # close() does not wait for the peer's Close
    s.peer.expect_close(4000)
    s.disconnect()


@promise("close-completes")
def test_close_that_waits_ends_with_the_connection(start_server: Start) -> None:
    s, closing = begin_to_close(start_server)
    s.peer.reset()
    assert s.end(closing) is None
    assert s.do("state")["close_code"] == 4000
    s.disconnect()


@promise("close-twice")
def test_close_before_accept_is_403(subject: New) -> None:
    s = subject(accepted=False)
    s.do("close")
    assert s.peer.read_response().status == 403
    assert s.fails("accept").name == "WebSocketDisconnect"


@promise("closed-state")
def test_closed_by_the_peer(subject: New) -> None:
    s = subject()
    state = s.do("state")
    assert (state["closed"], state["close_code"], state["close_reason"]) == (False, None, None)
    s.peer.send_frame(8, (4321).to_bytes(2, "big") + "Servus \u20ac".encode())
    s.peer.expect_close(4321)
    s.do("wait_closed")
    state = s.do("state")
    assert (state["closed"], state["close_code"], state["close_reason"]) == (True, 4321, "Servus \u20ac")


@promise("closed-state")
def test_closed_by_the_peer_without_a_code(subject: New) -> None:
    s = subject()
    s.peer.send_frame(8)
    s.peer.expect_close(1005)
    s.do("wait_closed")
    state = s.do("state")
    assert (state["closed"], state["close_code"]) == (True, 1005)


@promise("closed-state")
def test_lost(subject: New) -> None:
    s = subject()
    s.peer.reset()
    s.do("wait_closed")
    state = s.do("state")
    assert (state["closed"], state["close_code"]) == (True, 1006)


@promise("closed-state")
def test_closed_by_us(subject: New) -> None:
    s = subject()
    s.do("close", code=4000, reason="enough")
    state = s.do("state")  # at once, not when the peer has answered
    assert (state["closed"], state["close_code"], state["close_reason"]) == (True, 4000, "enough")
    s.peer.expect_close(4000, "enough")
