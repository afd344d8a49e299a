"""Clients that leave in the middle of a request's body. Other clients do not notice, and nothing is logged."""

from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, http, request

Start = Callable[..., Server]

HALVES = {
    "length": request("POST", "/body", [("Content-Length", "200000")]) + b"x" * 100_000,
    "in a chunk": request("POST", "/body", [("Transfer-Encoding", "chunked")]) + b"30000\r\n" + b"x" * 100_000,
    "between chunks": request("POST", "/body", [("Transfer-Encoding", "chunked")]) + b"3\r\nabc\r\n",
    "none of it": request("POST", "/body", [("Content-Length", "5")]),
}


def descriptors(server: Server) -> int:
    return int(http(server.port, "GET", "/stats").json()["fds"])


def goes_on(server: Server) -> None:
    assert http(server.port, "POST", "/body", body=b"the next").body == b"the next"


@promise("client-leaves-during-upload")
@pytest.mark.parametrize("leave", [Peer.disconnect, Peer.reset])
@pytest.mark.parametrize("half", HALVES.values(), ids=list(HALVES))
def test_a_client_that_leaves(start_server: Start, half: bytes, leave: Callable[[Peer], None]) -> None:
    server = start_server()
    before = descriptors(server)
    with Peer(server.port) as peer:
        peer.send(half)
        goes_on(server)
        leave(peer)
        while descriptors(server) > before:
            pass
    goes_on(server)
    server.stop()  # checks that nothing was logged


@promise("client-leaves-during-upload")
def test_a_client_that_leaves_while_its_request_before_is_in_work(start_server: Start) -> None:
    server = start_server()
    before = descriptors(server)
    with Peer(server.port) as peer:
        peer.send(request("POST", "/body?ms=100", body=b"in work") + HALVES["length"])
        goes_on(server)
        peer.reset()
        while descriptors(server) > before:
            pass
    goes_on(server)
    server.stop()


@promise("client-leaves-during-upload")
def test_a_client_that_ends_its_side_too_early(server: Server) -> None:
    """The client has half-closed, so the rest of the body can't arrive and the server does not wait for it."""
    with Peer(server.port) as peer:
        peer.send(HALVES["length"])
        peer.end_sending()
        while peer.fill():
            pass
        assert not peer.buffer or peer.buffer.startswith(b"HTTP/1.1 400 ")
    goes_on(server)
