"""How the end of a handler affects its peer, and what the handler is called with."""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest
from conftest import Serve, http, serving
from promises import promise
from quiet_stream import quiet_stream
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from proapi import (
    Client,
    HTTPException,
    ProAPI,
    Request,
    RouteError,
    StreamingResponse,
    WebSocketConnection,
    WebSocketDisconnect,
    WebSocketMessageError,
)

HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def end_of(port: int, path: str, *messages: str | bytes) -> tuple[int | None, str | None]:
    async with connect(f"ws://127.0.0.1:{port}{path}") as client:
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await client.send(message)
        await client.wait_closed()
        return client.close_code, client.close_reason


def app_that(end: Any) -> ProAPI:
    app = ProAPI()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await end(websocket)

    @app.websocket("/before")
    async def before(websocket: WebSocketConnection) -> None:
        await end(websocket)

    return app


async def returns(websocket: WebSocketConnection) -> None: ...


async def disconnects(websocket: WebSocketConnection) -> None:
    raise WebSocketDisconnect


async def fails(websocket: WebSocketConnection) -> None:
    raise KeyError("a")


class OwnError(BaseException):
    pass


async def fails_badly(websocket: WebSocketConnection) -> None:
    raise OwnError


async def wants_text(websocket: WebSocketConnection) -> None:
    await websocket.receive_text()


async def wants_json(websocket: WebSocketConnection) -> None:
    await websocket.receive_json(list[int])


class Plain: ...


async def wants_a_plain_class(websocket: WebSocketConnection) -> None:
    await websocket.receive_json(list[Plain])


async def iterates_over_a_plain_class(websocket: WebSocketConnection) -> None:
    async for _ in websocket.iter_json(Plain):
        pass


async def closes(websocket: WebSocketConnection) -> None:
    await websocket.close(4000, "own")


async def cancels_itself(websocket: WebSocketConnection) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.Event().wait()


async def group_of_disconnects(websocket: WebSocketConnection) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(disconnects(websocket))
        group.create_task(wants_text(websocket))


async def group_with_a_failure(websocket: WebSocketConnection) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(disconnects(websocket))
        group.create_task(fails(websocket))


async def group_with_a_message_error(websocket: WebSocketConnection) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(wants_text(websocket))


@promise("json-impossible-type")
@pytest.mark.parametrize(
    ("end", "code", "level"),
    [
        (returns, 1000, None),
        (disconnects, 1000, None),
        (closes, 4000, None),
        (group_of_disconnects, 1000, None),
        (fails, 1011, logging.ERROR),
        (fails_badly, 1011, logging.ERROR),
        (group_with_a_failure, 1011, logging.ERROR),
        (wants_text, 1003, logging.INFO),
        (wants_json, 1007, logging.INFO),
        (wants_a_plain_class, 1011, logging.ERROR),
        (iterates_over_a_plain_class, 1011, logging.ERROR),
        (group_with_a_message_error, 1003, logging.INFO),
        (cancels_itself, 1011, logging.WARNING),
    ],
)
async def test_end_of_a_handler(
    end: Any, code: int, level: int | None, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proapi")
    port = await serve(app_that(end))
    assert (await end_of(port, "/", b"[]x"))[0] == code
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])
    assert bool([record for record in caplog.records if record.exc_info]) == (level == logging.ERROR)


async def raises_a_message_error(websocket: WebSocketConnection) -> None:
    raise WebSocketMessageError("bad text", close_code=1007)


async def raises_an_odd_message_error(websocket: WebSocketConnection) -> None:
    raise WebSocketMessageError("bad \udc80 text\nforged", close_code=1007)


@pytest.mark.parametrize(
    ("end", "status", "level"),
    [
        (returns, 403, logging.INFO),
        (fails, 500, logging.ERROR),
        (disconnects, 403, None),
        (closes, 403, None),
        (raises_a_message_error, 500, logging.ERROR),
    ],
)
async def test_end_of_a_handler_before_accept(
    end: Any, status: int, level: int | None, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proapi")
    port = await serve(app_that(end))
    with pytest.raises(InvalidStatus) as caught:
        await end_of(port, "/before")
    assert caught.value.response.status_code == status
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])


