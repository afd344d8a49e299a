"""The ASGI application and WebSocket: handshakes, messages and ends, with limits in both directions."""

import asyncio
from typing import Any

import pytest
from asgi_peer import Message, Peer, open_websocket, scope_of
from promises import promise

from proapi import ProAPI, WebSocketConnection, WebSocketDisconnect

ABLE: Message = {"websocket.http.response": {}}


@pytest.fixture
def app() -> ProAPI:
    app = ProAPI(close_timeout=0.2)

    @app.websocket("/ws/{room}", max_message_size=100, allowed_origins="https://b.example")
    async def websocket(websocket: WebSocketConnection, room: str) -> None:
        await websocket.accept("two", headers={"X-Room": room})
        async for message in websocket:
            if isinstance(message, str):
                await websocket.send_text(message)
            else:
                await websocket.send_bytes(message)

    @app.websocket("/reject")
    async def reject(websocket: WebSocketConnection) -> None:
        await websocket.reject(451, "no", {"X-Why": "law"})

    app.get("/page")(lambda: "page")
    return app


@promise("asgi-is-alike")
async def test_websocket(app: ProAPI) -> None:
    peer = await open_websocket(app)
    assert await peer.get() == {"type": "websocket.accept", "subprotocol": "two", "headers": [(b"x-room", b"r")]}
    for message in ({"text": "a"}, {"bytes": b"\0"}, {"text": "é" * 50, "bytes": None}):
        peer.put("websocket.receive", **message)
        assert (await peer.get()).items() <= {"type": "websocket.send", **message}.items()
    peer.put("websocket.disconnect", code=1001, reason="bye")
    await peer.end()
    assert peer.outgoing.empty()


@promise("limits-of-routes")
async def test_message_too_big(app: ProAPI) -> None:
    peer = await open_websocket(app)
    await peer.get()
    peer.put("websocket.receive", text="é" * 51)
    close = await peer.get()
    assert (close["type"], close["code"]) == ("websocket.close", 1009)
    assert "max_message_size" in close["reason"]
    await peer.end()  # close_timeout: the peer never answered


@promise("message-rate")
async def test_message_rate_pauses_receiving() -> None:
    """The server's messages are left to it until the rate allows them; then none is missing."""
    app = ProAPI(message_rate=20, message_burst=2, close_timeout=0.2)

    @app.websocket("/ws/{room}")
    async def websocket(websocket: WebSocketConnection, room: str) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            await websocket.send_text(message)

    peer = await open_websocket(app)
    await peer.get()
    begin = asyncio.get_running_loop().time()
    for number in range(6):
        peer.put("websocket.receive", text=str(number))
    peer.put("websocket.disconnect", code=1001)
    assert [(await peer.get())["text"] for _ in range(2)] == ["0", "1"]
    assert peer.incoming.qsize() == 5
    assert [(await peer.get())["text"] for _ in range(4)] == ["2", "3", "4", "5"]
    await peer.end()
    assert asyncio.get_running_loop().time() - begin >= 4 / 20 - 0.01


@promise("message-rate")
async def test_message_rate_closes() -> None:
    app = ProAPI(close_timeout=0.2)
    got = []

    @app.websocket("/ws/{room}", message_rate=1, message_burst=2, message_rate_action="close")
    async def websocket(websocket: WebSocketConnection, room: str) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            got.append(message)

    peer = await open_websocket(app)
    await peer.get()
    for number in range(4):
        peer.put("websocket.receive", text=str(number))
    assert await peer.get() == {
        "type": "websocket.close",
        "code": 1008,
        "reason": "expected at most 1 messages a second (message_rate), 2 at once (message_burst)",
    }
    await peer.end()
    assert got == ["0", "1"]


@promise("max-lifetime")
async def test_max_lifetime() -> None:
    app = ProAPI(max_lifetime=0.1, close_timeout=0.2)
    ends = []

    @app.websocket("/ws/{room}")
    async def websocket(websocket: WebSocketConnection, room: str) -> None:
        await websocket.accept()
        async for _ in websocket:
            pass
        ends.append((websocket.close_code, websocket.close_reason))

    peer = await open_websocket(app)
    await peer.get()
    reason = "the connection has reached its max_lifetime"
    assert await peer.get() == {"type": "websocket.close", "code": 1001, "reason": reason}
    peer.put("websocket.disconnect", code=1001)
    await peer.end()
    assert ends == [(1001, reason)]


