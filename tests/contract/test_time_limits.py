"""Every time limit: what happens when it is exceeded, and which peers can't extend it."""

import contextlib
import ctypes
import os
import signal
import socket
import struct
import time
from collections.abc import Callable

import pytest
from driver import Subject
from front_ends import Server
from observed import SOON, closed, within
from promises import promise
from raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    ClosedError,
    EndOfStreamError,
    Peer,
    WebSocket,
    close_frame,
    frame,
    http,
    parse_close,
    request,
    upgrade,
)

Start = Callable[..., Server]

KIB, MIB = 1024, 1024 * 1024
SHORT = 0.3
SO_ATTACH_FILTER = 26  # asm-generic/socket.h
DRIP = 0.02  # between two octets that are sent one by one


@promise("request-timeouts")
def test_head_timeout(start_server: Start) -> None:
    server = start_server(limits={"head_timeout": SHORT})
    begin = time.monotonic()
    with Peer(server.port) as silent, Peer(server.port) as slow:
        slow.send(b"GET /livez HTTP/1.1\r\nHost: local")
        response = slow.read_response()
        assert (response.status, response.closes) == (408, True)
        slow.expect_end()
        with contextlib.suppress(EndOfStreamError):
            assert silent.read_response().status == 408
        within(SOON, begin)


@promise("request-timeouts")
def test_a_drip_does_not_extend_head_timeout(start_server: Start) -> None:
    server = start_server(limits={"head_timeout": SHORT})
    with Peer(server.port) as peer:
        begin = time.monotonic()
        peer.send(b"GET /livez HTTP/1.1\r\nX-A: ")
        while not peer.buffer:
            peer.send_unless_closed(b"x")
            peer.is_quiet(DRIP)
            within(SOON, begin)
        assert peer.read_response().status == 408


@promise("server-stalls")
@pytest.mark.plain("600 handshakes take longer than head_timeout")
def test_a_stall_of_the_server_is_not_the_peers_fault(start_server: Start) -> None:
    """Complete requests arrive while the server is stopped for longer than head_timeout. It reads them before it checks
    the timeouts."""
    head_timeout, stall = 1.5, 1.7
    server = start_server(limits={"head_timeout": head_timeout})
    with contextlib.ExitStack() as held:
        # More than one epoll_wait() returns.
        peers = [held.enter_context(Peer(server.port)) for _ in range(600)]
        while http(server.port, "GET", "/stats").json()["conns"]["tcp"] <= len(peers):
            pass
        server.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
        for peer in peers:
            peer.send(request("GET", "/livez"))
        assert peers[0].is_quiet(stall)
        server.signal(signal.SIGCONT)
        assert [peer.read_response().status for peer in peers] == [200] * len(peers)


@promise("texts-name-the-setting", "request-timeouts")
def test_accept_timeout(start_server: Start) -> None:
    server = start_server(limits={"accept_timeout": SHORT})
    subject = Subject(server.port, accepted=False)
    response = subject.peer.read_response(within_s=SOON)
    assert response.status == 503
    assert b"accept_timeout" in response.body
    server.wait_for_line("503 /features/.*: the handler did not accept within accept_timeout")
    assert subject.fails("accept").name == "WebSocketDisconnect"
    subject.disconnect()


@pytest.mark.plain("is about a port without TLS")
def test_tls_on_the_plain_port_is_told_at_once(start_server: Start) -> None:
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(506))
        response = peer.read_response()
        assert response.status == 400
        assert b"TLS" in response.body
    server.wait_for_line("a TLS handshake came to a port of plain HTTP")


@promise("request-timeouts")
def test_keep_alive_timeout(start_server: Start) -> None:
    server = start_server(limits={"keep_alive_timeout": SHORT})
    with Peer(server.port) as peer:
        for _ in range(3):
            assert peer.ask("POST", "/body?ms=400", body=b"longer than that").status == 200
        begin = time.monotonic()
        peer.expect_end(SOON)
        assert time.monotonic() - begin > SHORT / 2