async def test_a_message_error_of_ones_own_may_have_any_text(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "proapi")
    port = await serve(app_that(raises_an_odd_message_error))
    assert (await end_of(port, "/")) == (1007, "the content of the message is not what is expected here")
    (record,) = caplog.records
    assert record.getMessage() == r"/: closed 127.0.0.1 with 1007: bad \x5cudc80 text\x0aforged".replace("\\\\", "\\")


async def test_message_error_has_the_message_and_the_connection_stays(serve: Serve) -> None:
    async def end(websocket: WebSocketConnection) -> None:
        with pytest.raises(WebSocketMessageError) as caught:
            await websocket.receive_text()
        assert caught.value.data == b"\0"
        await websocket.send_text(await websocket.receive_text())

    async with connect(f"ws://127.0.0.1:{await serve(app_that(end))}/") as client:
        await client.send(b"\0")
        await client.send("next")
        assert await client.recv() == "next"


@promise("routes-fixed-while-serving")
async def test_routes_are_added_before_an_application_serves(serve: Serve) -> None:
    app = ProAPI()
    await serve(app)
    with pytest.raises(RouteError, match="before the application serves"):
        app.get("/")(lambda: "")


@promise("serve")
async def test_shutdown_cancels_what_does_not_end(serve: Serve) -> None:
    app = ProAPI(shutdown_timeout=0.3)
    ends = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_text("ready")
        try:
            await asyncio.Event().wait()
        finally:
            ends.append((websocket.closed, websocket.close_code))

    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(app.serve(port=0, on_listening=lambda all: port.set_result(all[0][1])))
    async with connect(f"ws://127.0.0.1:{await port}/") as client:
        await client.recv()
        server.cancel()
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1001
        await asyncio.wait({server}, timeout=1)
        assert server.cancelled()
    assert ends == [(True, 1001)]


# ---- HTTP ----

variable: ContextVar[str] = ContextVar("variable", default="unset")


def http_app() -> ProAPI:
    app = ProAPI()

    @app.on_startup
    async def startup() -> None:
        variable.set("from startup")

    @app.get("/sync/{n:int}")
    def sync(request: Request, n: int) -> dict[str, Any]:
        return {"n": n, "content": len(request.content), "variable": variable.get()}

    @app.post("/json")
    async def json(request: Request) -> Any:
        return {"got": await request.json(list[int])}

    @app.post("/plain")
    async def plain(request: Request) -> Any:
        return {"got": await request.json(Plain)}

    @app.post("/form")
    async def form(request: Request) -> Any:
        return (await request.form()).multi_items()

    @app.post("/files")
    async def uploaded(request: Request) -> Any:
        files = await request.files()
        return {name: [file.filename for file in files.getlist(name)] for name in files}

    @app.get("/all")
    async def everything(req: Request) -> Any:
        return [req.method, req.path, dict(req.query_params), req.headers["X-A"], req.cookies, req.url, req.client]

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404, "no such thing", {"X-Why": "because"})

    @app.get("/stop")
    def stop() -> None:
        raise StopIteration

    @app.get("/bad")
    async def bad() -> object:
        return object()

    @app.get("/missing-stream")
    async def missing_stream(request: Request) -> StreamingResponse:
        async def parts() -> Any:
            if "name" in request.query_params:
                raise HTTPException(404, "no such table", {"X-Why": "because"})
            yield request.query_params["other"]

        return StreamingResponse(parts())

    @app.get("/failing-stream")
    def failing_stream() -> StreamingResponse:
        return StreamingResponse(str(1 / number) for number in range(3))

    @app.get("/late-stream")
    async def late_stream() -> StreamingResponse:
        async def parts() -> Any:
            yield "part"
            raise HTTPException(404, "too late")

        return StreamingResponse(parts())

    @app.get("/broken")
    async def broken() -> StreamingResponse:
        async def parts() -> Any:
            yield "part"
            raise KeyError("a")

        return StreamingResponse(parts())

    return app


