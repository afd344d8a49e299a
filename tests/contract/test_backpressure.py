"""No peer can make the server hold more than its limits: slow readers, slow handlers, slow consumers."""

import hashlib
import random
import re
import select
import socket
import time
from collections.abc import Callable

import pytest
from driver import RemoteError, Subject
from front_ends import Server
from observed import SOON
from promises import promise
from raw import DEADLINE_S, TEXT, ClosedError, Peer, WebSocket, frame, http, request

New = Callable[..., Subject]
Start = Callable[..., Server]

SIZE = 1024
# A generous bound: what both kernels can buffer for a loopback connection with a small receive buffer, plus high_water.
MOST_PUSHED_BYTES = 8 * 1024 * 1024


# Nothing reports that the kernel buffers of both sides are full. A send that blocks for this long has filled them.
BLOCKED_S = 0.2


def look(port: int, name: str) -> int:
    """Returns a number of /stats."""
    return int(http(port, "GET", "/stats").json()[name])


def settled(port: int, name: str) -> int:
    """Returns the number once it has been the same five times in a row: there is no event for "nothing more
    happens"."""
    between_looks_s = 0.02
    value, looks = -1, 0
    while looks < 5:
        now = look(port, name)
        looks = looks + 1 if now == value else 0
        value = now
        time.sleep(between_looks_s)
    return value


@promise("send-water-marks")
def test_a_sender_waits_for_a_slow_reader(start_server: Start) -> None:
    """The handler's sends are bounded while the peer does not read. All messages arrive once it reads."""
    server = start_server()
    with WebSocket(server.port, f"/push?n=20000&size={SIZE}", receive_buffer=4096) as websocket:
        pushed = settled(server.port, "pushed")
        assert 0 < pushed * SIZE < MOST_PUSHED_BYTES
        for index in range(20000):
            assert websocket.receive() == f"{index} ".ljust(SIZE, ".")
        websocket.expect_close(1000)
    assert look(server.port, "pushed") == 20000


@promise("send-water-marks", "nobody-holds-the-loop")
def test_a_waiting_sender_holds_up_nobody_else(server: Server) -> None:
    with (
        WebSocket(server.port, f"/push?n=100000&size={SIZE}", receive_buffer=4096),
        WebSocket(server.port, "/echo") as other,
    ):
        for turn in range(200):
            assert other.ask(str(turn)) == str(turn)


@promise("send-water-marks", "end-raises-in-own-task")
def test_a_waiting_sender_is_told_of_the_end(subject: New) -> None:
    s = subject(receive_buffer=4096)
    foreign = s.foreign
    number = s.call("send_many", count=20_000, size=SIZE)
    while foreign.do("state")["buffered_amount"] <= 16 * 1024:
        pass
    s.peer.reset()
    with pytest.raises(RemoteError, match="WebSocketDisconnect"):
        s.end(number)


@promise("end-drops-in-other-tasks")
def test_a_waiting_sender_of_another_task_is_told_by_what_it_gives(subject: New) -> None:
    s = subject(receive_buffer=4096)
    number = s.begin("send_many", count=20_000, size=SIZE)
    while s.do("state")["buffered_amount"] <= 16 * 1024:
        pass
    s.peer.reset()
    assert s.end(number) < 20_000


@promise("receive-queue")
@pytest.mark.plain("sends in parts")
def test_a_slow_handler_pauses_its_peer(server: Server) -> None:
    """The incoming queue is bounded, so the server stops reading from the peer. Nothing is lost once the handler goes
    on."""
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
        assert blocked, "the server took 13 MB without a pause"
        websocket.send_message("?")
        assert websocket.receive_json(30) == {
            "count": sent,
            "bytes": sent * len(message),
            "sha256": digest.hexdigest(),
        }


@promise("receive-queue")
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


@promise("messages-before-the-end")
def test_a_paused_peer_that_leaves(subject: New) -> None:
    """The handler still receives what the peer sent before it left, and then the end."""
    s = subject()
    s.peer.send(b"".join(frame(TEXT, str(n).encode()) for n in range(100)))
    s.peer.send_frame(8, b"\x03\xe8")
    s.peer.end_sending()
    assert [s.do("receive") for _ in range(100)] == [str(n) for n in range(100)]
    assert s.fails("receive").code == 1000
    s.peer.expect_close(1000)


@promise("wait-closed")
def test_a_paused_peer_that_is_lost(server: Server, subject: New) -> None:
    """The peer has sent more than the handler takes, and then resets. The loss is reported before anyone reads."""
    s = subject()
    waiting = s.begin("wait_closed")
    s.peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
    s.peer.socket.settimeout(BLOCKED_S)
    with pytest.raises(TimeoutError):  # the server has stopped reading
        while True:
            s.peer.socket.sendall(frame(TEXT, b"x" * 6000))
    descriptors = look(server.port, "fds")
    s.peer.reset()
    assert s.end(waiting) is None
    assert s.do("state")["close_code"] == 1006
    while look(server.port, "fds") >= descriptors:
        pass


@promise("slow-consumer")
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


@promise("slow-consumer")
def test_a_broadcast_drops_only_the_slow_member(server: Server) -> None:
    slow = WebSocket(server.port, "/room/slow?id=slow", receive_buffer=4096)
    with WebSocket(server.port, "/room/slow?id=quick") as quick:
        for turn in range(20):
            quick.send_message("x" * 1000)
            assert len(quick.receive_json()["data"]) == 1000, turn
        quick.finish()
    slow.disconnect()


