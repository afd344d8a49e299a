"""Functions around every request and WebSocket: their order, what they see, what they may change, and how they fail."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from carriers import CARRIERS, ask, handshake
from conftest import http, serving
from promises import promise
from websockets.asyncio.client import connect

from proapi import (
    Depends,
    FileResponse,
    HTTPException,
    MutableHeaders,
    PlainTextResponse,
    ProAPI,
    Request,
    Response,
    StreamingResponse,
    WebSocketConnection,
    WebSocketDisconnect,
)


@pytest.fixture(params=CARRIERS)
def carrier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def app_with_routes(**settings: Any) -> ProAPI:
    app = ProAPI(**settings)

    @app.get("/")
    async def page() -> str:
        return "page"

    @app.get("/fails")
    async def fails() -> None:
        raise KeyError("nobody foresaw it")

    @app.post("/post")
    async def post(request: Request) -> bytes:
        return await request.body()

    @app.get("/thread")
    def thread() -> str:
        return "thread"

    @app.websocket("/echo")
    async def echo(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        async for message in websocket:
            await websocket.send_text(f"echo {message!r}")

    @app.websocket("/fails")
    async def failing(websocket: WebSocketConnection) -> None:
        raise KeyError("before accept")

    return app


def record(app: ProAPI, *names: str) -> list[str]:
    """Adds a middleware for each name. Returns what they see."""
    seen: list[str] = []

    def add(name: str) -> None:
        @app.middleware
        async def see(connection: Request | WebSocketConnection, call_next: Any) -> Any:
            seen.append(f"{name} in {connection.path}")
            response = await call_next(connection)
            seen.append(f"{name} out {getattr(response, 'status_code', response)}")
            return response

    for name in names:
        add(name)
    return seen


# ---- requests ----


@promise("middleware")
async def test_the_first_is_the_first_to_see_a_request(carrier: str) -> None:
    app = app_with_routes()
    seen = record(app, "one", "two")
    assert await ask(carrier, app, "/") == (200, "page")
    assert seen == ["one in /", "two in /", "two out 200", "one out 200"]


@promise("middleware")
async def test_it_sees_what_the_engine_answers_by_itself(carrier: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a file")
    app = app_with_routes(max_body_size=4)
    app.static("/files", tmp_path)
    seen = record(app, "")
    cases: list[tuple[str, int, Any, dict[str, Any]]] = [
        ("/files/a.txt", 200, "a file", {}),
        ("/files/a.txt", 206, "fil", {"range": "bytes=2-4"}),
        ("/files/a.txt", 416, "The range is beyond the file's end.\n", {"range": "bytes=99-"}),
        ("/files/b.txt", 404, "Not Found\n", {}),
        ("/nothing", 404, "Nothing is served at this address.\n", {}),
        ("/post", 405, "This address does not serve that method.\n", {}),
        ("/echo", 426, "This address speaks WebSocket.\n", {}),
        ("/thread", 200, "thread", {}),
        ("/post", 413, None, {"method": "POST", "body": b"12345"}),
        ("/post", 200, 1234, {"method": "POST", "body": b"1234"}),
    ]
    for path, status, body, options in cases:
        seen.clear()
        answer = await ask(carrier, app, path, **options)
        assert answer[0] == status, path
        assert body is None or answer[1] == body
        assert seen == [f" in {path}", f" out {status}"]


@promise("middleware")
async def test_files_are_served_as_without_it(tmp_path: Path) -> None:
    """Fields, conditions and HEAD included."""
    (tmp_path / "a.html").write_text("<p>")
    with_it, without = ProAPI(compress=True), ProAPI(compress=True)
    record(with_it, "")
    answers = []
    for app in (with_it, without):
        app.static("/", tmp_path)
        async with serving(app) as port:
            _, head, _ = await http(port, "GET", "/a.html")
            etag = next(line for line in head.split("\r\n") if line.startswith("etag:")).partition(" ")[2]
            answers.append(
                [
                    await http(port, method, path, headers=fields)
                    for method, path, fields in (
                        ("GET", "/a.html", ""),
                        ("HEAD", "/a.html", ""),
                        ("GET", "/a.html", f"If-None-Match: {etag}\r\n"),
                        ("GET", "/a.html", "Range: bytes=5-\r\n"),
                        ("GET", "/.env", ""),
                        ("GET", "/../x", ""),
                        ("GET", "/", ""),
                    )
                ]
            )

    def comparable(answer: tuple[int, str, bytes]) -> tuple[int, list[str], bytes]:
        return answer[0], sorted(line for line in answer[1].split("\r\n") if not line.startswith("date:")), answer[2]

    assert [comparable(answer) for answer in answers[0]] == [comparable(answer) for answer in answers[1]]


@promise("middleware")
async def test_a_response_may_be_changed(carrier: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a file")
    app = app_with_routes()
    app.static("/files", tmp_path)

    @app.middleware
    async def change(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["X-Time"] = "1"
        response.headers["content-type"] = "text/x-own"
        response.status_code = 203 if response.status_code == 200 else response.status_code
        return response

    async with serving(app) as port:
        for path, status in (("/", 203), ("/files/a.txt", 203), ("/nothing", 404), ("/echo", 426)):
            code, head, _ = await http(port, "GET", path)
            assert code == status
            assert "\r\nx-time: 1" in head
            assert head.count("content-type:") == 1
            assert "text/x-own" in head
    assert (await ask(carrier, app, "/files/a.txt")) == (203, "a file")


@promise("middleware")
async def test_a_response_of_its_own(carrier: str) -> None:
    app = app_with_routes()

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Any:
        if request.query_params.get("key") == "1":
            return await call_next(request)
        return {"detail": "no key"}

    assert await ask(carrier, app, "/") == (200, {"detail": "no key"})
    assert await ask(carrier, app, "/?key=1") == (200, "page")


@promise("middleware")
async def test_state_and_context_reach_the_handler(carrier: str) -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")
    app = ProAPI()

    @app.middleware
    async def identify(connection: Request, call_next: Any) -> Any:
        connection.state.user = "ada"
        user.set("ada")
        return await call_next(connection)

    @app.get("/")
    async def page(request: Request) -> list[str]:
        return [request.state.user, user.get()]

    assert await ask(carrier, app, "/") == (200, ["ada", "ada"])


@promise("middleware")
async def test_a_stream_is_sent_after_it(carrier: str) -> None:
    app = ProAPI()
    seen: list[str] = []

    async def parts() -> AsyncIterator[str]:
        seen.append("part")
        yield "a"
        yield "b"

    @app.get("/")
    async def page() -> StreamingResponse:
        return StreamingResponse(parts())

    @app.middleware
    async def middleware(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append("out")
        response.headers["X-A"] = "1"
        return response

    assert (await ask(carrier, app, "/"))[0] == 200
    assert seen == ["out", "part"]


@promise("middleware")
async def test_dependencies_end_after_the_response(carrier: str) -> None:
    app = ProAPI()
    seen = record(app, "middleware")

    async def session() -> AsyncIterator[int]:
        yield 1
        seen.append("session ends")

    @app.get("/")
    async def page(number: Annotated[int, Depends(session)]) -> int:
        seen.append("handler")
        return number

    await ask(carrier, app, "/")
    assert seen == ["middleware in /", "handler", "middleware out 200", "session ends"]


# ---- exceptions ----


@promise("middleware")
async def test_exceptions_come_through(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app = app_with_routes()
    seen: list[BaseException] = []

    @app.middleware
    async def see(request: Request, call_next: Any) -> Any:
        try:
            return await call_next(request)
        except KeyError as error:
            seen.append(error)
            if "swallow" in request.query_params:
                return PlainTextResponse("swallowed", 503)
            raise

    assert await ask(carrier, app, "/fails") == (500, "Internal Server Error\n")
    assert len(seen) == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert await ask(carrier, app, "/fails?swallow") == (503, "swallowed")
    assert len(caplog.records) == 1


@promise("middleware")
async def test_responses_of_exceptions_are_seen(carrier: str) -> None:
    app = ProAPI(exception_handlers={LookupError: lambda request, error: PlainTextResponse("found not", 404)})
    seen = record(app, "")

    @app.get("/{kind}")
    async def page(kind: str) -> None:
        raise {"http": HTTPException(409, "taken"), "lookup": LookupError()}[kind]

    assert await ask(carrier, app, "/http") == (409, "taken\n")
    assert await ask(carrier, app, "/lookup") == (404, "found not")
    assert seen == [" in /http", " out 409", " in /lookup", " out 404"]


@promise("middleware")
async def test_exceptions_of_its_own(carrier: str) -> None:
    """Also those that are responses."""
    app = app_with_routes(exception_handlers={500: lambda request, error: PlainTextResponse("last resort", 500)})

    @app.middleware
    async def refuse(request: Request, call_next: Any) -> Any:
        await call_next(request)
        raise HTTPException(401, "who?") if request.path == "/" else KeyError("own")

    assert await ask(carrier, app, "/") == (401, "who?\n")
    assert await ask(carrier, app, "/thread") == (500, "last resort")


@promise("middleware")
async def test_an_exception_handler_that_fails_is_asked_once(carrier: str) -> None:
    calls: list[Exception] = []

    async def fail(request: Request, error: Exception) -> None:
        calls.append(error)
        raise KeyError("again")

    app = app_with_routes(exception_handlers={KeyError: fail, Exception: fail})
    record(app, "")
    assert await ask(carrier, app, "/fails") == (500, "Internal Server Error\n")
    assert len(calls) == 1


@promise("middleware")
@pytest.mark.parametrize("calls", [0, 1])
async def test_a_return_that_was_forgotten(carrier: str, calls: int, caplog: pytest.LogCaptureFixture) -> None:
    app = app_with_routes()

    @app.middleware
    async def forgetful(request: Request, call_next: Any) -> None:
        for _ in range(calls):
            await call_next(request)

    assert (await ask(carrier, app, "/"))[0] == 500
    assert "forgetful to return the response of call_next, got None" in caplog.text


@promise("middleware")
async def test_a_second_call_is_refused(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app = app_with_routes()

    @app.middleware
    async def twice(request: Request, call_next: Any) -> Any:
        await call_next(request)
        return await call_next(request)

    assert (await ask(carrier, app, "/"))[0] == 500
    assert "call_next: expected one call, got another" in caplog.text


# ---- WebSockets ----


@promise("middleware")
async def test_websockets_pass_too() -> None:
    app = app_with_routes()
    seen = record(app, "one", "two")
    async with serving(app) as port:
        async with connect(f"ws://127.0.0.1:{port}/echo") as client:
            await client.send("a")
            assert await client.recv() == "echo 'a'"
            assert seen == ["one in /echo", "two in /echo"]
        async with asyncio.timeout(5):
            while len(seen) < 4:
                await asyncio.sleep(0)
    assert seen[2:] == ["two out None", "one out None"]


@promise("middleware")
async def test_kinds() -> None:
    app = app_with_routes()
    seen: list[str] = []

    @app.middleware("http")
    async def requests(request: Request, call_next: Any) -> Any:
        seen.append(f"http {request.path}")
        return await call_next(request)

    @app.middleware("websocket")
    async def sockets(websocket: WebSocketConnection, call_next: Any) -> None:
        seen.append(f"websocket {websocket.path}")
        await call_next(websocket)

    await handshake_only(app, "/echo")
    assert await ask("engine", app, "/") == (200, "page")
    assert seen == ["websocket /echo", "http /"]


async def handshake_only(app: ProAPI, path: str) -> None:
    async with serving(app) as port, connect(f"ws://127.0.0.1:{port}{path}"):
        pass


@promise("middleware")
async def test_one_for_websockets_leaves_requests_alone(tmp_path: Path) -> None:
    app = app_with_routes()
    app.static("/files", tmp_path)

    @app.middleware("websocket")
    async def sockets(websocket: WebSocketConnection, call_next: Any) -> None:
        await call_next(websocket)

    assert await ask("engine", app, "/nothing") == (404, "Nothing is served at this address.\n")
    assert await ask("engine", app, "/files/x") == (404, "Not Found\n")


@promise("middleware")
async def test_a_handshake_is_refused_by_a_response() -> None:
    app = app_with_routes()

    @app.middleware
    async def guard(connection: Any, call_next: Any) -> Any:
        if connection.headers.get("authorization") is None:
            return Response("who are you?", 401, {"WWW-Authenticate": "Bearer"})
        return await call_next(connection)

    assert await handshake(app, "/echo") == (401, "who are you?")
    assert await ask("engine", app, "/") == (401, "who are you?")


@promise("middleware")
async def test_a_websocket_that_fails_before_accept() -> None:
    app = app_with_routes(exception_handlers={KeyError: lambda connection, error: PlainTextResponse("no", 410)})
    seen: list[str] = []

    @app.middleware
    async def see(websocket: Any, call_next: Any) -> Any:
        try:
            return await call_next(websocket)
        except KeyError:
            seen.append("came through")
            raise

    assert await handshake(app, "/fails") == (410, "no")
    assert seen == ["came through"]


@promise("middleware")
async def test_a_response_for_a_websocket_that_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()

    @app.middleware
    async def wrong(websocket: WebSocketConnection, call_next: Any) -> Response:
        await call_next(websocket)
        return Response("too late")

    async with serving(app) as port, connect(f"ws://127.0.0.1:{port}/") as client:
        await client.wait_closed()
        assert client.close_code == 1011
    assert "expected None from the middleware" in caplog.text


@promise("middleware")
async def test_a_disconnect_comes_through() -> None:
    app = ProAPI()
    seen: asyncio.Queue[int] = asyncio.Queue()

    @app.middleware
    async def see(websocket: WebSocketConnection, call_next: Any) -> None:
        try:
            await call_next(websocket)
        except WebSocketDisconnect as error:
            seen.put_nowait(error.code)
            raise

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        while True:
            await websocket.receive()

    async with serving(app) as port:
        async with connect(f"ws://127.0.0.1:{port}/") as client:
            await client.close(4001)
        assert await asyncio.wait_for(seen.get(), 5) == 4001


# ---- registration ----


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda connection, call_next: None, TypeError, "which is not async"),
        ("lifespan", ValueError, "expected 'http', 'websocket' or a function, got 'lifespan'"),
        (5, ValueError, "got 5"),
    ],
)
def test_what_can_not_be_registered(function: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        ProAPI().middleware(function)


def test_other_arguments() -> None:
    async def one(connection: Request) -> None: ...

    with pytest.raises(TypeError, match=r"test_middleware.py:\d+: expected 'async def .*one\(connection, call_next\)'"):
        ProAPI().middleware(one)


async def test_too_late() -> None:
    app = app_with_routes()
    async with serving(app):
        with pytest.raises(RuntimeError, match="middleware: expected it before"):
            record(app, "late")


def test_routes_of_start_up_functions() -> None:
    app = app_with_routes()
    record(app, "")

    @app.on_startup
    def add() -> None:
        app.get("/late")(lambda: "late")

    assert asyncio.run(ask("engine", app, "/late")) == (200, "late")


# ---- the fields of a response ----


def test_headers_of_a_response() -> None:
    response = Response("x", headers=[("X-A", "1"), ("x-a", "2"), ("X-B", "3")])
    headers = response.headers
    assert isinstance(headers, MutableHeaders)
    assert (headers["x-A"], headers.get("x-b"), headers.get("x-c"), headers.getlist("X-A")) == (
        "2",
        "3",
        None,
        ["1", "2"],
    )
    assert "X-b" in headers
    assert 5 not in headers
    headers["X-A"] = "4"
    headers.append("X-B", "5")
    headers.setdefault("X-C", "6")
    del headers["content-type"]
    del headers["missing"]
    assert response.headers.multi_items() == [("X-B", "3"), ("X-A", "4"), ("X-B", "5"), ("X-C", "6")]
    assert list(headers) == ["X-B", "X-A", "X-B", "X-C"]
    assert len(headers) == 4
    assert headers == response.headers
    with pytest.raises(KeyError):
        headers["missing"]
    response.headers = {"X-D": "7"}
    assert list(response.headers.items()) == [("X-D", "7")]


def test_headers_are_checked_when_they_are_set() -> None:
    response = Response(headers={"X-A": "1"})
    for name, value in (("X-A", "a\r\nb"), ("X A", "1"), ("Content-Length", "5"), ("X-A", 5)):
        with pytest.raises((ValueError, TypeError)):
            response.headers[name] = value  # type: ignore[assignment]
    assert response.headers.multi_items() == [("X-A", "1")]


async def test_a_file_of_a_handler(carrier: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a file")
    app = ProAPI()
    record(app, "")

    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(tmp_path / "a.txt")

    assert await ask(carrier, app, "/") == (200, "a file")