@promise("json-impossible-type", "request", "request-json")
async def test_http_handlers(serve: Serve) -> None:
    port = await serve(http_app())
    status, head, body = await http(port, "GET", "/sync/7")
    assert (status, body) == (200, b'{"n":7,"content":0,"variable":"from startup"}')
    assert "content-type: application/json" in head
    assert (await http(port, "POST", "/json", body=b"[1,2]"))[2] == b'{"got":[1,2]}'
    status, _, body = await http(port, "POST", "/json", body=b'["a"]')
    assert status == 400
    assert b"Expected `int`" in body
    assert (await http(port, "POST", "/plain", body=b"{}"))[::2] == (500, b"Internal Server Error\n")
    form = "Content-Type: application/x-www-form-urlencoded\r\n"
    assert (await http(port, "POST", "/form", headers=form, body=b"a=1&a=%20+"))[2] == b'[["a","1"],["a","  "]]'
    assert (await http(port, "POST", "/form", body=b"a=1"))[0] == 415
    assert (await http(port, "POST", "/files", headers=form, body=b"a=1"))[2] == b"{}"
    multipart = "Content-Type: multipart/form-data; boundary=x\r\n"
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n\r\n\r\n'
    body = part % b"a" + part % b"b" + b"--x--"
    assert (await http(port, "POST", "/files", headers=multipart, body=body))[2] == b'{"f":["a","b"]}'
    status, _, body = await http(port, "POST", "/files", headers=multipart, body=b"--x")
    assert (status, body) == (400, b"The body: expected a line of two hyphens and the boundary, got none\n")
    _, _, body = await http(port, "GET", "/all?q=%C3%A9", headers="X-A: b\r\nCookie: c=d\r\n")
    assert body.startswith(
        '["GET","/all",{"q":"é"},"b",{"c":"d"},"http://localhost/all?q=%C3%A9",["127.0.0.1",'.encode()
    )


