"""A peer that keeps the server busy does not keep others waiting. The tests check the order in which the server acts,
not how long it takes: the server is stopped until all sockets have something to read.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from front_ends import Server
from promises import promise
from raw import TEXT, Peer, WebSocket, frame, request, upgrade

Start = Callable[..., Server]


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Stops the server, so that it finds everything sent in the block at once."""
    server.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
    yield
    server.signal(signal.SIGCONT)


@promise("fairness")
def test_tiny_messages(start_server: Start) -> None:
    """A batch of them comes first. Another peer's message gets its turn long before the last of them."""
    server = start_server()
    with WebSocket(server.port, "/room/many") as many, WebSocket(server.port, "/room/one") as one:
        many.send_message("the first")
        first = many.receive_json()["seq"]
        with stopped(server):
            many.send(frame(TEXT) * 10_000)
            one.send_message("me too")
        assert one.receive_json()["seq"] - first < 200
        assert {many.receive_json()["data"] for _ in range(10_000)} == {""}


@promise("fairness")
@pytest.mark.parametrize("target", ["/livez", "/nowhere"])
def test_pipelined_requests(start_server: Start, target: str) -> None:
    """Hundreds arrive in one read. A new connection gets in before the last one is answered."""
    server = start_server()
    with Peer(server.port) as many, Peer(server.port) as newcomer:
        for peer in (many, newcomer):
            assert peer.ask("GET", "/stats").json()["rooms"] == 0
        with stopped(server):
            many.send(request("GET", target) * 400 + request("GET", "/stats"))
            newcomer.send(upgrade("/room/new"))
        assert len({many.read_response().status for _ in range(400)}) == 1
        assert many.read_response().json()["rooms"] == 1
