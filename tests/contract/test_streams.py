"""Streamed responses: those that nobody reads, those without a body, and those whose client has left."""

import time

from front_ends import Server
from raw import Peer, http, request

WITHIN_S = 10.0


def open_streams(server: Server) -> int:
    return int(http(server.port, "GET", "/features/streams").json()["open"])


def until_none_is_open(server: Server) -> None:
    until = time.monotonic() + WITHIN_S
    while count := open_streams(server):
        assert time.monotonic() < until, f"{count} streams are still open"


def test_head_of_a_stream_has_no_body_and_holds_nobody(server: Server) -> None:
    """Without a body there is no backpressure that a generator would have to wait for."""
    response = http(server.port, "HEAD", "/features/stream?count=2000000000&size=100")
    assert (response.status, response.body) == (200, b"")
    response = http(server.port, "HEAD", "/features/stream?count=0&size=0&quiet")
    assert (response.status, response.body) == (200, b"")
    assert http(server.port, "GET", "/livez").status == 200
    until_none_is_open(server)


def test_a_quiet_stream_ends_when_its_client_leaves(server: Server) -> None:
    """Nothing is written that would find it out."""
    for leave in (Peer.disconnect, Peer.reset):
        with Peer(server.port) as peer:
            peer.send(request("GET", "/features/stream?count=1&size=10&quiet"))
            peer.read_until(b"0 ........")
            assert open_streams(server) == 1
            leave(peer)
        until_none_is_open(server)
