"""Many tasks on one connection, many connections at once, cancellation, order."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from driver import RemoteError, Subject
from front_ends import Server
from promises import promise
from raw import ClosedError, WebSocket

New = Callable[..., Subject]


@promise("many-senders")
@pytest.mark.parametrize(("tasks", "count"), [(1, 5000), (64, 100), (500, 4)])
def test_many_senders(server: Server, tasks: int, count: int) -> None:
    """Every message arrives whole and exactly once, and the messages of each task arrive in order."""
    next_of = [0] * tasks
    with WebSocket(server.port, f"/many?tasks={tasks}&n={count}&id=m") as websocket:
        for _ in range(tasks * count):
            message = websocket.receive()
            assert isinstance(message, str)
            assert message[0] == "m"
            task, index = map(int, message[1:].split(":"))
            assert index == next_of[task], f"task {task}"
            next_of[task] += 1
        websocket.expect_close(1000)
    assert next_of == [count] * tasks


@promise("many-senders")
def test_sends_of_two_handlers(subject: New) -> None:
    s = subject()
    own = s.begin("send_many", count=300, size=2000)
    foreign = s.foreign.begin("send_many", count=300, size=2001)
    seen: dict[int, list[str]] = {2000: [], 2001: []}
    for _ in range(600):
        message = s.peer.receive()
        assert isinstance(message, str)
        seen[len(message)].append(message)
    for size, messages in seen.items():
        assert messages == [f"{n} ".ljust(size, ".") for n in range(300)]
    assert (s.end(own), s.foreign.end(foreign)) == (300, 300)


# ---- cancellation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ms", [0, 1, 5])
def test_cancelled_receives_lose_nothing(server: Server, ms: int) -> None:
    with WebSocket(server.port, f"/poll?ms={ms}") as websocket:
        for start in range(0, 600, 20):
            for number in range(start, start + 20):
                websocket.send_message(str(number))
            assert [websocket.receive() for _ in range(20)] == [str(n) for n in range(start, start + 20)]
        websocket.send_message("?")
        assert isinstance(websocket.receive_json()["timeouts"], int)


def test_a_receive_that_times_out(subject: New) -> None:
    s = subject()
    for _ in range(3):
        assert s.fails("receive_within", ms=1).name == "TimeoutError"
    s.peer.send_message("one")
    assert s.do("receive_within", ms=5000) == "one"
    s.peer.send_message("two")
    assert s.do("receive") == "two"


def test_a_cancelled_receive_loses_nothing(subject: New) -> None:
    s = subject()
    for turn in range(20):
        number = s.begin("receive")
        s.peer.send_message(f"{turn}")
        s.do("cancel", of=number)
        try:
            assert s.end(number) == f"{turn}"
        except RemoteError as error:
            assert error.name == "CancelledError"
            assert s.do("receive") == f"{turn}"


@promise("cancelled-send")
def test_a_cancelled_send_is_neither_lost_nor_doubled(subject: New) -> None:
    """The peer does not read, so the sender waits. After it is cancelled, the peer gets only complete messages, in
    order, and then the next message."""
    s = subject(receive_buffer=4096)
    number = s.begin("send_many", count=100_000, size=1000)
    while s.do("state")["buffered_amount"] <= 16 * 1024:  # low water
        pass
    s.do("cancel", of=number)
    with pytest.raises(RemoteError, match="CancelledError"):
        s.end(number)
    last = s.begin("send_text", data="last")
    index = 0
    while (message := s.peer.receive()) != "last":
        assert message == f"{index} ".ljust(1000, ".")
        index += 1
    assert index > 0
    assert s.end(last) is True


# ---- two at once ----------------------------------------------------------------------------------------------------


@promise("two-receives")
def test_two_receives_at_once(subject: New) -> None:
    s = subject()
    first = s.begin("receive")
    s.do("state")
    error = s.fails("receive")
    assert error.name == "WebSocketStateError"
    assert s.fails("receive_text").name == "WebSocketStateError"
    s.peer.send_message("for the first")
    assert s.end(first) == "for the first"
    s.peer.send_message("and now the next")
    assert s.do("receive") == "and now the next"


def test_receive_and_send_at_once(subject: New) -> None:
    s = subject()
    receiving = s.begin("receive")
    for n in range(20):
        s.do("send_text", data=str(n))
    assert [s.peer.receive() for _ in range(20)] == [str(n) for n in range(20)]
    s.peer.send_message("at last")
    assert s.end(receiving) == "at last"


def test_close_while_others_send_and_receive(subject: New) -> None:
    for _ in range(10):
        s = subject()
        receiving = s.begin("receive")
        sending = s.begin("send_many", count=1000, size=1000)
        s.do("close", code=4000)
        with pytest.raises(RemoteError, match="WebSocketDisconnect"):
            s.end(receiving)
        count = 0
        with pytest.raises(ClosedError):
            while True:
                assert s.peer.receive() == f"{count} ".ljust(1000, ".")
                count += 1
        assert s.end(sending) <= count
        s.disconnect()


# ---- many connections -----------------------------------------------------------------------------------------------


@promise("nobody-holds-the-loop")
def test_many_connections(server: Server) -> None:
    def talk(number: int) -> None:
        with WebSocket(server.port, "/echo") as websocket:
            for turn in range(20):
                message = f"{number}:{turn}:" + "x" * (number * 37 % 3000)
                assert websocket.ask(message) == message
            websocket.finish()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(80)))


def test_late_answers_stay_on_their_connection(server: Server) -> None:
    """If a task answers after its connection has ended, the answer must not reach another connection that now has the
    same descriptor."""
    for number in range(20):
        with WebSocket(server.port, "/late?ms=20") as websocket:
            websocket.send_message(f"lost {number}")
    with WebSocket(server.port, "/late?ms=40") as websocket:
        websocket.send_message("mine")
        assert websocket.receive() == "late:mine"
        websocket.finish()


@promise("many-senders", "nobody-holds-the-loop")
def test_a_room_is_seen_in_the_same_order_by_all(server: Server) -> None:
    members = [WebSocket(server.port, f"/room/order?id={n}") for n in range(5)]
    for turn in range(20):
        for number, member in enumerate(members):
            member.send_message(f"{number}.{turn}")
    views = [[json.loads(member.receive()) for _ in range(100)] for member in members]
    assert all(view == views[0] for view in views)
    assert [event["seq"] for event in views[0]] == sorted({event["seq"] for event in views[0]})
    for number in range(5):
        own = [event["data"] for event in views[0] if event["from"] == str(number)]
        assert own == [f"{number}.{turn}" for turn in range(20)]
    for member in members:
        member.finish()


def test_a_member_that_leaves_does_not_end_a_broadcast(server: Server) -> None:
    with WebSocket(server.port, "/room/gone?id=a") as a:
        for turn in range(30):
            b = WebSocket(server.port, "/room/gone?id=b")
            b.reset()
            a.send_message(str(turn))
            assert a.receive_json()["data"] == str(turn)
        a.finish()
