"""The documented default of every limit, and what happens beyond the limits on sizes and numbers."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

from driver import Subject
from front_ends import Server
from observed import SOON, closed, limits_of, within
from promises import promise
from raw import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    Peer,
    Response,
    WebSocket,
    frame,
    http,
    request,
)

Start = Callable[..., Server]

ROOT = Path(__file__).parents[2]
DEFAULTS: dict[str, float] = {
    row["name"]: row["default"]
    for row in json.loads((ROOT / "contract" / "settings.json").read_text())
    if "minimum" in row and row["name"] != "max_connections"
}


# ---- the table ------------------------------------------------------------------------------------------------------


@promise("settings-table")
def test_the_defaults(server: Server) -> None:
    limits = limits_of(server)
    assert {name: limits.get(name) for name in DEFAULTS} == DEFAULTS


@promise("limits-can-be-set")
def test_every_limit_is_finite(server: Server) -> None:
    off = {"max_connections_per_client", "message_rate", "message_burst", "max_lifetime"}
    for name, value in limits_of(server).items():
        assert math.isfinite(value), name
        assert value > 0 or name in off, name


@promise("limits-can-be-set")
def test_every_limit_can_be_set(start_server: Start) -> None:
    settings = {name: value * 2 or 60 for name, value in DEFAULTS.items()} | {"max_connections": 77, "backlog": 5}
    server = start_server(limits=settings)
    limits = limits_of(server)
    assert {name: limits[name] for name in settings} == settings


# ---- sizes ----------------------------------------------------------------------------------------------------------


@promise("texts-name-the-setting", "max-message-size", "message-limits")
def test_sizes_of_messages(start_server: Start) -> None:
    server = start_server(limits={"max_message_size": 100, "max_fragments": 5, "max_empty_fragments": 3})
    with WebSocket(server.port, "/echo") as websocket:
        assert websocket.ask("x" * 100) == "x" * 100
        websocket.send(frame(TEXT, b"a", fin=0) + frame(CONTINUATION, b"b", fin=0) * 3 + frame(CONTINUATION, b"c"))
        assert websocket.receive() == "abbbc"
        websocket.send_frame(BINARY, claim=101)
        assert "max_message_size" in websocket.expect_close(1009)
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(frame(TEXT, b"a", fin=0) + frame(CONTINUATION, b"b", fin=0) * 5)
        assert "max_fragments" in websocket.expect_close(1008)
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(frame(TEXT, b"", fin=0) + frame(CONTINUATION, b"", fin=0) * 3)
        assert "max_empty_fragments" in websocket.expect_close(1008)


@promise("limits-of-routes")
def test_a_route_has_limits_of_its_own(start_server: Start) -> None:
    """The route's limits are above the application's; another route keeps the application's."""
    server = start_server(limits={"max_message_size": 50, "max_fragments": 3, "max_empty_fragments": 1})
    for path, size, fragments, empty in (("/features/limited", 100, 5, 3), ("/echo", 50, 3, 1)):
        first, part = frame(TEXT, b"a", fin=0), frame(CONTINUATION, b"b", fin=0)
        with WebSocket(server.port, path) as websocket:
            assert websocket.ask("x" * size) == "x" * size
            websocket.send(first + part * (fragments - 2) + frame(CONTINUATION, b"c"))
            assert websocket.receive() == "a" + "b" * (fragments - 2) + "c"
            websocket.send(first + frame(CONTINUATION, fin=0) * empty + frame(CONTINUATION, b"c"))
            assert websocket.receive() == "ac"
            websocket.send_frame(TEXT, claim=size + 1)
            assert "max_message_size" in websocket.expect_close(1009)
        with WebSocket(server.port, path) as websocket:
            websocket.send(first + part * fragments)
            assert "max_fragments" in websocket.expect_close(1008)
        with WebSocket(server.port, path) as websocket:
            websocket.send(first + frame(CONTINUATION, fin=0) * (empty + 1))
            assert "max_empty_fragments" in websocket.expect_close(1008)


def test_sizes_of_requests(start_server: Start) -> None:
    limits = {"max_request_line": 100, "max_head": 1000, "max_fields": 10, "max_body_size": 50}
    server = start_server(limits=limits)
    assert http(server.port, "GET", "/livez?" + "x" * 60).status == 200
    assert http(server.port, "GET", "/livez?" + "x" * 100).status == 414
    assert http(server.port, "GET", "/livez", [("X-A", "x" * 1000)]).status == 431
    assert http(server.port, "GET", "/livez", [(f"X-{n}", "x") for n in range(10)]).status == 431
    assert http(server.port, "POST", "/body", body=b"x" * 50).body == b"x" * 50
    assert http(server.port, "POST", "/body", body=b"x" * 51).status == 413


@promise("no-descriptors")
def test_connections(start_server: Start) -> None:
    server = start_server(limits={"max_connections": 3})
    held = [WebSocket(server.port, "/echo") for _ in range(3)]
    for _ in range(3):
        with Peer(server.port) as peer:
            peer.send_unless_closed(request("GET", "/livez"))
            response = peer.read_head()
            assert (response.status, response.closes) == (503, True)
            assert response.get("retry-after") == "1"
    assert [websocket.ask("unharmed") for websocket in held] == ["unharmed"] * 3
    held.pop().finish()
    end = time.monotonic() + SOON
    while get_unless_refused(server).status != 200:
        within(SOON, end - SOON)
    for websocket in held:
        websocket.finish()


def get_unless_refused(server: Server) -> Response:
    with Peer(server.port) as peer:
        peer.send_unless_closed(request("GET", "/livez"))
        return peer.read_head()


def test_water_marks(start_server: Start) -> None:
    limits = {"high_water": 4096, "low_water": 0, "max_buffered": 8192}
    server = start_server(limits=limits)
    subject = Subject(server.port, receive_buffer=4096)
    assert subject.foreign.do("send_unawaited", count=1000, size=1000) <= 10
    assert subject.do("state")["close_code"] == 1008
    subject.disconnect()
    with WebSocket(server.port, "/push?n=200&size=1000", receive_buffer=4096) as websocket:
        assert [websocket.receive() for _ in range(200)] == [f"{n} ".ljust(1000, ".") for n in range(200)]
        websocket.expect_close(1000)


@promise("texts-name-the-setting", "slow-consumer")
def test_pongs_that_nobody_reads(start_server: Start) -> None:
    """Pongs are output like any other, with the same limits."""
    server = start_server(limits={"high_water": 4096, "low_water": 1024, "max_buffered": 8192})
    with WebSocket(server.port, "/sink", receive_buffer=4096) as websocket:
        begin = time.monotonic()
        while not closed(server, 1008):
            websocket.send_unless_closed(frame(PING, b"p" * 125) * 2000)
            within(2 * SOON, begin)
        assert "max_buffered" in websocket.expect_close(1008)
        assert set(websocket.pongs) == {b"p" * 125}


@promise("receive-queue")
def test_the_incoming_queue(start_server: Start) -> None:
    server = start_server(limits={"receive_queue_messages": 1})
    with WebSocket(server.port, "/sink") as websocket:
        websocket.send(b"".join(frame(TEXT, b"x" * n) for n in range(500)))
        websocket.send_message("?")
        assert websocket.receive_json()["count"] == 500
