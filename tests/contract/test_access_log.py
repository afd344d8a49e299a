"""The access log, and the fields of every response: settings for the whole application."""

import json
import re
from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, WebSocket, http, request

Start = Callable[..., Server]

TIME = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]"


@pytest.fixture
def common(start_server: Start) -> Server:
    return start_server(options=("--access-log", "common"))


def line(server: Server, rest: str) -> str:
    """Returns the first line in the Common Log Format with this request line, status and size."""
    return server.wait_for_line(rf"^127\.0\.0\.1 - - {TIME} {rest}$").string


@promise("access-log")
def test_requests(common: Server) -> None:
    assert http(common.port, "GET", "/livez?a=1").status == 200
    line(common, r'"GET /livez\?a=1 HTTP/1\.1" 200 \d+')
    assert http(common.port, "GET", "/not/there").status == 404
    line(common, r'"GET /not/there HTTP/1\.1" 404 35')
    common.expect_fault("raised as asked")
    assert http(common.port, "GET", "/features/fail").status == 500
    line(common, r'"GET /features/fail HTTP/1\.1" 500 22')
    with Peer(common.port) as peer:
        peer.send(b"\x00 no request\r\n\r\n")
        assert peer.read_response().status == 400
    line(common, r'"-" 400 \d+')


@promise("access-log")
def test_a_stream_that_its_client_leaves(common: Server) -> None:
    with Peer(common.port) as peer:
        peer.send(request("GET", "/features/stream?count=1&size=4&quiet"))
        peer.read_head()
        peer.reset()
    line(common, r'"GET /features/stream\S* HTTP/1\.1" 200 (-|\d+)')


@promise("access-log")
def test_websockets(common: Server) -> None:
    with WebSocket(common.port, "/echo?x=1") as websocket:
        line(common, r'"GET /echo\?x=1 HTTP/1\.1" 101 -')
        assert websocket.ask("hello") == "hello"
        websocket.send_frame(8, (1001).to_bytes(2, "big"))
        websocket.expect_close(1001)
    line(common, r'"CLOSE /echo\?x=1 HTTP/1\.1" 1001 5')


@promise("access-log")
def test_no_request_forges_a_line(common: Server) -> None:
    with Peer(common.port) as peer:
        peer.send(b'GET /"%0a\xff HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert peer.read_response().status in (400, 404)
    common.wait_for_line(rf'^127\.0\.0\.1 - - {TIME} ("-"|"GET /\\x22%0a\\xff HTTP/1\.1") 40[04] \d+$')


@promise("access-log")
def test_json(start_server: Start) -> None:
    server = start_server(options=("--access-log", "json"))
    assert http(server.port, "GET", "/livez").status == 200
    record = json.loads(server.wait_for_line(r'^\{.*"event": "request"').string)
    assert record["status"] == 200
    assert record["method"] == "GET"
    assert record["target"] == record["route"] == "/livez"
    assert record["client"] == "127.0.0.1"
    assert record["duration_ms"] >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["time"])
    with WebSocket(server.port, "/echo") as websocket:
        assert websocket.ask("hello") == "hello"
        websocket.send_frame(8, (1000).to_bytes(2, "big"))
        websocket.expect_close(1000)
    record = json.loads(server.wait_for_line(r'^\{.*"event": "websocket_closed"').string)
    assert record["close_code"] == 1000
    assert (record["received_messages"], record["received_bytes"]) == (1, 5)
    assert (record["sent_messages"], record["sent_bytes"]) == (1, 5)


@promise("access-log")
@pytest.mark.parametrize("wanted", ["off", "common"])
def test_the_environment_says_whether(start_server: Start, wanted: str) -> None:
    server = start_server(env={"PROAPI_ACCESS_LOG": wanted})
    assert http(server.port, "GET", "/livez").status == 200
    server.stop()
    assert ('"GET /livez HTTP/1.1" 200' in server.log) == (wanted == "common")
