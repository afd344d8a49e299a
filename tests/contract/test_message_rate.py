"""Clients that send more messages than `message_rate` allows, and sockets that have reached `max_lifetime`."""

import contextlib
import os
import re
import signal
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from front_ends import Server
from observed import SOON, closed, within
from promises import promise
from raw import CONTINUATION, PING, TEXT, ClosedError, Peer, WebSocket, close_frame, frame, upgrade

Start = Callable[..., Server]

PAUSED, CLOSED, MORTAL = "/features/rate/pause", "/features/rate/close", "/features/lifetime"  # routes of features.py
RATE, BURST = 50, 5  # of PAUSED
LIFETIME_S = 0.5  # of MORTAL
RESOLUTION_S = 0.01  # of the server's clock, and of asyncio's
BLOCKED_S = 0.2  # a send that blocks for so long has filled the kernels' buffers


def numbered(count: int) -> bytes:
    return b"".join(frame(TEXT, str(number).encode()) for number in range(count))


def cpu_s(server: Server) -> float:
    """Returns the processor time that the server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- pause ----------------------------------------------------------------------------------------------------------


@promise("message-rate", "limits-of-routes")
def test_a_burst_is_answered_and_the_rest_at_the_rate(server: Server) -> None:
    count = 30
    with WebSocket(server.port, PAUSED) as websocket:
        begin = time.monotonic()
        websocket.send(numbered(count))
        assert [websocket.receive() for _ in range(count)] == [str(number) for number in range(count)]
        assert time.monotonic() - begin >= (count - BURST) / RATE - RESOLUTION_S
        websocket.finish()


@promise("message-rate")
def test_a_pause_affects_nobody_else(server: Server) -> None:
    with WebSocket(server.port, PAUSED) as paused, WebSocket(server.port, PAUSED) as other:
        paused.send(numbered(BURST + RATE // 2))
        for number in range(BURST):
            assert other.ask(str(number)) == str(number)
        for number in range(BURST + RATE // 2):
            assert paused.receive() == str(number)


@promise("message-rate")
def test_what_follows_a_message_that_waits_keeps_its_place(server: Server) -> None:
    with WebSocket(server.port, PAUSED) as websocket:
        websocket.send(numbered(BURST + 5) + frame(PING, b"?") + close_frame(1000))
        assert [websocket.receive() for _ in range(BURST + 5)] == [str(number) for number in range(BURST + 5)]
        with pytest.raises(ClosedError) as ended:
            websocket.receive()
        assert (ended.value.code, websocket.pongs) == (1000, [b"?"])


@promise("message-rate")
def test_messages_of_the_whole_application(start_server: Start) -> None:
    """Every message counts once, in whatever fragments it comes, and control frames do not count."""
    server = start_server(limits={"message_rate": 1, "message_burst": 3, "message_rate_action": "close"})
    with WebSocket(server.port, "/echo") as websocket:
        parts = frame(TEXT, b"a", fin=0) + frame(CONTINUATION, b"b", fin=0) * 50 + frame(CONTINUATION, b"c")
        websocket.send(frame(PING, b"?") * 100 + parts + frame(TEXT, b"") * 2)
        assert [websocket.receive() for _ in range(3)] == ["a" + "b" * 50 + "c", "", ""]
        websocket.send_frame(TEXT)
        assert "message_rate" in websocket.expect_close(1008)
    with WebSocket(server.port, PAUSED) as websocket:  # the route has its own rate, but the application's action
        websocket.send(numbered(BURST + 1))
        assert [websocket.receive() for _ in range(BURST)] == [str(number) for number in range(BURST)]
        assert "message_rate" in websocket.expect_close(1008)


@promise("message-rate")
def test_a_paused_client_is_not_taken_for_dead(start_server: Start) -> None:
    """The answers to pings wait behind the message that has to wait, for much longer than ping_timeout."""
    server = start_server(
        limits={"message_rate": 1, "message_burst": 1, "ping_interval": 0.1, "ping_timeout": 0.1},
    )
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(numbered(2))
        assert [websocket.receive() for _ in range(2)] == ["0", "1"]
        assert len(websocket.pings) >= 2


@promise("message-rate")
def test_a_paused_client_that_is_lost(start_server: Start) -> None:
    server = start_server(limits={"message_rate": 1, "message_burst": 1})
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(numbered(100))
        assert websocket.receive() == "0"
        begin = time.monotonic()
        websocket.reset()
        while not closed(server, 1006):
            within(SOON, begin)


@promise("message-rate")
def test_a_stop_does_not_wait_for_a_paused_client(start_server: Start) -> None:
    server = start_server(limits={"message_rate": 1, "message_burst": 1})
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(numbered(100))
        assert websocket.receive() == "0"
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        websocket.expect_close(1001)
        assert server.wait() == server.front_end.stop_status
        within(SOON, begin)


@promise("message-rate")
@pytest.mark.plain("sends in parts")
def test_a_flood_costs_little(start_server: Start) -> None:
    """A client sends 100,000 messages, or as many as the kernels take. The server takes 100 a second, uses a fraction
    of a processor, and answers another client at once."""
    rate, seconds = 100, 1.5
    server = start_server(limits={"message_rate": rate, "message_burst": rate})
    with WebSocket(server.port, "/echo") as flood, WebSocket(server.port, "/sink") as other:
        flood.socket.settimeout(BLOCKED_S)
        with contextlib.suppress(TimeoutError):
            flood.socket.sendall(numbered(100_000))
        for number in range(rate):
            assert flood.receive() == str(number)
        begin, cpu_before, asked_s = time.monotonic(), cpu_s(server), []
        received = rate
        while time.monotonic() - begin < seconds:
            assert flood.receive() == str(received)
            received += 1
            if received % 5 == 0:
                asked = time.monotonic()
                other.send_message("?")
                other.receive()
                asked_s.append(time.monotonic() - asked)
        assert cpu_s(server) - cpu_before < 0.2 * (time.monotonic() - begin)
        assert statistics.median(asked_s) < 0.02
        assert received - rate <= rate * (time.monotonic() - begin + 1 + BLOCKED_S)


@promise("message-rate")
@pytest.mark.plain("sends in parts")
def test_a_fast_sender_loses_nothing(start_server: Start) -> None:
    """Tens of thousands of messages in a row, more than the kernels take: the client's own sends wait."""
    count, rate = 60_000, 40_000
    server = start_server(limits={"message_rate": rate, "message_burst": 100})
    rest = memoryview(b"".join(frame(TEXT, b"%d" % number + b"x" * 100) for number in range(count)))
    with WebSocket(server.port, "/sink") as websocket:
        begin = time.monotonic()
        websocket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        websocket.socket.sendall(rest)
        websocket.send_message("?")
        assert websocket.receive_json(30)["count"] == count
        assert time.monotonic() - begin >= (count - 100) / rate - RESOLUTION_S


