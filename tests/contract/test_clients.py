"""Clients of other projects: Python's websockets and Node's ws."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from contextlib import ExitStack
from typing import Any

import pytest
from front_ends import HERE, Server
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.plain("its clients know no certificate; test_tls has others")


def node(server: Server, path: str, **task: Any) -> dict[str, Any]:
    """Runs node_client.mjs and returns what it has seen."""
    line = json.dumps({"url": f"ws://127.0.0.1:{server.port}{path}", **task})
    done = subprocess.run(
        ["node", "node_client.mjs"], cwd=HERE, input=line, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def url(server: Server, path: str) -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


# ---- websockets -----------------------------------------------------------------------------------------------------


def test_websockets_echo(server: Server) -> None:
    with connect(url(server, "/echo"), compression=None) as websocket:
        for message in ("text", "", "\u20ac\U0001f600", b"bytes", b"", os.urandom(100_000), "x" * 1024 * 1024):
            websocket.send(message)
            assert websocket.recv(timeout=10) == message
        websocket.ping().wait(10)
        websocket.close(4000, "done")
        assert websocket.close_code == 4000  # the answer need not repeat the reason (RFC 6455 section 5.5.1)


def test_websockets_with_fragments(server: Server) -> None:
    with connect(url(server, "/echo"), compression=None) as websocket:
        websocket.send(iter(["one ", "message ", "in \u20ac pieces"]))
        assert websocket.recv(timeout=10) == "one message in \u20ac pieces"


def test_websockets_with_an_offer_of_compression(server: Server) -> None:
    """The server may decline the offer; the connection works either way."""
    with connect(url(server, "/echo")) as websocket:
        websocket.send("x" * 10_000)
        assert websocket.recv(timeout=10) == "x" * 10_000


def test_websockets_is_closed_by_the_server(server: Server) -> None:
    with connect(url(server, "/close?code=4001&reason=bye"), compression=None) as websocket:
        with pytest.raises(ConnectionClosedError) as closed:
            websocket.recv(timeout=10)
        assert closed.value.rcvd
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "bye")
    with connect(url(server, "/close"), compression=None) as websocket, pytest.raises(ConnectionClosedOK):
        websocket.recv(timeout=10)


def test_websockets_is_refused(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(url(server, "/nowhere"), compression=None):
        pass
    assert refused.value.response.status_code == 404


def test_websockets_in_a_room(server: Server) -> None:
    with ExitStack() as stack:
        place = url(server, "/room/websockets")
        members = [stack.enter_context(connect(f"{place}?id={n}", compression=None)) for n in range(5)]
        for number, member in enumerate(members):
            member.send(f"from {number}")
            for other in members:
                event = json.loads(other.recv(timeout=10))
                assert (event["from"], event["data"]) == (str(number), f"from {number}")


# ---- ws -------------------------------------------------------------------------------------------------------------


def test_node_echo(server: Server) -> None:
    messages = [{"text": "text"}, {"text": "\u20ac\U0001f600"}, {"hex": "00ff"}, {"text": ""}, {"hex": "ab" * 70_000}]
    seen = node(server, "/echo", send=messages, receive=len(messages), close=4000, reason="done")
    assert seen["messages"] == messages
    assert (seen["close"][0], seen["error"]) == (4000, None)


def test_node_receives_much(server: Server) -> None:
    seen = node(server, "/push?n=2000&size=1000", receive=2000)
    assert seen["messages"] == [{"text": f"{n} ".ljust(1000, ".")} for n in range(2000)]
    assert seen["close"] == [1000, ""]


def test_node_is_closed_by_the_server(server: Server) -> None:
    seen = node(server, "/close?code=4001&reason=%E2%82%AC", receive=0)
    assert seen["close"] == [4001, "\u20ac"]


def test_node_is_refused(server: Server) -> None:
    assert node(server, "/nowhere", receive=0)["status"] == 404


# ---- urllib ---------------------------------------------------------------------------------------------------------


def test_urllib(server: Server) -> None:
    base = f"http://127.0.0.1:{server.port}"
    with urllib.request.urlopen(f"{base}/body", data=b"body", timeout=10) as response:
        assert response.read() == b"body"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{base}/nowhere", timeout=10)
    with refused.value as response:
        assert response.status == 404