@promise("request-timeouts")
def test_an_idle_connection_is_kept_for_as_long_as_was_said(start_server: Start) -> None:
    """And for another second, because a next request may be on its way."""
    server = start_server(limits={"keep_alive_timeout": 1.5})
    with Peer(server.port) as peer:
        response = peer.ask("GET", "/livez")
        assert response.get("keep-alive") == "timeout=1"
        assert "keep-alive" in response.tokens("connection")  # because Keep-Alive is a hop-by-hop field
        begin = time.monotonic()
        peer.expect_end(SOON + 2.5)
        assert time.monotonic() - begin > 1.5
    assert http(server.port, "GET", "/livez", [("Connection", "close")]).getlist("keep-alive") == []
    with Peer(server.port) as peer:
        peer.send(b"GET /livez HTTP/1.0\r\n\r\n")
        assert peer.read_response().getlist("keep-alive") == []


@promise("request-timeouts")
def test_a_connection_is_idle_once_its_answer_is_read(start_server: Start) -> None:
    """However slowly the peer reads the answer, it is not idle while it does."""
    body = bytes(8 << 20)
    server = start_server(limits={"keep_alive_timeout": SHORT, "max_body_size": len(body)})
    with Peer(server.port, receive_buffer=32 * 1024) as peer:
        begin = time.monotonic()
        peer.send(request("POST", "/body", body=body))
        while time.monotonic() - begin < SHORT + 2:  # the timeout, the extra second, and one second more
            peer.buffer += peer.socket.recv(8192)
            time.sleep(0.005)
        assert len(peer.buffer) < len(body)
        assert peer.read_response().body == body
        assert peer.ask("GET", "/livez").status == 200
        begin = time.monotonic()
        peer.expect_end(SOON + 2.5)
        assert time.monotonic() - begin < 2 * (SHORT + 1)  # the time it took to read the answer does not count


@promise("idle-connections-make-room")
def test_idle_connections_make_room_for_newcomers(start_server: Start) -> None:
    """The connection that has been idle longest is closed. A WebSocket, and a connection with a request in progress,
    stay."""
    server = start_server(limits={"max_connections": 4})
    with (
        WebSocket(server.port, "/echo") as websocket,
        Peer(server.port) as busy,
        Peer(server.port) as first,
        Peer(server.port) as second,
    ):
        assert websocket.ask("x") == "x"
        busy.send(request("POST", "/body?ms=400", body=b"in work"))
        assert first.ask("GET", "/livez").status == 200
        assert second.ask("GET", "/livez").status == 200
        assert first.ask("GET", "/livez").status == 200
        with Peer(server.port) as newcomer:
            assert newcomer.ask("GET", "/livez").status == 200
            second.expect_end()
            assert first.ask("GET", "/livez").status == 200
            assert busy.read_response().body == b"in work"
            assert websocket.ask("unharmed") == "unharmed"
            websocket.finish()


@promise("request-timeouts")
def test_body_rate(start_server: Start) -> None:
    server = start_server(limits={"body_grace": SHORT, "min_body_rate": 10000})
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body", [("Content-Length", "100")]) + b"x")
        response = peer.read_response(within_s=SOON)
        assert (response.status, response.closes) == (408, True)
        peer.expect_end()


@promise("request-timeouts")
def test_a_burst_of_a_body_buys_no_silence(start_server: Start) -> None:
    server = start_server(limits={"body_grace": SHORT})
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body", [("Content-Length", str(200 * KIB))]) + b"x" * (200 * KIB - 1))
        response = peer.read_response(within_s=SOON)
        assert (response.status, response.closes) == (408, True)
        peer.expect_end()


@promise("texts-name-the-setting", "message-limits")
def test_message_timeout(start_server: Start) -> None:
    server = start_server(limits={"message_timeout": SHORT})
    for begun in (frame(TEXT, b"x", fin=0), frame(TEXT, b"x" * 10)[:8]):
        with WebSocket(server.port, "/echo") as websocket:
            assert websocket.ask("whole") == "whole"
            websocket.send(begun)
            assert "message_timeout" in websocket.expect_close(1008, within_s=SOON)