async def test_http_failures(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    port = await serve(http_app())
    status, head, body = await http(port, "GET", "/missing")
    assert (status, body) == (404, b"no such thing\n")
    assert "x-why: because" in head
    assert not caplog.records
    for path in ("/stop", "/bad"):
        caplog.clear()
        assert (await http(port, "GET", path))[0] == 500
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
    for path in ("/broken", "/late-stream"):
        status, _, body = await http(port, "GET", path)
        assert status == 200
        assert not body.endswith(b"0\r\n\r\n")  # no last chunk: the body must not look complete


@promise("stream-fails-before-first-part")
async def test_a_stream_that_fails_before_its_first_part_is_the_errors_response(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    port = await serve(http_app())
    for method in ("GET", "HEAD"):
        status, head, body = await http(port, method, "/missing-stream?name=x")
        assert (status, "x-why: because" in head) == (404, True)
        assert body == (b"no such table\n" if method == "GET" else b"")
        assert (await http(port, method, "/missing-stream"))[0] == 400
        assert not caplog.records
        assert (await http(port, method, "/failing-stream"))[0] == 500
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        caplog.clear()


@promise("kinds-of-responses")
async def test_sync_handlers_run_beside_each_other(serve: Serve) -> None:
    import threading

    app = ProAPI()
    both = threading.Barrier(2, timeout=5)

    @app.get("/")
    def wait() -> str:
        both.wait()
        return "together"

    port = await serve(app)
    answers = await asyncio.gather(http(port, "GET", "/"), http(port, "GET", "/"))
    assert [body for _, _, body in answers] == [b"together"] * 2


@promise("request")
async def test_the_client_has_host_and_port(serve: Serve) -> None:
    app = ProAPI()
    seen: list[Client | None] = []

    @app.get("/")
    async def page(request: Request) -> str:
        seen.append(request.client)
        return ""

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        seen.append(websocket.client)
        await websocket.accept()

    port = await serve(app)
    await http(port, "GET", "/")
    await end_of(port, "/")
    for client in seen:
        assert isinstance(client, Client)
        host, number = client
        assert (client.host, client.port) == (host, number) == ("127.0.0.1", number)


@pytest.mark.parametrize(
    "refusal",
    [
        (403, {"why": object()}),
        (403, "no", {"X-Number": 5}),
        (99,),
    ],
)
async def test_what_can_not_refuse_a_handshake_is_a_failure(
    refusal: tuple[Any, ...], serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    app = ProAPI()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        raise HTTPException(*refusal)

    port = await serve(app)
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{port}/")
    assert refused.value.response.status_code == 500
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_refusing_a_client_that_has_left_is_no_failure(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI()
    begun, refused = asyncio.Event(), asyncio.Event()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        begun.set()
        await websocket.wait_closed()
        refused.set()
        raise HTTPException(401, "who are you?")

    port = await serve(app)
    connecting = asyncio.create_task(connect(f"ws://127.0.0.1:{port}/").__aenter__())
    await begun.wait()
    connecting.cancel()
    await refused.wait()
    assert caplog.records == []


async def test_a_handler_that_cannot_be_started_is_answered_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = ProAPI()

    @app.get("/")
    async def page() -> str:
        return "page"

    @app.websocket("/ws")
    async def socket(websocket: WebSocketConnection) -> None: ...

    def refuse(_: Any, coroutine: Any, **__: Any) -> Any:
        coroutine.close()
        raise RuntimeError("no task today")

    port = await serve(app)
    loop = asyncio.get_running_loop()
    reports: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reports.append(str(report.exc_value)))
    requests = [
        asyncio.ensure_future(http(port, "GET", "/")),
        asyncio.ensure_future(http(port, "GET", "/ws", headers=HANDSHAKE)),
    ]
    loop.set_task_factory(refuse)
    try:
        await asyncio.wait(requests, timeout=5)
    finally:
        loop.set_task_factory(None)
    assert [request.result()[0] for request in requests] == [500, 500]
    assert reports == ["no task today"] * 2


@promise("descriptors-after-the-stop")
async def test_a_server_that_has_stopped_holds_no_descriptor() -> None:
    """The stop closes them; they do not wait for the garbage collector."""
    app = ProAPI()

    @app.get("/")
    async def home() -> str:
        return "hello"

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async with serving(app) as port:
        assert (await http(port, "GET", "/"))[2] == b"hello"
    gc.collect()
    gc.disable()
    try:
        before = descriptors()
        for _ in range(5):
            async with serving(app) as port:
                assert (await http(port, "GET", "/"))[2] == b"hello"
            assert descriptors() == before
    finally:
        gc.enable()


@promise("descriptors-after-the-stop")
@pytest.mark.parametrize("what", ["start-up function", "lifespan", "address"])
async def test_a_server_that_could_not_start_holds_no_descriptor(what: str) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(_: ProAPI) -> AsyncIterator[None]:
        if what == "lifespan":
            raise OSError("no database")
        yield

    app = ProAPI(lifespan=lifespan)

    @app.on_startup
    async def connect() -> None:
        if what == "start-up function":
            raise OSError("no database")

    errors = []  # an exception that is kept also keeps everything in its traceback

    async def fail(port: int) -> None:
        with pytest.raises(OSError, match=r"no database|in use") as info:
            await app.serve(port=port)
        errors.append(info.value)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if what == "address" else 0
        await fail(port)
        gc.collect()
        gc.disable()
        try:
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(5):
                await fail(port)
            assert len(os.listdir("/proc/self/fd")) == before
        finally:
            gc.enable()


async def test_a_stream_is_closed_though_its_client_goes_before_the_first_part(serve: Serve) -> None:
    app, opened, closed = quiet_stream()
    _, writer = await asyncio.open_connection("127.0.0.1", await serve(app))
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.wait_for(opened.wait(), 5)
    writer.transport.abort()
    await asyncio.wait_for(closed.wait(), 5)
