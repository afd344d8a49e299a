"""Streamed responses: those that nobody reads, those without a body, and those whose client has left."""

import time
from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, http, request

WITHIN_S = 10.0


def open_streams(server: Server) -> int:
    return int(http(server.port, "GET", "/features/streams").json()["open"])


def begun_streams(server: Server) -> int:
    """Returns the number of streams that have begun so far."""
    return int(http(server.port, "GET", "/features/streams/begun").json())


def until_none_is_open(server: Server, begun: int = 0) -> None:
    """Waits until at least ``begun`` streams have begun and none is open."""
    until = time.monotonic() + WITHIN_S
    while (found := (begun_streams(server), open_streams(server)))[0] < begun or found[1]:
        assert time.monotonic() < until, f"{found[0]} have begun, {found[1]} are open"


def open_connections(server: Server) -> int:
    return int(http(server.port, "GET", "/stats").json()["conns"]["tcp"])


def test_head_of_a_stream_has_no_body_and_holds_nobody(server: Server) -> None:
    """Without a body there is no backpressure that would hold the generator."""
    response = http(server.port, "HEAD", "/features/stream?count=2000000000&size=100")
    assert (response.status, response.body) == (200, b"")
    response = http(server.port, "HEAD", "/features/stream?count=0&size=0&quiet")
    assert (response.status, response.body) == (200, b"")
    assert http(server.port, "GET", "/livez").status == 200
    until_none_is_open(server)


@promise("stream-ends-with-its-client")
def test_a_quiet_stream_ends_when_its_client_leaves(server: Server) -> None:
    """The server writes nothing, so no failed write reveals the end."""
    for leave in (Peer.disconnect, Peer.reset):
        with Peer(server.port) as peer:
            peer.send(request("GET", "/features/stream?count=1&size=10&quiet"))
            peer.read_until(b"0 ........")
            assert open_streams(server) == 1
            leave(peer)
        until_none_is_open(server)


@promise("stream-ends-with-its-client")
@pytest.mark.parametrize("leave", [Peer.disconnect, Peer.reset])
def test_a_client_that_leaves_before_its_stream_begins(server: Server, leave: Callable[[Peer], None]) -> None:
    """The end comes before the stream, and nothing reports it again afterwards."""
    begun = begun_streams(server)
    for _ in range(5):
        with Peer(server.port) as peer:
            peer.send(request("GET", "/features/stream?count=0&size=1&quiet&after_ms=50"))
            leave(peer)
    until_none_is_open(server, begun + 5)


@promise("stream-ends-with-its-client")
def test_a_client_that_ends_its_side_before_its_stream_begins(server: Server) -> None:
    """A client that has half-closed gets no endless stream."""
    begun = begun_streams(server)
    with Peer(server.port) as peer:
        peer.send(request("GET", "/features/stream?count=0&size=1&quiet&after_ms=50"))
        peer.end_sending()
        peer.expect_end()
    until_none_is_open(server, begun + 1)


@promise("stream-ends-with-its-client")
def test_octets_behind_a_stream_do_not_hide_its_clients_end(server: Server) -> None:
    """They are the beginning of a next request, which the server does not read until the stream ends."""
    with Peer(server.port) as peer:
        peer.send(request("GET", "/features/stream?count=1&size=10&quiet"))
        peer.read_until(b"0 ........")
        for octet in (b"G", b"E"):
            peer.send(octet)
            assert peer.is_quiet(0.01)
    until_none_is_open(server)


@promise("stream-ends-with-its-client")
@pytest.mark.parametrize("leave", [Peer.disconnect, Peer.reset])
def test_every_connection_is_given_back(start_server: Callable[..., Server], leave: Callable[[Peer], None]) -> None:
    """Half of the clients have half-closed before, so only the reset or the failed write shows that they are gone."""
    server = start_server()
    peers = [Peer(server.port) for _ in range(6)]
    for number, peer in enumerate(peers):
        peer.send(request("GET", "/features/stream?count=0&size=1&quiet&after_ms=100"))
        if number % 2:
            peer.end_sending()
    for peer in peers:
        leave(peer)
    until_none_is_open(server, 6)
    until = time.monotonic() + WITHIN_S
    while (count := open_connections(server)) > 1:  # the connection of this request
        assert time.monotonic() < until, f"{count} connections are open"