async def test_rejections(app: ProAPI) -> None:
    able: Message = {"extensions": ABLE}
    for path, headers, status in (
        ("/reject", {}, 451),
        ("/none", {}, 404),
        ("/page", {}, 404),
        ("/ws/r", {"origin": "https://evil.example"}, 403),
    ):
        peer = await open_websocket(app, path, headers=headers, **able)
        start = await peer.get()
        assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
        assert (await peer.get())["type"] == "websocket.http.response.body"
        await peer.end()
        peer = await open_websocket(app, path, headers=headers)
        assert await peer.get() == {"type": "websocket.close"}
        await peer.end()
    peer = await open_websocket(app, headers={"origin": "https://b.example"})
    assert (await peer.get())["type"] == "websocket.accept"
    peer.put("websocket.disconnect", code=1000)
    await peer.end()


LOOPBACK, NETWORK, UNIX_SOCKET, UNKNOWN = ("127.0.0.1", 8000), ("10.0.0.7", 8000), ("/run/app.sock", None), None


@promise("local-pages")
@pytest.mark.parametrize(
    ("server", "host", "origin", "expected"),
    [
        (LOOPBACK, "localhost:8000", "http://localhost:3000", 101),
        (LOOPBACK, "localhost:8000", "null", 101),
        (("::1", 8000), "[::1]:8000", "null", 101),
        (LOOPBACK, "rebound.example:8000", "http://rebound.example:8000", 421),
        (LOOPBACK, "rebound.example:8000", None, 421),
        (LOOPBACK, "listed.example", "https://listed.example", 101),
        (LOOPBACK, "listed.example", "null", 403),
        (NETWORK, "localhost:8000", "http://localhost:3000", 403),
        (NETWORK, "localhost:8000", "http://localhost:8000", 101),
        (NETWORK, "any.example", "https://any.example", 101),
        (UNIX_SOCKET, "localhost", "null", 403),
        (UNIX_SOCKET, "any.example", "https://any.example", 101),
        (UNKNOWN, "localhost", "null", 403),
        (UNKNOWN, "any.example", "https://any.example", 101),
    ],
)
async def test_where_the_server_listens(
    server: tuple[str, int | None] | None, host: str, origin: str | None, expected: int
) -> None:
    app = ProAPI()

    @app.websocket("/listed", allowed_origins="https://listed.example")
    @app.websocket("/ws")
    async def websocket(websocket: WebSocketConnection) -> None:
        await websocket.accept()

    headers = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
    peer = Peer(app, {**scope_of("websocket", "/ws", server=server), "headers": headers, "extensions": ABLE})
    peer.put("websocket.connect")
    answer = await peer.get()
    assert answer.get("status", 101) == expected
    peer.put("websocket.disconnect", code=1000)
    await peer.end()


@promise("local-pages")
async def test_the_exception_for_development_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI()

    @app.websocket("/ws")
    async def websocket(websocket: WebSocketConnection) -> None:
        await websocket.accept()

    for origin in ("null", "http://localhost:3000", "http://localhost:4000"):
        scope = scope_of("websocket", "/ws", server=LOOPBACK)
        peer = Peer(app, {**scope, "headers": [(b"host", b"localhost"), (b"origin", origin.encode())]})
        peer.put("websocket.connect")
        assert (await peer.get())["type"] == "websocket.accept"
        peer.put("websocket.disconnect", code=1000)
        await peer.end()
    told = [record for record in caplog.records if "development" in record.message]
    assert [(record.levelname, "origin 'null'" in record.message) for record in told] == [("WARNING", True)]
    assert "allowed_origins" in told[0].message


@promise("asgi-is-alike")
async def test_backpressure() -> None:
    app = ProAPI(high_water=1000, low_water=100)
    sent = taken = most_ahead = 0
    ahead, gate = asyncio.Event(), asyncio.Event()

    @app.websocket("/")
    async def push(websocket: WebSocketConnection) -> None:
        nonlocal sent, most_ahead
        await websocket.accept()
        for _ in range(200):
            await websocket.send_bytes(b"x" * 100)
            sent += 1
            most_ahead = max(most_ahead, sent - taken)
            if sent == 10:
                ahead.set()

    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})

    async def send(message: Message) -> None:
        nonlocal taken
        if message["type"] == "websocket.send":
            await gate.wait()
            taken += 1
        elif message["type"] == "websocket.close":
            incoming.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

    task = asyncio.ensure_future(app(scope_of("websocket", "/"), incoming.get, send))
    await asyncio.wait_for(ahead.wait(), 5)  # the test goes on once a send holds the handler
    gate.set()
    await asyncio.wait_for(task, 5)
    assert (sent, taken) == (200, 200)
    assert 10 <= most_ahead <= 12


