"""What the application can read about its own servers: connections, and the octets that they hold."""

import time
from collections.abc import Callable
from typing import Any

from front_ends import Server
from promises import promise
from raw import CONTINUATION, TEXT, Peer, WebSocket, http

WITHIN_S = 5


def stats(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = http(server.port, "GET", "/stats").json()
    return answer


def wait_for(server: Server, fits: Callable[[dict[str, Any]], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not fits(found := stats(server)):
        assert time.monotonic() < end, found


@promise("statistics")
def test_connections_by_kind(start_server: Callable[..., Server]) -> None:
    server = start_server()
    assert stats(server)["conns"] == {"tcp": 1, "http": 1, "ws": 0}  # the connection of this request
    with Peer(server.port) as peer, WebSocket(server.port, "/echo") as websocket:
        assert peer.ask("GET", "/livez").status == 200
        assert websocket.ask("x") == "x"
        wait_for(server, lambda found: found["conns"] == {"tcp": 3, "http": 2, "ws": 1})
    wait_for(server, lambda found: found["conns"] == {"tcp": 1, "http": 1, "ws": 0})


@promise("statistics")
def test_what_has_begun_and_not_ended(start_server: Callable[..., Server]) -> None:
    server = start_server()
    # What has come of a body is its handler's in Python, and the engine's in C++, whose handler gets it whole.
    of_body = 4000 if server.front_end.name.startswith("cpp") else 0
    assert stats(server)["partial_bytes"] == 0
    with WebSocket(server.port, "/echo") as websocket, Peer(server.port) as head, Peer(server.port) as body:
        websocket.send_frame(TEXT, b"m" * 3000, fin=0)
        head.send(b"GET /livez HTTP/1.1\r\nHost: " + b"h" * 500)
        body.send(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n" + b"b" * 4000)
        wait_for(server, lambda found: 3500 <= found["partial_bytes"] - of_body < 4500)
        websocket.send_frame(CONTINUATION, b"")
        assert websocket.receive() == "m" * 3000
        wait_for(server, lambda found: 500 <= found["partial_bytes"] - of_body < 1500)
    wait_for(server, lambda found: found["partial_bytes"] == 0)


@promise("statistics")
def test_what_waits_for_its_reader(start_server: Callable[..., Server]) -> None:
    server = start_server()
    with WebSocket(server.port, "/push?n=100000&size=1000", receive_buffer=4096):
        # Between low_water and high_water plus one message.
        wait_for(server, lambda found: 16 * 1024 < found["send_queued"] < 66 * 1024)
    wait_for(server, lambda found: found["send_queued"] == 0)