# ---- answers that wait ----------------------------------------------------------------------------------------------


def numbered(count: int) -> tuple[bytes, list[bytes]]:
    """Returns requests with answers of 7 KB each by a handler, and the numbers in these answers."""
    requests = (request("GET", f"/hdr?n=X-Number&v={n}-{'x' * 7000}") for n in range(count))
    return b"".join(requests), [b"%d" % n for n in range(count)]


def refused(count: int) -> tuple[bytes, list[bytes]]:
    """Returns tiny requests that the server answers itself, and their statuses."""
    requests = {b"404": request("GET", "/x"), b"405": request("PUT", "/livez")}
    statuses = random.Random(count).choices(list(requests), k=count)
    return b"".join(map(requests.__getitem__, statuses)), statuses


@promise("pipelining")
@pytest.mark.memory
@pytest.mark.plain("sends and reads at the same time, without waiting")
@pytest.mark.parametrize(
    ("pipelined", "count", "mark"),
    [(numbered, 2500, rb"^X-Number: (\d+)-x+\r$"), (refused, 100_000, rb"^HTTP/1.1 (40\d) ")],
    ids=["of a handler", "of the server"],
)
def test_answers_that_nobody_reads(
    start_server: Start, pipelined: Callable[[int], tuple[bytes, list[bytes]]], count: int, mark: bytes
) -> None:
    """The answers to pipelined requests, up to 18 MB, are not made until the peer reads. Then it gets all of them."""
    server = start_server()
    end = request("GET", "/livez", [("Connection", "close")])
    with Peer(server.port) as peer:
        send_and_read_all(peer, memoryview(pipelined(50)[0] + end))
    before = settled(server.port, "rss")
    requests, answers = pipelined(count)
    with Peer(server.port) as peer:
        rest = send_until_blocked(peer, memoryview(requests + end))
        assert settled(server.port, "rss") - before < 4 * 1024 * 1024
        assert re.findall(mark, send_and_read_all(peer, rest), re.M) == answers


def send_until_blocked(peer: Peer, data: memoryview) -> memoryview:
    """Sends until the kernel takes no more. Returns the rest."""
    peer.socket.settimeout(BLOCKED_S)
    try:
        while data:
            data = data[peer.socket.send(data) :]
    except TimeoutError:
        pass
    return data


def send_and_read_all(peer: Peer, data: memoryview) -> bytes:
    """Sends and reads at the same time. Returns what arrived until the end of the stream."""
    received = bytearray()
    while True:
        readable, writable, _ = select.select([peer.socket], [peer.socket] if data else [], [], DEADLINE_S)
        assert readable or writable, f"{len(received)} octets arrived, {len(data)} are still to be sent"
        if writable:
            data = data[peer.socket.send(data[: 64 * 1024]) :]
        if readable:
            if not (part := peer.socket.recv(1024 * 1024)):
                return bytes(received)
            received += part


# ---- readers at the end ---------------------------------------------------------------------------------------------


class Pace:
    """Spreads ``total`` steps over ``for_s`` seconds."""

    def __init__(self, total: int, for_s: float) -> None:
        self.begin, self.step_s = time.monotonic(), for_s / total

    def wait(self, done: int) -> None:
        time.sleep(max(0.0, self.begin + done * self.step_s - time.monotonic()))


@promise("close-timeout-begins")
def test_a_slow_reader_of_the_last_answer(start_server: Start) -> None:
    """The server waits as long as the peer reads: close_timeout begins after that."""
    server = start_server(limits={"close_timeout": 0.2})
    with Peer(server.port, receive_buffer=32 * 1024) as peer:
        peer.send(request("GET", "/static/big.bin", [("Connection", "close")]))
        size = int(peer.read_head().get("content-length"))
        pace = Pace(size, 1.6)
        for done in range(0, size, 16 * 1024):
            assert len(peer.read(16 * 1024)) == 16 * 1024
            pace.wait(done)
        peer.expect_end()


@promise("close-timeout-begins")
def test_a_slow_reader_of_the_last_messages(start_server: Start) -> None:
    """The same after the handler has returned."""
    server = start_server(limits={"close_timeout": 0.2})
    with WebSocket(server.port, "/push?n=300&size=10000", receive_buffer=32 * 1024) as websocket:
        pace = Pace(300, 1.6)
        for index in range(300):
            assert websocket.receive() == f"{index} ".ljust(10000, ".")
            pace.wait(index)
        websocket.expect_close(1000)


@promise("close-timeout-begins")
def test_a_peer_that_stops_reading_at_the_end_is_dropped(start_server: Start) -> None:
    server = start_server(limits={"close_timeout": 0.3, "write_timeout": 0.3})
    with (
        WebSocket(server.port, "/push?n=20&size=10000", receive_buffer=4096),
        Peer(server.port, receive_buffer=4096) as peer,
    ):
        peer.send(request("GET", "/static/big.bin", [("Connection", "close")]))
        begin = time.monotonic()
        while http(server.port, "GET", "/stats").json()["conns"]["tcp"] > 1:
            assert time.monotonic() < begin + SOON
