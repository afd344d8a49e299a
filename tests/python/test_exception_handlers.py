"""Functions that answer exceptions, HTTPExceptions and the engine's own refusals, over the engine and under ASGI."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import unquote

import pytest
from asgi_peer import Peer, scope_of
from carriers import CARRIERS, ask, handshake
from conftest import http, serving
from promises import promise

from proapi import (
    Depends,
    HTTPException,
    JSONResponse,
    PlainTextResponse,
    ProAPI,
    Request,
    RequestValidationError,
    Response,
    StreamingResponse,
    WebSocketConnection,
)


class MissingError(LookupError):
    pass


@pytest.fixture(params=CARRIERS)
def carrier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def raising(app: ProAPI, error: BaseException, path: str = "/") -> None:
    @app.get(path)
    async def handler() -> None:
        raise error


def tell(status: int) -> Any:
    """Returns an exception handler that tells what it was called with."""

    async def handler(request: Request | WebSocketConnection, error: Exception) -> Response:
        return JSONResponse({"path": request.path, "error": type(error).__name__, "text": str(error)}, status)

    return handler


# ---- exceptions of handlers ----


@promise("exception-handlers")
async def test_the_nearest_class_answers(carrier: str) -> None:
    app = ProAPI(exception_handlers={LookupError: tell(404)})
    raising(app, MissingError("no such user"))
    assert await ask(carrier, app, "/") == (404, {"path": "/", "error": "MissingError", "text": "no such user"})
    app = ProAPI(exception_handlers={LookupError: tell(404), MissingError: tell(410)})
    raising(app, MissingError())
    assert (await ask(carrier, app, "/"))[0] == 410


@promise("exception-handlers")
async def test_what_is_foreseen_is_not_logged(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI(exception_handlers={LookupError: tell(404)})
    raising(app, MissingError())
    assert (await ask(carrier, app, "/"))[0] == 404
    assert not caplog.records


@promise("exception-handlers")
async def test_results_are_those_of_handlers(carrier: str) -> None:
    app = ProAPI()

    @app.exception_handler(LookupError)
    def text(request: Request, error: LookupError) -> str:
        return f"in a thread: {error}"

    @app.exception_handler(ValueError)
    async def value(request: Request, error: ValueError) -> dict[str, Any]:
        return {"value": str(error)}

    raising(app, MissingError("a"), "/text")
    raising(app, ValueError("b"), "/value")
    assert await ask(carrier, app, "/text") == (200, "in a thread: a")
    assert await ask(carrier, app, "/value") == (200, {"value": "b"})


@promise("exception-handlers")
async def test_a_handler_in_a_thread(carrier: str) -> None:
    app = ProAPI(exception_handlers={LookupError: tell(404)})

    @app.get("/")
    def blocking() -> None:
        raise MissingError("there")

    assert (await ask(carrier, app, "/"))[0] == 404


@promise("exception-handlers")
async def test_a_status_comes_before_its_class(carrier: str) -> None:
    app = ProAPI(exception_handlers={HTTPException: tell(400), 404: tell(404)})
    raising(app, HTTPException(404, "gone"), "/status")
    raising(app, HTTPException(409, "taken"), "/class")
    assert await ask(carrier, app, "/status") == (
        404,
        {"path": "/status", "error": "HTTPException", "text": "404 gone"},
    )
    assert (await ask(carrier, app, "/class"))[0] == 400


@promise("exception-handlers")
async def test_a_subclass_comes_before_its_status(carrier: str) -> None:
    app = ProAPI(exception_handlers={422: tell(400), RequestValidationError: tell(499)})

    @app.get("/")
    async def handler(number: int) -> None: ...

    assert (await ask(carrier, app, "/?number=x"))[0] == 499


@promise("exception-handlers")
async def test_the_last_resort(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    for key in (500, Exception):
        caplog.clear()
        app = ProAPI(exception_handlers={key: tell(503)})
        raising(app, MissingError("nobody foresaw it"), "/fails")
        raising(app, HTTPException(404, "foreseen"), "/refused")
        status, body = await ask(carrier, app, "/fails")
        assert (status, body["error"]) == (503, "MissingError")
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert record.exc_info is not None
        assert await ask(carrier, app, "/refused") == (404, "foreseen\n")


@promise("exception-handlers")
async def test_an_exception_handler_that_fails(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    async def fail(request: Request, error: Exception) -> None:
        calls.append(error)
        raise MissingError("again")

    app = ProAPI(exception_handlers={MissingError: fail, 500: fail, Exception: fail, 404: fail})
    raising(app, MissingError("first"))
    assert await ask(carrier, app, "/") == (500, "Internal Server Error\n")
    assert len(calls) == 1
    assert "again" in caplog.text
    assert await ask(carrier, app, "/nothing") == (500, "Internal Server Error\n")
    assert len(calls) == 2


@promise("exception-handlers")
async def test_a_result_that_is_no_response(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI(exception_handlers={MissingError: lambda request, error: object()})
    raising(app, MissingError())
    assert (await ask(carrier, app, "/"))[0] == 500
    assert "expected a Response" in caplog.text


@promise("exception-handlers")
async def test_a_stream_that_fails_before_its_first_part(carrier: str) -> None:
    app = ProAPI(exception_handlers={MissingError: tell(404)})

    async def parts() -> AsyncIterator[str]:
        raise MissingError
        yield ""

    @app.get("/")
    async def handler() -> StreamingResponse:
        return StreamingResponse(parts())

    assert (await ask(carrier, app, "/"))[0] == 404


@promise("exception-handlers")
async def test_dependencies_see_the_exception_first(carrier: str) -> None:
    seen = []

    async def session() -> AsyncIterator[int]:
        try:
            yield 1
        except MissingError:
            seen.append("rolled back")
            raise

    async def answer(request: Request, error: Exception) -> Response:
        seen.append("answered")
        return PlainTextResponse("no", 404)

    app = ProAPI(exception_handlers={MissingError: answer})

    @app.get("/")
    async def handler(number: Annotated[int, Depends(session)]) -> None:
        raise MissingError

    assert await ask(carrier, app, "/") == (404, "no")
    assert seen == ["rolled back", "answered"]


async def test_a_detail_that_is_not_text(carrier: str) -> None:
    app = ProAPI()
    raising(app, HTTPException(409, {"code": 7}, {"X-Code": "7"}), "/dict")
    raising(app, HTTPException(409, ["a"]), "/list")
    raising(app, HTTPException(409, "text"), "/text")
    assert await ask(carrier, app, "/dict") == (409, {"detail": {"code": 7}})
    assert await ask(carrier, app, "/list") == (409, {"detail": ["a"]})
    assert await ask(carrier, app, "/text") == (409, "text\n")
    assert str(HTTPException(409, {"code": 7})) == "409 {'code': 7}"


# ---- the engine's own refusals ----


def app_with_routes(**options: Any) -> ProAPI:
    app = ProAPI(**options)

    @app.post("/post")
    async def post(request: Request) -> bytes:
        return await request.body()

    @app.websocket("/socket")
    async def socket(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_json("hello")

    return app


@promise("exception-handlers")
async def test_refusals(carrier: str, tmp_path: Any) -> None:
    seen: list[HTTPException] = []

    async def answer(request: Request, error: HTTPException) -> Response:
        seen.append(error)
        return JSONResponse({"detail": error.detail, "path": request.path}, error.status_code)

    statuses = (400, 404, 405, 413, 421, 426)
    app = app_with_routes(exception_handlers=dict.fromkeys(statuses, answer), max_body_size=4)
    app.static("/files", tmp_path)
    expected: list[tuple[int, str, dict[str, Any]]] = [
        (404, "/nothing", {}),
        (404, "/files/nothing", {}),
        (405, "/post", {}),
        (413, "/post", {"method": "POST", "body": b"12345"}),
        (426, "/socket", {}),
        (400, "/%ff", {}),
    ]
    for status, path, options in expected:
        code, body = await ask(carrier, app, path, **options)
        assert (code, body["path"]) == (status, unquote(path))
        assert (seen[-1].status_code, seen[-1].detail) == (status, body["detail"])
    assert [error.headers for error in seen if error.status_code == 405] == [{"Allow": "POST"}]


@promise("exception-handlers")
async def test_a_foreign_host() -> None:
    app = app_with_routes(exception_handlers={421: tell(421)})
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /post HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        answer = await reader.read()  # up to the end: the connection is closed, as without the handler
        writer.close()
    assert answer.startswith(b"HTTP/1.1 421")
    assert b'"HTTPException"' in answer


@promise("exception-handlers")
async def test_a_refusal_keeps_the_fields_that_its_status_requires() -> None:
    own = PlainTextResponse("no", 405)
    app = app_with_routes(exception_handlers={405: lambda request, error: own, 426: lambda request, error: "other"})
    async with serving(app) as port:
        assert "\r\nallow: post" in (await http(port, "GET", "/post"))[1]
        assert "\r\nupgrade:" not in (await http(port, "GET", "/socket"))[1]
    assert list(own.headers) == ["Content-Type"]


@promise("exception-handlers")
async def test_a_class_of_all_refusals(carrier: str) -> None:
    app = app_with_routes(exception_handlers={HTTPException: tell(499)})
    for path in ("/nothing", "/post", "/socket"):
        assert (await ask(carrier, app, path))[0] == 499


@promise("exception-handlers")
async def test_other_refusals_stay_as_they_are(carrier: str) -> None:
    app = app_with_routes(exception_handlers={404: tell(404), Exception: tell(500), MissingError: tell(500)})
    assert await ask(carrier, app, "/post") == (405, "This address does not serve that method.\n")


@promise("exception-handlers")
async def test_a_connection_goes_on_after_a_refusal() -> None:
    app = app_with_routes(exception_handlers={404: tell(404)})
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in ("/nothing", "/other", "/nothing"):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            assert path.encode() in await reader.readexactly(length)
        writer.close()


@promise("exception-handlers")
async def test_a_request_that_can_not_be_read_is_not_passed_on() -> None:
    app = app_with_routes(exception_handlers={400: tell(400)})
    async with serving(app) as port:
        _, _, body = await http(port, "GET", "/", headers="bad field\r\n")
        assert b"path" not in body


# ---- WebSockets ----


@promise("exception-handlers")
async def test_a_websocket_that_fails_before_accept(caplog: pytest.LogCaptureFixture) -> None:
    app = app_with_routes(exception_handlers={MissingError: tell(410), 401: tell(401), 500: tell(503)})
    kinds = []

    @app.exception_handler(KeyError)
    def synchronous(websocket: WebSocketConnection, error: KeyError) -> Response:
        kinds.append(type(websocket))
        return PlainTextResponse("in a thread", 409)

    errors = {"missing": MissingError(), "key": KeyError(), "who": HTTPException(401), "other": RuntimeError("x")}

    @app.websocket("/{name}")
    async def handler(websocket: WebSocketConnection, name: str) -> None:
        raise errors[name]

    assert await handshake(app, "/missing") == (410, {"path": "/missing", "error": "MissingError", "text": ""})
    assert await handshake(app, "/key") == (409, "in a thread")
    assert (await handshake(app, "/who"))[0] == 401
    assert not caplog.records
    assert (await handshake(app, "/other"))[0] == 503
    assert "the handler" in caplog.text
    assert kinds == [WebSocketConnection]
    assert await handshake(app, "/socket") == (101, "hello")


@promise("exception-handlers")
async def test_a_response_that_can_not_refuse_a_handshake(caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI(exception_handlers={MissingError: lambda websocket, error: "200"})
    app.add_exception_handler(KeyError, lambda websocket, error: StreamingResponse(["a"], 404))

    @app.websocket("/{name}")
    async def handler(websocket: WebSocketConnection, name: str) -> None:
        raise {"status": MissingError, "stream": KeyError}[name]

    assert (await handshake(app, "/status"))[0] == 500
    assert (await handshake(app, "/stream"))[0] == 500
    assert "expected a whole response to refuse a handshake with, got StreamingResponse" in caplog.text


@promise("exception-handlers")
async def test_a_refused_handshake() -> None:
    app = app_with_routes(exception_handlers={404: tell(404), 403: tell(403)})
    assert await handshake(app, "/nothing") == (
        404,
        {"path": "/nothing", "error": "HTTPException", "text": "404 Nothing is served at this address."},
    )
    assert (await handshake(app, "/socket", origin="https://evil.test"))[0] == 403


@promise("exception-handlers")
@pytest.mark.parametrize("can_respond", [True, False])
async def test_a_refused_handshake_under_asgi(can_respond: bool) -> None:
    app = app_with_routes(exception_handlers={404: tell(404)})
    extensions: dict[str, Any] = {"websocket.http.response": {}} if can_respond else {}
    peer = Peer(app, {**scope_of("websocket", "/nothing"), "extensions": extensions})
    peer.put("websocket.connect")
    await peer.end()
    first = await peer.get()
    if can_respond:
        assert (first["type"], first["status"]) == ("websocket.http.response.start", 404)
        assert b"/nothing" in (await peer.get())["body"]
    else:
        assert first == {"type": "websocket.close"}
    assert peer.outgoing.empty()


# ---- registration ----


@promise("exception-handlers")
@pytest.mark.parametrize(
    ("key", "function", "error", "text"),
    [
        ("404", tell(404), TypeError, "expected a subclass of Exception or a status, got '404'"),
        (True, tell(404), TypeError, "got True"),
        (BaseException, tell(404), TypeError, "expected a subclass of Exception"),
        (asyncio.CancelledError, tell(404), TypeError, "expected a subclass of Exception"),
        (200, tell(404), ValueError, "expected a status from 400 to 599, got 200"),
        (404, None, TypeError, "expected a function, got None"),
        (
            404,
            lambda request: None,
            TypeError,
            r"test_exception_handlers\.py:\d+: .* takes the request and the exception",
        ),
    ],
)
def test_what_can_not_be_registered(key: Any, function: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        ProAPI().add_exception_handler(key, function)


async def test_too_late() -> None:
    app = ProAPI()

    @app.on_startup
    def start() -> None:
        with pytest.raises(RuntimeError, match="exception_handler: expected it before"):
            app.add_exception_handler(404, tell(404))

    async with serving(app):
        pass