# ---- close ----------------------------------------------------------------------------------------------------------


@promise("message-rate", "texts-name-the-setting")
def test_more_messages_close_the_connection(server: Server) -> None:
    with WebSocket(server.port, CLOSED) as websocket:
        websocket.send(numbered(10))
        assert [websocket.receive() for _ in range(3)] == ["0", "1", "2"]
        reason = "expected at most 1 messages a second (message_rate), 3 at once (message_burst)"
        assert websocket.expect_close(1008) == reason


@promise("message-rate")
def test_many_that_are_closed_are_few_lines(start_server: Start) -> None:
    server = start_server()
    begin = time.monotonic()
    for _ in range(50):
        with WebSocket(server.port, CLOSED) as websocket:
            websocket.send(numbered(4))
            for _ in range(3):
                websocket.receive()
            websocket.expect_close(1008)
    assert closed(server, 1008) == 50
    line = r"127\.0\.0\.1:\d+ closed with 1008: expected at most 1 messages a second \(message_rate\)"
    server.wait_for_line(line)
    assert sum(bool(re.search(line, each)) for each in server.lines) <= 10 * (time.monotonic() - begin + 2)


@promise("message-rate", "proxy-protocol")
@pytest.mark.plain("the PROXY header comes before TLS")
def test_the_line_names_the_client_behind_a_proxy(start_server: Start) -> None:
    server = start_server(options=("--trusted-proxies", "127.0.0.1", "--proxy-protocol"))
    with Peer(server.port) as peer:
        peer.send(b"PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n" + upgrade(CLOSED) + numbered(4))
        assert peer.read_head().status == 101
        server.wait_for_line(r"192\.0\.2\.1:56324 closed with 1008: .*message_rate")


# ---- max_lifetime ---------------------------------------------------------------------------------------------------


@promise("max-lifetime", "limits-of-routes", "texts-name-the-setting")
def test_a_lifetime_ends(server: Server) -> None:
    with WebSocket(server.port, MORTAL) as websocket:
        begin = time.monotonic()
        while time.monotonic() - begin < LIFETIME_S / 2:
            assert websocket.ask("busy") == "busy"
        assert websocket.expect_close(1001) == "the connection has reached its max_lifetime"
        assert time.monotonic() - begin >= 0.9 * LIFETIME_S - RESOLUTION_S
        within(SOON, begin)


@promise("max-lifetime")
def test_a_lifetime_of_the_whole_application(start_server: Start) -> None:
    """Also of clients that flood, do not answer, or wait for a token."""
    server = start_server(limits={"max_lifetime": 0.5, "close_timeout": 0.3, "message_rate": 1, "message_burst": 1})
    begin = time.monotonic()
    with WebSocket(server.port, "/echo") as paused, WebSocket(server.port, "/echo") as idle:
        paused.send(numbered(100))
        assert paused.receive() == "0"
        paused.expect_close(1001)
        idle.expect_close(1001)
    within(SOON, begin)
    assert closed(server, 1001) == 2
    assert "max_lifetime" not in server.log
