"""Nobody can make the server hold more than its bounds: slow readers, slow handlers, slow consumers."""

import hashlib
import socket
import time
from collections.abc import Callable

from driver import Subject
from front_ends import Server
from raw import TEXT, ClosedError, WebSocket, frame, http

New = Callable[..., Subject]

SIZE = 1024
# Generous: what both kernels' buffers may take of a loopback connection with a small receive buffer, and high water.
MOST_PUSHED_BYTES = 8 * 1024 * 1024


def settled(port: int, name: str) -> int:
    """A counter of /stats, once it stands still: the same in five looks, 20 ms apart."""
    value, looks = -1, 0
    while looks < 5:
        now = http(port, "GET", "/stats").json()[name]
        looks = looks + 1 if now == value else 0
        value = now
        time.sleep(0.02)
    return value


def test_a_sender_waits_for_a_slow_reader(start_server: Callable[..., Server]) -> None:
    """What the handler has sent is bounded while nobody reads, and all of it arrives once somebody does."""
    server = start_server()
    with WebSocket(server.port, f"/push?n=20000&size={SIZE}", receive_buffer=4096) as websocket:
        pushed = settled(server.port, "pushed")
        assert 0 < pushed * SIZE < MOST_PUSHED_BYTES
        for index in range(20000):
            assert websocket.receive() == f"{index} ".ljust(SIZE, ".")
        websocket.expect_close(1000)
    assert settled(server.port, "pushed") == 20000


def test_a_waiting_sender_holds_up_nobody_else(server: Server) -> None:
    with (
        WebSocket(server.port, f"/push?n=100000&size={SIZE}", receive_buffer=4096),
        WebSocket(server.port, "/echo") as other,
    ):
        for turn in range(200):
            assert other.ask(str(turn)) == str(turn)


def test_a_waiting_sender_is_told_of_the_end(subject: New) -> None:
    s = subject(receive_buffer=4096)
    number = s.begin("send_many", count=1_000_000, size=SIZE)
    while s.do("state")["buffered_amount"] <= 16 * 1024:
        pass
    s.peer.reset()
    try:
        s.end(number)
    except Exception as error:
        assert "WebSocketDisconnect" in str(error)
    else:
        raise AssertionError("every send completed")


def test_a_slow_handler_pauses_its_peer(server: Server) -> None:
    """The incoming queue is bounded, so the peer's sends stop to be taken; nothing is lost once the handler goes on."""
    message = b"x" * (32 * 1024)
    frames = frame(TEXT, message)
    digest, sent = hashlib.sha256(), 0
    with WebSocket(server.port, "/slow?ms=4") as websocket:
        websocket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        websocket.socket.settimeout(0.001)
        blocked = 0
        for _ in range(400):
            rest = frames
            while rest:
                try:
                    rest = rest[websocket.socket.send(rest) :]
                except TimeoutError:
                    blocked += 1
            digest.update(message)
            sent += 1
        assert blocked, "13 MB were taken at once"
        websocket.send_message("?")
        assert websocket.receive_json(30) == {
            "count": sent,
            "bytes": sent * len(message),
            "sha256": digest.hexdigest(),
        }


def test_small_messages_to_a_slow_handler(server: Server) -> None:
    digest = hashlib.sha256()
    with WebSocket(server.port, "/slow?ms=0") as websocket:
        for start in range(0, 5000, 250):
            batch = [str(number).encode() for number in range(start, start + 250)]
            websocket.send(b"".join(frame(TEXT, one) for one in batch))
            for one in batch:
                digest.update(one)
        websocket.send_message("?")
        answer = websocket.receive_json(30)
    assert (answer["count"], answer["sha256"]) == (5000, digest.hexdigest())


def test_a_paused_peer_that_leaves(subject: New) -> None:
    """What it has sent before it left is still received, and then the end."""
    s = subject()
    s.peer.send(b"".join(frame(TEXT, str(n).encode()) for n in range(100)))
    s.peer.send_frame(8, b"\x03\xe8")
    s.peer.end_sending()
    assert [s.do("receive") for _ in range(100)] == [str(n) for n in range(100)]
    assert s.fails("receive").code == 1000
    s.peer.expect_close(1000)


def test_a_slow_consumer_is_closed(subject: New) -> None:
    """Sends that nobody awaits are bounded by max_buffered; then the connection is closed with 1008."""
    s = subject(receive_buffer=4096)
    count = s.foreign.do("send_unawaited", count=100_000, size=SIZE)
    assert 1024 * 1024 <= count * (SIZE + 4) < MOST_PUSHED_BYTES
    state = s.do("state")
    assert (state["closed"], state["close_code"]) == (True, 1008)
    assert state["close_reason"].startswith("slow consumer")
    seen = 0
    try:
        while True:
            assert s.peer.receive() == f"{seen} ".ljust(SIZE, ".")
            seen += 1
    except ClosedError as closed:
        assert closed.code == 1008
        assert "slow consumer" in closed.reason
    assert seen in (count, count - 1)


def test_a_broadcast_drops_only_the_slow_member(server: Server) -> None:
    slow = WebSocket(server.port, "/room/slow?id=slow", receive_buffer=4096)
    with WebSocket(server.port, "/room/slow?id=quick") as quick:
        for turn in range(20):
            quick.send_message("x" * 1000)
            assert len(quick.receive_json()["data"]) == 1000, turn
        quick.finish()
    slow.disconnect()