async def test_incoming_queue_is_bounded() -> None:
    app = ProAPI(receive_queue_messages=4)
    messages = [str(number) for number in range(50)]
    got: list[str] = []
    taken = most_ahead = 0
    full = asyncio.Event()

    @app.websocket("/")
    async def late(websocket: WebSocketConnection) -> None:
        nonlocal most_ahead
        await websocket.accept()
        assert not websocket.closed  # reading this starts to receive from the server, because it must notice the end
        await full.wait()  # goes on once nothing more is taken: taking available messages needs no turn of the loop
        for _ in messages:
            most_ahead = max(most_ahead, taken - len(got))
            got.append(await websocket.receive_text())

    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    for text in messages:
        incoming.put_nowait({"type": "websocket.receive", "text": text})
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def receive() -> Message:
        nonlocal taken
        message = await incoming.get()
        taken += message["type"] == "websocket.receive"
        if taken == 4:
            full.set()
        return message

    async def send(message: Message) -> None: ...

    await asyncio.wait_for(app(scope_of("websocket", "/"), receive, send), 5)
    assert got == messages
    assert 4 <= most_ahead <= 6


async def test_a_message_is_handled_before_the_end_that_follows_it() -> None:
    app = ProAPI()
    seen: list[object] = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        while True:
            seen.append(await websocket.receive())
            seen.append(websocket.closed)

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.put("websocket.receive", text="last")
    peer.put("websocket.disconnect", code=1000, reason="")
    await peer.end()
    assert seen == ["last", False]


@promise("asgi-is-alike")
async def test_the_end_is_noticed_while_the_handler_does_something_else() -> None:
    app = ProAPI()
    go_on = asyncio.Event()
    seen: list[object] = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await go_on.wait()
        with pytest.raises(WebSocketDisconnect):
            while True:
                seen.append(await websocket.receive())

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.put("websocket.receive", text="before the end")
    peer.put("websocket.disconnect", code=1000, reason="")
    await asyncio.wait_for(peer.incoming.join(), 5)
    assert seen == []
    go_on.set()
    await peer.end()
    assert seen == ["before the end"]


async def test_a_handler_that_receives_again_reads_by_itself_again() -> None:
    app = ProAPI()
    go_on = asyncio.Event()
    handlers: list[asyncio.Task[Any] | None] = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        handlers.append(asyncio.current_task())
        await websocket.accept()
        await go_on.wait()
        async for message in websocket:
            await websocket.send_text(str(message))

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.put("websocket.receive", text="one")
    await asyncio.wait_for(peer.incoming.join(), 5)
    assert peer.readers[-1] is not handlers[0]
    go_on.set()
    assert (await peer.get())["text"] == "one"
    for message in "two", "three":
        peer.put("websocket.receive", text=message)
        assert (await peer.get())["text"] == message
    assert peer.readers[-1] is handlers[0]
    peer.put("websocket.disconnect", code=1000, reason="")
    await peer.end()


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"code": 1005}, 1006), ({"code": 1005, "reason": ""}, 1005), ({"code": 4000}, 4000), ({}, 1005)],
)
async def test_close_code(fields: dict[str, Any], code: int) -> None:
    app = ProAPI()
    seen = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.wait_closed()
        seen.append(websocket.close_code)

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.put("websocket.disconnect", **fields)
    await peer.end()
    assert seen == [code]


async def test_a_server_that_gives_up_cancels_the_handler() -> None:
    app = ProAPI()
    seen = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        try:
            await websocket.receive()
        except WebSocketDisconnect as error:
            seen.append(error.code)
            raise

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.task.cancel()
    await asyncio.wait({peer.task})
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        _, pending = await asyncio.wait(others, timeout=5)
        assert not pending
    assert seen in ([], [1006])


async def test_a_server_whose_receive_fails_ends_the_handler_and_is_told() -> None:
    app, ended = ProAPI(), asyncio.Event()
    messages: asyncio.Queue[Message] = asyncio.Queue()

    @app.websocket("/ws")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        try:
            await websocket.receive_text()
        except WebSocketDisconnect as error:
            assert error.code == 1006
            ended.set()
            raise

    async def receive() -> Message:
        message = await messages.get()
        if message["type"] == "broken":
            raise RuntimeError("the server is broken")
        return message

    async def send(message: Message) -> None:
        messages.put_nowait({"type": "broken"})

    messages.put_nowait({"type": "websocket.connect"})
    with pytest.raises(RuntimeError, match="the server is broken"):
        await asyncio.wait_for(app(scope_of("websocket", "/ws"), receive, send), 5)
    assert ended.is_set()


async def test_routes_added_while_a_websocket_is_open_leave_it_alone() -> None:
    app = ProAPI()

    @app.websocket("/ws")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        for i in range(100):
            app.get(f"/late/{i}")(lambda: "late")
        await websocket.send_text("still here")

    peer = await open_websocket(app, "/ws")
    assert (await peer.get())["type"] == "websocket.accept"
    assert (await peer.get())["text"] == "still here"
    assert (await peer.get())["type"] == "websocket.close"
    peer.put("websocket.disconnect", code=1000)
    await peer.end()
