"""Messages that are dispatched by their name, as clients get them."""

import json
from typing import Any

from front_ends import Server
from promises import promise
from raw import WebSocket, http


def ask(peer: WebSocket, message: Any) -> Any:
    peer.send_message(message if isinstance(message, (str, bytes)) else json.dumps(message))
    return peer.receive_json()


@promise("events")
def test_messages_and_replies(server: Server) -> None:
    with WebSocket(server.port, "/features/board/lobby") as peer:
        assert ask(peer, {"type": "draw", "x": 1, "y": 2, "other": True}) == ["draw", 1, 2]
        assert ask(peer, {"type": "room", "id": 7}) == {"type": "reply", "id": 7, "result": "lobby"}
        assert ask(peer, b'\xef\xbb\xbf{"type": "room", "id": null}') == {
            "type": "reply",
            "id": None,
            "result": "lobby",
        }
        assert ask(peer, {"type": "draw", "x": 1, "y": 2, "id": ["a"]}) == ["draw", 1, 2]
        assert peer.receive_json() == {"type": "reply", "id": ["a"], "result": None}
        peer.send_message('{"type": "room"}')  # nobody asked for a reply
        assert ask(peer, {"type": "room", "id": 8})["id"] == 8


@promise("events")
def test_what_is_invalid_gets_an_error_and_the_connection_goes_on(server: Server) -> None:
    missing = {"type": "missing", "msg": "Field required"}
    text = {"type": "string_type", "loc": ["type"], "msg": "Input should be a valid string", "input": 7}
    with WebSocket(server.port, "/features/board/lobby") as peer:
        for message, expected in (
            ({"type": "fly", "id": 1}, {"id": 1, "detail": "expected one of draw, room, refuse, fail, got fly"}),
            ({"x": 1}, {"detail": [{**missing, "loc": ["type"], "input": {"x": 1}}]}),
            ({"type": 7}, {"detail": [text]}),
            ({"type": "refuse", "id": 3}, {"id": 3, "detail": "no such room"}),
            ({"type": "refuse"}, {"detail": "no such room"}),
        ):
            assert ask(peer, message) == {"type": "error", **expected}
        for message, kind in (
            ("{", "json_invalid"),
            (b"\xff", "json_invalid"),
            ([1], "dict_type"),
            ({"type": "draw", "y": 2}, "missing"),
        ):
            answer = ask(peer, message)
            assert (answer["type"], answer["detail"][0]["type"]) == ("error", kind), message
        assert "id" in ask(peer, {"type": "draw", "x": "1", "y": 2, "id": 2})
        assert ask(peer, {"type": "room", "id": 4})["result"] == "lobby"


@promise("events")
def test_or_closes_the_connection(server: Server) -> None:
    for message in ('{"type": "draw", "x": "one", "y": 2}', '{"type": "fly"}', "{"):
        with WebSocket(server.port, "/features/strict") as peer:
            assert ask(peer, {"type": "draw", "x": 1, "y": 2, "id": 1})["result"] == 1
            peer.send_message(message)
            peer.expect_close(1007)


@promise("events")
def test_a_handler_that_fails(server: Server) -> None:
    server.expect_fault("asked to fail")
    with WebSocket(server.port, "/features/board/lobby") as peer:
        assert ask(peer, {"type": "fail", "id": 1}) == {"type": "error", "id": 1, "detail": "internal error"}
        peer.send_message('{"type": "fail"}')
        peer.expect_close(1011)


@promise("events")
def test_what_belongs_to_a_connection_ends_with_it(server: Server) -> None:
    def count() -> int:
        return int(http(server.port, "GET", "/features/board-left").json().count("attic"))

    before = count()
    with WebSocket(server.port, "/features/board/attic") as peer:
        assert ask(peer, {"type": "room", "id": 1})["result"] == "attic"
        assert count() == before
        peer.finish()
    while count() == before:
        pass


@promise("events")
def test_a_client_that_is_refused(server: Server) -> None:
    with WebSocket(server.port, "/features/board/locked", wait=False) as peer:
        assert peer.read_head().status == 403


@promise("events")
def test_json_rpc(server: Server) -> None:
    def call(params: Any, id: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": "subtract", "params": params, "id": id}

    def result(id: Any, result: int) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": id, "result": result}

    def error(id: Any, kind: str) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": id, "error": kind}

    with WebSocket(server.port, "/features/rpc") as peer:
        assert ask(peer, call([42, 23], 1)) == result(1, 19)
        assert ask(
            peer, [call([1, 1], 2), {"method": "subtract", "params": [1, 2]}, 7, {"method": "add", "id": 3}]
        ) == [
            result(2, 0),
            error(None, "malformed"),
            error(3, "unknown"),
        ]
        assert ask(peer, call([1], 4)) == error(4, "invalid")
        assert ask(peer, {"method": "subtract", "id": 5}) == error(5, "invalid")
        assert ask(peer, "[]") == error(None, "malformed")