@promise("message-limits")
def test_pings_buy_an_unfinished_message_no_time(start_server: Start) -> None:
    """More pings than the server handles in one turn."""
    server = start_server(limits={"message_timeout": SHORT})
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(frame(TEXT, b"x", fin=0))
        end, pings = time.monotonic() + SOON, 0
        with pytest.raises(ClosedError, match="message_timeout") as closed:
            while time.monotonic() < end:
                websocket.send(frame(PING) * 65)
                pings += 65
                for _ in range(65):
                    answer = websocket.read_frame()
                    if answer.opcode == CLOSE:
                        raise parse_close(answer.payload)
        assert closed.value.code == 1008
        assert pings > 65


@promise("message-limits")
def test_a_message_that_ends_in_time(start_server: Start) -> None:
    server = start_server(limits={"message_timeout": SHORT})
    with WebSocket(server.port, "/echo") as websocket:
        end = time.monotonic() + 3 * SHORT
        while time.monotonic() < end:
            websocket.send_frame(TEXT, b"one ", fin=0)
            websocket.is_quiet(DRIP)
            websocket.send_frame(CONTINUATION, b"two")
            assert websocket.receive() == "one two"


@promise("message-limits")
def test_messages_without_a_pause_between_them(start_server: Start) -> None:
    """Each message ends in time, but whenever the server looks, another one has begun."""
    server = start_server(limits={"message_timeout": 0.5})
    message = frame(BINARY, bytes(100_000))
    begun, rest = message[:50_000], message[50_000:]
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(begun)
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            websocket.send(rest + begun)
            assert websocket.receive() == bytes(100_000)


@promise("closing-handshake-in-background")
def test_close_timeout(start_server: Start) -> None:
    server = start_server(limits={"close_timeout": SHORT})
    with WebSocket(server.port, "/close?code=4000") as websocket:
        begin = time.monotonic()
        with pytest.raises(ClosedError):
            websocket.receive()
        websocket.expect_end(SOON)  # we never answer the Close
        assert time.monotonic() - begin > SHORT / 2


@promise("silent-peers")
def test_write_timeout(start_server: Start) -> None:
    server = start_server(limits={"write_timeout": SHORT})
    with WebSocket(server.port, "/push?n=100000&size=1024", receive_buffer=4096):
        begin = time.monotonic()
        while not closed(server, 1006):
            within(SOON, begin)


@promise("silent-peers")
@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_write_timeout_begins_with_the_write(start_server: Start, connection: str) -> None:
    """However long nothing else has happened before, a peer that reads gets the whole answer."""
    server = start_server(limits={"write_timeout": 1, "close_timeout": 1})
    body = os.urandom(MIB - 1)
    with Peer(server.port, receive_buffer=4096) as peer:
        peer.send(request("POST", "/body?ms=2000", [("Connection", connection)], body))
        assert peer.read_response().body == body


@promise("silent-peers")
def test_ping_timeout(start_server: Start) -> None:
    server = start_server(limits={"ping_interval": SHORT, "ping_timeout": SHORT})
    subject = Subject(server.port)
    waiting = subject.begin("wait_closed")
    assert subject.peer.read_frame(SOON).opcode == 9
    # The control connection answers pings while it waits; the subject's peer sends nothing more.
    assert subject.end(waiting) is None
    state = subject.do("state")
    assert (state["close_code"], state["close_reason"]) == (1006, "ping timeout")
    server.wait_for_line("1006: ping timeout")
    subject.peer.expect_end()
    subject.disconnect()


@promise("silent-peers")
def test_any_octet_counts_as_life(start_server: Start) -> None:
    server = start_server(limits={"ping_interval": SHORT / 2, "ping_timeout": SHORT / 2})
    message = frame(TEXT, b"x" * 125)
    with WebSocket(server.port, "/echo") as websocket:
        pings = 0
        for octet in message:  # slow, but alive: no pong is ever sent
            websocket.send(bytes([octet]))
            if not websocket.is_quiet(DRIP / 2):
                pings += 1
        while (got := websocket.read_frame()).opcode == 9:
            pings += 1
        assert got.payload == b"x" * 125
        websocket.finish()


