"""Middleware of a router: which requests pass through it, in which order, and how it fails."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from carriers import CARRIERS, ask, handshake
from promises import promise

from proapi import Depends, HTTPException, PlainTextResponse, ProAPI, Request, Response, Router, WebSocketConnection
from proapi._core.dispatch import Dispatcher
from proapi._core.hooked_dispatch import make_dispatcher
from proapi.routing import Route


@pytest.fixture(params=CARRIERS)
def carrier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def record(target: ProAPI | Router, name: str, log: list[str]) -> None:
    @target.middleware
    async def middleware(connection: Any, call_next: Any) -> Any:
        log.append(f"{name} in")
        response = await call_next(connection)
        log.append(f"{name} out {getattr(response, 'status_code', None)}")
        return response


def add_routes(target: ProAPI | Router, log: list[str]) -> None:
    async def session() -> AsyncIterator[None]:
        log.append("dependency")
        yield

    @target.get("/page")
    async def page(_: Annotated[None, Depends(session)]) -> str:
        log.append("handler")
        return "page"

    @target.websocket("/ws")
    async def ws(websocket: WebSocketConnection, _: Annotated[None, Depends(session)]) -> None:
        log.append("handler")
        await websocket.accept()
        await websocket.send_json("ws")


@promise("router-middleware")
@pytest.mark.parametrize("is_websocket", [False, True])
async def test_the_order(carrier: str, is_websocket: bool) -> None:
    app, outer, inner, log = ProAPI(), Router(prefix="/outer"), Router(prefix="/inner"), list[str]()
    add_routes(inner, log)
    record(inner, "inner", log)  # also around routes before it
    outer.include_router(inner)
    record(outer, "outer 1", log)
    record(outer, "outer 2", log)
    record(app, "app", log)
    app.include_router(outer)

    if is_websocket:
        assert await handshake(app, "/outer/inner/ws") == (101, "ws")
    else:
        assert await ask(carrier, app, "/outer/inner/page") == (200, "page")
    status = None if is_websocket else 200
    assert log == [
        *("app in", "outer 1 in", "outer 2 in", "inner in", "dependency", "handler"),
        *(f"{name} out {status}" for name in ("inner", "outer 2", "outer 1", "app")),
    ]


@promise("router-middleware")
async def test_only_its_own_routes(carrier: str, tmp_path: Path) -> None:
    app, one, other, log = ProAPI(), Router(prefix="/one"), Router(prefix="/other"), list[str]()
    for target in (app, one, other):
        add_routes(target, [])
    record(one, "one", log)
    app.static("/one/files", tmp_path)
    (tmp_path / "a.txt").write_text("a file")
    app.include_router(one)
    app.include_router(other)

    for path in ("/page", "/other/page", "/one/files/a.txt", "/one/nothing"):
        await ask(carrier, app, path)
    assert (await ask(carrier, app, "/one/page", method="POST"))[0] == 405
    assert (await ask(carrier, app, "/one/ws"))[0] == 426
    assert await handshake(app, "/ws") == (101, "ws")
    assert log == []
    await ask(carrier, app, "/one/page")
    await ask(carrier, app, "/one/page", method="HEAD")
    assert log == ["one in", "one out 200"] * 2


@promise("router-middleware")
async def test_a_router_that_is_included_twice(carrier: str) -> None:
    app, child, parent, log = ProAPI(), Router(), Router(prefix="/parent"), list[str]()
    add_routes(child, [])
    record(child, "child", log)
    record(parent, "parent", log)
    app.include_router(child, prefix="/a")
    app.include_router(child, prefix="/b")
    parent.include_router(child, prefix="/c")
    app.include_router(parent)

    for path in ("/a/page", "/b/page"):
        log.clear()
        assert await ask(carrier, app, path) == (200, "page")
        assert log == ["child in", "child out 200"]
    log.clear()
    assert await ask(carrier, app, "/parent/c/page") == (200, "page")
    assert log == ["parent in", "child in", "child out 200", "parent out 200"]


@promise("router-middleware")
async def test_kinds(carrier: str) -> None:
    app, router, log = ProAPI(), Router(), list[str]()
    add_routes(router, [])

    @router.middleware("http")
    async def requests(request: Request, call_next: Any) -> Any:
        log.append("http")
        return await call_next(request)

    @router.middleware("websocket")
    async def sockets(websocket: WebSocketConnection, call_next: Any) -> None:
        log.append("websocket")
        await call_next(websocket)

    app.include_router(router)
    await ask(carrier, app, "/page")
    await handshake(app, "/ws")
    assert log == ["http", "websocket"]


@promise("router-middleware")
async def test_messages_by_name_pass_too() -> None:
    app, router, log = ProAPI(), Router(), list[str]()

    @router.events("/ws")
    async def opened(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_json("opened")

    record(router, "router", log)
    app.include_router(router)
    assert await handshake(app, "/ws") == (101, "opened")
    assert log[0] == "router in"


@promise("router-middleware")
async def test_a_response_of_its_own(carrier: str) -> None:
    app, router, log = ProAPI(), Router(), list[str]()
    add_routes(router, log)

    @router.middleware
    async def guard(connection: Any, call_next: Any) -> Any:
        if connection.headers.get("authorization") is None:
            return Response("who are you?", 401, {"WWW-Authenticate": "Bearer"})
        return await call_next(connection)

    app.include_router(router)
    assert await ask(carrier, app, "/page") == (401, "who are you?")
    assert await handshake(app, "/ws") == (401, "who are you?")
    assert log == []
    assert await ask(carrier, app, "/page", authorization="x") == (200, "page")
    assert await handshake(app, "/ws", authorization="x") == (101, "ws")


@promise("router-middleware")
@pytest.mark.parametrize("error", [HTTPException(410, "gone"), LookupError()])
async def test_exceptions_of_its_own(carrier: str, error: Exception) -> None:
    """Answered like those of a handler, so the application's middleware gets the response."""
    app = ProAPI(exception_handlers={LookupError: lambda connection, error: PlainTextResponse("gone\n", 410)})
    router, log = Router(), list[str]()
    add_routes(router, log)

    @app.middleware("http")
    async def see(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        log.append(f"app {response.status_code}")
        return response

    @router.middleware
    async def refuse(connection: Any, call_next: Any) -> Any:
        raise error

    app.include_router(router)
    assert await ask(carrier, app, "/page") == (410, "gone\n")
    assert log == ["app 410"]
    assert await handshake(app, "/ws") == (410, "gone\n")
    assert log == ["app 410"]


@promise("router-middleware")
async def test_exceptions_come_through(carrier: str) -> None:
    app, router, log = ProAPI(), Router(), list[str]()

    @router.get("/{kind}")
    async def page(kind: str) -> None:
        raise {"http": HTTPException(409, "taken"), "key": KeyError("nobody foresaw it")}[kind]

    @router.middleware
    async def see(request: Request, call_next: Any) -> Any:
        try:
            response = await call_next(request)
        except KeyError:
            log.append("KeyError")
            raise
        log.append(str(response.status_code))
        return response

    app.include_router(router)
    assert await ask(carrier, app, "/http") == (409, "taken\n")
    assert (await ask(carrier, app, "/key"))[0] == 500
    assert log == ["409", "KeyError"]


async def test_an_exception_handler_that_fails_is_asked_once(carrier: str) -> None:
    calls: list[Exception] = []

    async def fail(request: Request, error: Exception) -> None:
        calls.append(error)
        raise KeyError("again")

    app, router = ProAPI(exception_handlers={KeyError: fail, Exception: fail}), Router()

    @router.get("/")
    async def page() -> None:
        raise KeyError("first")

    record(router, "", [])
    app.include_router(router)
    assert (await ask(carrier, app, "/"))[0] == 500
    assert len(calls) == 1


async def test_a_return_that_was_forgotten(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app, router = ProAPI(), Router()
    add_routes(router, [])

    @router.middleware
    async def forgetful(connection: Any, call_next: Any) -> None:
        await call_next(connection)

    app.include_router(router)
    assert (await ask(carrier, app, "/page"))[0] == 500
    assert "forgetful to return the response of call_next, got None" in caplog.text


# ---- registration ----


def test_after_it_was_included() -> None:
    app, router = ProAPI(), Router()
    app.include_router(router)
    with pytest.raises(RuntimeError, match=r"test_router_middleware.py:\d+: .* before include_router\(\), got record"):
        record(router, "late", [])


def test_a_function_that_is_none() -> None:
    with pytest.raises(TypeError, match=r"expected 'async def .*\(connection, call_next\)' as middleware"):
        Router().middleware(lambda connection, call_next: None)
    with pytest.raises(ValueError, match="expected 'http', 'websocket' or a function, got 'lifespan'"):
        Router().middleware("lifespan")  # type: ignore[call-overload]


async def test_a_router_with_middleware_that_comes_too_late() -> None:
    """The dispatcher is chosen before the start-up functions: its middleware would be left out."""
    app, router, plain = ProAPI(), Router(prefix="/a"), Router(prefix="/b")
    add_routes(router, [])
    add_routes(plain, [])
    record(router, "", [])

    @app.on_startup
    def include() -> None:
        app.include_router(plain)
        with pytest.raises(RuntimeError, match="include_router: a router with middleware: expected it before the"):
            app.include_router(router)

    assert await ask("engine", app, "/b/page") == (200, "page")
    assert [route.path for route in app.routes if isinstance(route, Route)] == ["/b/page"]


def test_applications_without_any_do_not_pay() -> None:
    app, router = ProAPI(), Router()
    add_routes(router, [])
    app.include_router(router)
    assert type(make_dispatcher(app)) is Dispatcher
