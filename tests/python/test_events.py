"""``app.events``: messages dispatched by their name, replies, and what invalid messages get."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from conftest import Serve, serving
from promises import promise
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from proapi import Depends, EventError, HTTPException, ProAPI, RouteError, Router, WebSocketConnection


async def exchange(app: ProAPI, *messages: Any, path: str = "/ws", answers: int | None = None) -> list[Any]:
    """Sends the messages (text and octets as they are) and returns as many answers."""
    async with serving(app) as port, connect(f"ws://127.0.0.1:{port}{path}") as client:
        for message in messages:
            await client.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
        return [json.loads(await client.recv()) for _ in range(len(messages) if answers is None else answers)]


class Draw(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Say:
    text: str


class Name(pydantic.BaseModel):
    name: str


def board() -> ProAPI:
    app = ProAPI()

    @app.events("/ws")
    async def board(websocket: WebSocketConnection) -> None: ...

    @board.on("draw")
    async def draw(websocket: WebSocketConnection, what: Draw) -> None:
        await websocket.send_json(["draw", what.x, what.y])

    @board.on("say")
    async def say(what: Say) -> str:
        return what.text

    @board.on("rename")
    async def rename(websocket, who: Name) -> None:  # type: ignore[no-untyped-def]
        await websocket.send_json(["rename", who.name])

    @board.on
    async def move(x: int, y: int = 0, *, tags: list[str] = []) -> list[Any]:  # noqa: B006
        return [x, y, tags]

    @board.on("refuse")
    async def refuse() -> None:
        raise EventError("no such room")

    @board.on("fail")
    async def fail() -> None:
        raise LookupError("lost")

    return app


@promise("events")
async def test_messages_reach_the_function_of_their_name_with_typed_arguments() -> None:
    assert await exchange(
        board(),
        {"type": "draw", "x": 1},
        {"type": "rename", "name": "ada"},
        {"type": "say", "text": "hello", "id": 7},
        {"type": "move", "x": 1, "id": "a", "tags": ["t"], "other": 1},
        b'\xef\xbb\xbf{"type": "move", "x": 1, "y": 2, "id": null}',
    ) == [
        ["draw", 1, 0],
        ["rename", "ada"],
        {"type": "reply", "id": 7, "result": "hello"},
        {"type": "reply", "id": "a", "result": [1, 0, ["t"]]},
        {"type": "reply", "id": None, "result": [1, 2, []]},
    ]


@promise("events")
async def test_what_is_invalid_gets_an_error_and_the_connection_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    answers = await exchange(
        board(),
        {"type": "fly", "id": 1},
        {"type": "draw", "x": "1", "id": 2},
        {"type": "draw"},
        {"x": 1},
        "{",
        [1],
        {"type": 7},
        {"type": "refuse", "id": 3},
        {"type": "refuse"},
        {"type": "say", "text": "still here", "id": 4},
    )
    kind = "Input should be a valid"
    missing = {"type": "missing", "msg": "Field required"}
    assert answers == [
        {"type": "error", "id": 1, "detail": "expected one of draw, say, rename, move, refuse, fail, got fly"},
        {
            "type": "error",
            "id": 2,
            "detail": [{"type": "int_type", "loc": ["x"], "msg": f"{kind} integer", "input": "1"}],
        },
        {"type": "error", "detail": [{**missing, "loc": ["x"], "input": {"type": "draw"}}]},
        {"type": "error", "detail": [{**missing, "loc": ["type"], "input": {"x": 1}}]},
        {
            "type": "error",
            "detail": [
                {
                    "type": "json_invalid",
                    "loc": [],
                    "msg": "JSON decode error",
                    "input": None,
                    "ctx": {"error": "Input data was truncated"},
                }
            ],
        },
        {"type": "error", "detail": [{"type": "dict_type", "loc": [], "msg": f"{kind} dictionary", "input": [1]}]},
        {"type": "error", "detail": [{"type": "string_type", "loc": ["type"], "msg": f"{kind} string", "input": 7}]},
        {"type": "error", "id": 3, "detail": "no such room"},
        {"type": "error", "detail": "no such room"},
        {"type": "reply", "id": 4, "result": "still here"},
    ]
    assert not caplog.records


@promise("events")
async def test_or_closes_the_connection() -> None:
    app = ProAPI()

    @app.events("/ws", invalid="close")
    async def strict(websocket: WebSocketConnection) -> None: ...

    @strict.on("draw")
    async def draw(what: Draw) -> None: ...

    async with serving(app) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        await client.send('{"type": "draw", "x": "one"}')
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1007


@promise("events")
async def test_a_function_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    answers = await exchange(board(), {"type": "fail", "id": 1}, {"type": "say", "text": "here", "id": 2})
    assert answers == [
        {"type": "error", "id": 1, "detail": "internal error"},
        {"type": "reply", "id": 2, "result": "here"},
    ]
    (record,) = caplog.records
    assert record.getMessage() == "/ws: the message handler board.<locals>.fail failed"
    caplog.clear()
    with pytest.raises(ConnectionClosed) as caught:
        await exchange(board(), {"type": "fail"})
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1011
    assert len(caplog.records) == 1


@promise("events")
async def test_connecting_and_disconnecting() -> None:
    app, log, rooms = ProAPI(), [], Router(prefix="/rooms")

    async def user(token: str = "") -> str:
        if not token:
            raise HTTPException(401, "who are you?")
        return token

    @rooms.events("/{room}")
    async def room(
        websocket: WebSocketConnection, room: str, user: Annotated[str, Depends(user)], since: int = 0
    ) -> AsyncIterator[None]:
        await websocket.accept(headers={"X-Room": room})
        log.append((room, user, since))
        try:
            yield
        finally:
            log.append("left")

    @room.on("ping")
    async def ping() -> str:
        return "pong"

    app.include_router(rooms)
    path = "/rooms/lobby?token=ada&since=3"
    assert (await exchange(app, {"type": "ping", "id": 1}, path=path))[0]["result"] == "pong"
    assert log == [("lobby", "ada", 3), "left"]


@promise("events")
async def test_json_rpc() -> None:
    app = ProAPI()

    @app.events("/ws", tag="method", data="params")
    async def rpc(websocket: WebSocketConnection) -> None: ...

    @rpc.reply
    def reply(id: Any, result: Any) -> Any:
        return {"jsonrpc": "2.0", "id": id, "result": result}

    @rpc.error
    def error(id: Any, error: EventError) -> Any:
        code = {"invalid": -32602, "unknown": -32601, "failed": -32603}.get(error.kind, -32000)
        return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": str(error)}}

    @rpc.on("subtract")
    async def subtract(minuend: int, subtrahend: int) -> int:
        return minuend - subtrahend

    @rpc.on("version")
    async def version() -> str:
        return "1"

    def call(method: str, id: Any, **params: Any) -> Any:
        return {"jsonrpc": "2.0", "method": method, "id": id, **({"params": params} if params else {})}

    answers = await exchange(
        app, call("subtract", 1, minuend=42, subtrahend=23), call("version", 2), call("add", 3), call("subtract", 4)
    )
    assert answers == [
        {"jsonrpc": "2.0", "id": 1, "result": 19},
        {"jsonrpc": "2.0", "id": 2, "result": "1"},
        {
            "jsonrpc": "2.0",
            "id": 3,
            "error": {"code": -32601, "message": "expected one of subtract, version, got add"},
        },
        {"jsonrpc": "2.0", "id": 4, "error": {"code": -32602, "message": "minuend: Field required"}},
    ]


def calculator() -> ProAPI:
    app = ProAPI()

    @app.events("/ws", data="params", batch=True)
    async def calculator(websocket: WebSocketConnection) -> None: ...

    @calculator.error
    def error(id: Any, error: EventError) -> Any:
        return {"id": id, "kind": error.kind, "errors": error.errors}

    @calculator.on
    async def divide(websocket: WebSocketConnection, dividend: int, divisor: int = 1, *, exact: bool = False) -> Any:
        return [dividend, divisor, exact]

    @calculator.on
    async def say(what: Say) -> str:
        return what.text

    return app


def call(name: str, params: Any, id: Any = 1) -> dict[str, Any]:
    return {"type": name, "params": params, "id": id}


@promise("events")
async def test_arguments_by_position() -> None:
    answers = await exchange(
        calculator(),
        call("divide", [8, 2]),
        call("divide", [8]),
        call("divide", {"dividend": 8, "exact": True}),
        call("divide", []),
        call("divide", [8, 2, True]),
        call("divide", [8, "2"]),
        call("divide", "8"),
        call("say", ["hello"]),
        call("divide", {"dividend": "8"}),
    )
    assert [each["result"] for each in answers[:3]] == [[8, 2, False], [8, 1, False], [8, 1, True]]
    assert [each["kind"] for each in answers[3:]] == ["invalid"] * 6
    [short], [long], [wrong], [text], _, [named] = (each["errors"] for each in answers[3:])
    assert "at least length 1" in short["msg"]
    assert "at most length 2" in long["msg"]
    assert (wrong["loc"], wrong["input"]) == ([1], "2")
    assert (text["loc"], text["input"]) == ([], "8")
    assert (named["loc"], named["input"]) == (["dividend"], "8")  # the place in the arguments, not in the message


@promise("events")
async def test_batches() -> None:
    answers = await exchange(
        calculator(),
        [call("divide", [1], 1), {"type": "divide", "params": [2]}, call("fly", [3], 3), 4],
        [{"type": "divide", "params": [2]}],  # nothing to answer
        "[]",
        '[{"type": "divide"',
        call("say", {"text": "after"}, 5),
        answers=4,
    )
    first, empty, cut, after = answers
    assert [(each["id"], each.get("result"), each.get("kind")) for each in first] == [
        (1, [1, 1, False], None),
        (3, None, "unknown"),
        (None, None, "malformed"),
    ]
    assert (empty["id"], empty["kind"]) == (None, "malformed")
    assert (cut["kind"], cut["errors"][0]["type"]) == ("malformed", "json_invalid")
    assert after == {"type": "reply", "id": 5, "result": "after"}


class Plain:
    pass


@promise("events")
def test_what_is_not_possible_is_refused_at_registration() -> None:
    app = ProAPI()

    def sync(websocket: WebSocketConnection) -> None: ...
    async def connect(websocket: WebSocketConnection) -> None: ...
    async def bare(text) -> None: ...  # type: ignore[no-untyped-def]
    async def star(*texts: str) -> None: ...
    async def plain(what: Plain, other: int) -> None: ...

    events = app.events("/ws")(connect)
    events.on("draw")(connect)
    for function, text in (
        (connect, "expected one function for each name, but this has one already: .*test_events.py"),
        (sync, "expected an 'async def' function, got"),
        (bare, "expected an annotation at 'text', such as text: str"),
        (star, "expected parameters that can be passed by name, but 'texts' can't be"),
        (plain, "expected a type that JSON can become, got Plain"),
    ):
        with pytest.raises(RouteError, match=f"test_events.py:[0-9]+: message 'draw': {text}"):
            events._handlers.pop("draw", None) if function is not connect else None
            events.on("draw")(function)
    for wrong, text in (
        ({"invalid": "ignore"}, 'expected "reply" or "close" as invalid'),
        ({"tag": "id"}, "expected different names of members for tag, data and id"),
        ({"data": 7}, "expected different names of members"),
    ):
        with pytest.raises(TypeError, match=text):
            app.events("/other", **wrong)(connect)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected an 'async def' function, with a yield or without"):
        app.events("/other")(sync)


@promise("events")
@pytest.mark.parametrize("ends", ["client", "handler"])
async def test_the_rest_runs_if_the_connection_ends_while_a_message_is_handled(ends: str, serve: Serve) -> None:
    app, handling, left = ProAPI(), asyncio.Event(), asyncio.Event()

    @app.events("/")
    async def board(websocket: WebSocketConnection) -> AsyncIterator[None]:
        await websocket.accept()
        yield
        left.set()

    @board.on("go")
    async def go(websocket: WebSocketConnection) -> str:
        handling.set()
        if ends == "handler":
            await websocket.close(1000)
        else:
            await websocket.wait_closed()
        return "sent to nobody"

    async with connect(f"ws://127.0.0.1:{await serve(app)}/") as client:
        await client.send('{"type": "go", "id": 1}')
        await asyncio.wait_for(handling.wait(), 5)
        if ends == "handler":
            await client.wait_closed()
    await asyncio.wait_for(left.wait(), 5)


@promise("events")
async def test_a_batch_has_at_most_1000_messages() -> None:
    most, more = await exchange(calculator(), "[" + "0," * 999 + "0]", "[" + "0," * 1000 + "0]", answers=2)
    assert len(most) == 1000
    assert more["kind"] == "malformed"
    assert "length <= 1000" in more["errors"][0]["msg"]


@promise("events")
async def test_an_id_at_the_limit_of_its_depth_does_not_end_the_connection() -> None:
    depths = range(800, 1010)
    ids = (b"[" * depth + b"]" * depth for depth in depths)
    answers = await exchange(board(), *(b'{"type":"fly","id":' + id + b"}" for id in ids), answers=len(depths))
    assert ["id" in each for each in answers] == sorted(("id" in each for each in answers), reverse=True)
    assert "id" in answers[0]
    assert "id" not in answers[-1]
