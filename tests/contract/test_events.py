"""Server-sent events, as clients get them."""

from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, http, request


@promise("server-sent-events")
def test_events(server: Server) -> None:
    response = http(server.port, "GET", "/features/events")
    assert response.status == 200
    assert response.get("content-type") == "text/event-stream; charset=utf-8"
    assert response.get("cache-control") == "no-store"
    assert response.body == (b"id: 1\nretry: 500\ndata: one\n\nevent: other\ndata: two\ndata: lines\n\n: the end\n\n")


@promise("server-sent-events")
@pytest.mark.parametrize("leave", [Peer.disconnect, Peer.reset])
def test_comments_until_the_client_leaves(server: Server, leave: Callable[[Peer], None]) -> None:
    def count() -> int:
        return int(http(server.port, "GET", "/features/events/open").json()["open"])

    before = count()
    with Peer(server.port) as peer:
        peer.send(request("GET", "/features/events/quiet"))
        assert peer.read_head().status == 200
        for _ in range(3):
            peer.read_until(b": ping\n\n")
        assert count() == before + 1
        leave(peer)
    while count() > before:
        pass