def test_a_network_that_is_gone_is_found_in_time(start_server: Start) -> None:
    """After ping_timeout, without another interval for the data that was delivered before."""
    server = start_server(limits={"ping_interval": 0.5, "ping_timeout": 1})
    with WebSocket(server.port, "/echo") as websocket:
        assert websocket.ask("x" * 1000) == "x" * 1000
        # A BPF program that returns 0, which drops every packet.
        drop_nothing_but = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
        program = struct.pack("HL", 1, ctypes.addressof(drop_nothing_but))
        websocket.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        begin = time.monotonic()
        while not closed(server, 1006):
            within(SOON + 2, begin)
        assert time.monotonic() - begin < 2.3


@promise("silent-peers")
def test_a_peer_that_reads_is_alive(start_server: Start) -> None:
    """The peer has not yet read the ping, because it is queued behind what the server has sent."""
    message = bytes(4 * MIB)
    # Once all octets are in the client's kernel, only the pong shows life. Leave time enough for a slow machine.
    limits = {"ping_interval": SHORT / 2, "ping_timeout": 4 * SHORT, "max_message_size": len(message)}
    server = start_server(limits=limits)
    # Room for whole loopback segments: with a smaller buffer, TCP itself pauses for longer than the timeout.
    with WebSocket(server.port, "/echo", receive_buffer=256 * 1024) as websocket:
        begin = time.monotonic()
        websocket.send_message(message)
        while time.monotonic() - begin < 6 * SHORT:
            websocket.buffer += websocket.socket.recv(8192)
            time.sleep(0.005)
        assert len(websocket.buffer) < len(message)
        assert websocket.receive() == message
        assert websocket.ask("still here") == "still here"


def test_pings_are_answered_by_whoever_lives(start_server: Start) -> None:
    server = start_server(limits={"ping_interval": SHORT / 3, "ping_timeout": SHORT})
    with WebSocket(server.port, "/late?ms=900") as websocket:
        websocket.send_message("x")
        assert websocket.receive() == "late:x"
        assert len(websocket.pings) >= 2
        websocket.finish()


def test_a_handler_that_does_not_read_is_not_the_peers_fault(start_server: Start) -> None:
    limits = {"ping_interval": SHORT / 3, "ping_timeout": SHORT / 3, "receive_queue_messages": 1}
    server = start_server(limits=limits)
    with WebSocket(server.port, "/slow?ms=900") as websocket:
        websocket.send(frame(TEXT, b"a") + frame(TEXT, b"b"))
        websocket.send_message("?")
        assert websocket.receive_json()["count"] == 2


def test_a_peer_that_never_finishes_its_close(start_server: Start) -> None:
    """The peer half-closes and keeps the connection. The server drops it within close_timeout."""
    server = start_server(limits={"close_timeout": SHORT})
    with Peer(server.port) as peer:
        peer.send(upgrade("/echo") + close_frame(1000))
        assert peer.read_head().status == 101
        assert peer.read_frame().opcode == 8
        peer.expect_end(SOON)
    begin = time.monotonic()
    while http(server.port, "GET", "/stats").json()["conns"]["tcp"] > 1:
        within(SOON, begin)


@promise("closing-handshake-in-background")
def test_a_peer_that_stays_when_all_is_said(start_server: Start) -> None:
    """The server has half-closed, and the peer keeps its side open. The server drops it within close_timeout."""
    server = start_server(limits={"close_timeout": SHORT})
    with Peer(server.port) as answered, Peer(server.port) as refused, WebSocket(server.port, "/echo") as closed_:
        assert answered.ask("GET", "/livez", [("Connection", "close")]).closes
        refused.send(b"no request\r\n\r\n")
        assert refused.read_response().status == 400
        closed_.send(close_frame(1000))
        assert closed_.read_frame().opcode == 8
        for peer in (answered, refused, closed_):
            peer.expect_end(SOON)
        begin = time.monotonic()
        while http(server.port, "GET", "/stats").json()["conns"]["tcp"] > 1:
            within(SOON, begin)
