"""Depends: what a handler gets from functions, classes and generators, for HTTP and for WebSockets."""

import asyncio
import functools
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from asgi_peer import Peer, scope_of
from carriers import CARRIERS, ask, handshake
from conftest import Serve, http
from promises import promise

from proapi import (
    Depends,
    HTTPException,
    ProAPI,
    Query,
    Request,
    Response,
    RouteError,
    Security,
    StreamingResponse,
    WebSocketConnection,
)
from proapi._core.threads import MAX_THREADS

carriers = pytest.mark.parametrize("carrier", CARRIERS)


@promise("dependencies")
@carriers
async def test_functions_classes_and_generators(carrier: str) -> None:
    app, log = ProAPI(), []

    async def by_async(q: str = "none") -> str:
        return f"async {q}"

    def by_sync(first: Annotated[str, Depends(by_async)]) -> list[Any]:
        return [first, threading.current_thread() is threading.main_thread()]

    async def by_async_generator() -> AsyncIterator[str]:
        log.append("open async")
        yield "async generator"
        log.append("close async")

    def by_generator(outer: str = Depends(by_async_generator)) -> Iterator[str]:
        log.append("open")
        yield f"generator in {outer}"
        log.append("close")

    @dataclass
    class Page:
        skip: int = 0
        limit: int = 10

    class Callable:
        async def __call__(self, request: Request) -> str:
            return request.path

    @app.get("/{name}")
    async def handler(
        name: str,
        first: Annotated[list[Any], Depends(by_sync)],
        second: Annotated[str, Depends(by_generator)],
        page: Annotated[Page, Depends()],
        path: str = Depends(Callable()),
    ) -> Any:
        log.append("handler")
        return [name, first, second, page, path]

    assert await ask(carrier, app, "/a?q=x&skip=5") == (
        200,
        ["a", ["async x", False], "generator in async generator", {"skip": 5, "limit": 10}, "/a"],
    )
    assert log == ["open async", "open", "handler", "close", "close async"]


@promise("dependencies")
async def test_once_for_each_request() -> None:
    app, calls = ProAPI(), []

    async def session() -> int:
        calls.append(1)
        return len(calls)

    async def one(number: Annotated[int, Depends(session)]) -> int:
        return number

    async def two(number: Annotated[int, Depends(session)]) -> int:
        return number

    @app.get("/")
    async def handler(
        a: Annotated[int, Depends(one)],
        b: Annotated[int, Depends(two)],
        c: Annotated[int, Depends(session)],
        d: Annotated[int, Depends(session, use_cache=False)],
    ) -> Any:
        return [a, b, c, d]

    assert await ask("asgi", app, "/") == (200, [1, 1, 1, 2])
    assert await ask("asgi", app, "/") == (200, [3, 3, 3, 4])


@promise("dependencies")
@carriers
async def test_the_rest_of_a_generator_runs_after_the_response(carrier: str) -> None:
    app, log = ProAPI(), []

    async def session() -> AsyncIterator[str]:
        yield "session"
        log.append("closed")

    async def soon() -> AsyncIterator[str]:
        yield "soon"
        log.append("closed soon")

    @app.get("/")
    async def handler(
        name: Annotated[str, Depends(session)], other: Annotated[str, Depends(soon, scope="function")]
    ) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            log.append("part")
            yield name

        return StreamingResponse(parts())

    status, answer = await ask(carrier, app, "/")
    assert (status, "session" in answer) == (200, True)
    assert log == ["closed soon", "part", "closed"]


@promise("dependencies")
@pytest.mark.parametrize("has_middleware", [False, True])
async def test_under_an_asgi_server_the_whole_response_was_passed_to_it(has_middleware: bool) -> None:
    app, sent = ProAPI(), asyncio.Event()

    async def session() -> AsyncIterator[str]:
        yield "session"
        await asyncio.wait_for(sent.wait(), 5)

    @app.get("/")
    async def handler(name: Annotated[str, Depends(session)]) -> str:
        return name

    if has_middleware:

        @app.middleware
        async def passes(connection: Any, call_next: Any) -> Any:
            return await call_next(connection)

    peer = Peer(app, scope_of("http", "/"))
    peer.put("http.request")
    assert [(await peer.get())["type"] for _ in range(2)] == ["http.response.start", "http.response.body"]
    sent.set()
    await peer.end()


class Failure(Exception):
    pass


@promise("dependencies")
@carriers
async def test_generators_get_the_exception_in_reverse_order(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app, log = ProAPI(), []

    async def outer() -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            log.append(f"outer {type(error).__name__}")
            raise

    def inner(_: Annotated[None, Depends(outer)]) -> Iterator[None]:
        try:
            yield
        except Failure as error:
            log.append("inner Failure")
            raise HTTPException(409, "taken") from error
        finally:
            log.append("inner finally")

    async def swallows() -> AsyncIterator[None]:
        try:
            yield
        except Failure:
            log.append("swallowed")

    @app.get("/")
    async def handler(_: Annotated[None, Depends(inner)]) -> None:
        raise Failure

    @app.get("/swallowed")
    async def swallowed(_: Annotated[None, Depends(swallows)]) -> None:
        raise Failure

    assert await ask(carrier, app, "/") == (409, "taken\n")
    assert log == ["inner Failure", "inner finally", "outer HTTPException"]
    assert not caplog.records
    assert (await ask(carrier, app, "/swallowed"))[0] == 500
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [Failure]


@promise("dependencies")
async def test_a_dependency_that_fails_closes_those_before_it() -> None:
    app, log = ProAPI(), []

    async def first() -> AsyncIterator[None]:
        try:
            yield
        finally:
            log.append("closed")

    async def second(_: Annotated[None, Depends(first)]) -> None:
        raise HTTPException(401, "who are you?", {"WWW-Authenticate": "Bearer"})

    @app.get("/")
    async def handler(_: Annotated[None, Depends(second)], limit: int) -> None:
        log.append("handler")

    # The client is not told what else is wrong before it says who it is.
    assert await ask("asgi", app, "/") == (401, "who are you?\n")
    assert log == ["closed"]


@promise("dependencies", "typed-parameters")
async def test_errors_of_all_parameters_come_at_once_and_nobody_is_called_with_wrong_ones() -> None:
    app, log = ProAPI(), []

    async def page(skip: int = 0) -> int:
        log.append("page")
        return skip

    async def rows(first: Annotated[int, Depends(page)]) -> None:
        log.append("rows")

    @app.get("/")
    async def handler(_: Annotated[None, Depends(rows)], limit: Annotated[int, Query(ge=1)] = 1) -> None:
        log.append("handler")

    status, answer = await ask("asgi", app, "/?skip=x&limit=0")
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["query", "skip"], ["query", "limit"]])
    assert log == []


@promise("dependencies")
async def test_overrides() -> None:
    app = ProAPI()

    async def session() -> str:
        return "real"

    async def user(name: Annotated[str, Depends(session)]) -> str:
        return f"user of {name}"

    @app.get("/")
    async def handler(name: Annotated[str, Depends(user)]) -> str:
        return name

    async def fake(which: str = "fake") -> str:
        return which

    assert await ask("asgi", app, "/") == (200, "user of real")
    app.dependency_overrides[session] = fake
    assert await ask("asgi", app, "/?which=other") == (200, "user of other")
    app.dependency_overrides[user] = lambda: "nobody"
    assert await ask("asgi", app, "/") == (200, "nobody")
    app.dependency_overrides.clear()
    assert await ask("asgi", app, "/") == (200, "user of real")


@promise("dependencies")
async def test_websockets() -> None:
    app, log = ProAPI(), []

    async def session(websocket: WebSocketConnection, db: str = "main") -> AsyncIterator[str]:
        try:
            yield f"{db} of {websocket.path}"
        finally:
            log.append("closed")

    async def logged_in(token: str | None = None) -> str:
        if token is None:
            raise HTTPException(401, "who are you?")
        return token

    @app.websocket("/ws")
    async def handler(
        websocket: WebSocketConnection,
        db: Annotated[str, Depends(session)],
        user: Annotated[str, Security(logged_in)],
    ) -> None:
        await websocket.accept()
        await websocket.send_json([db, user])

    assert await handshake(app, "/ws?token=a&db=x") == (101, ["x of /ws", "a"])
    assert log == ["closed"]
    assert await handshake(app, "/ws") == (401, "who are you?\n")
    assert log == ["closed", "closed"]


async def test_sync_functions_share_the_context_and_do_not_block_the_loop(serve: Serve) -> None:
    app = ProAPI()
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    blocked, released = threading.Event(), threading.Event()

    async def sets() -> None:
        variable.set("set")

    def blocks(_: Annotated[None, Depends(sets)]) -> str:
        blocked.set()
        released.wait(5)
        return variable.get()

    @app.get("/blocks")
    async def handler(value: Annotated[str, Depends(blocks)]) -> str:
        return value

    @app.get("/other")
    async def other() -> str:
        released.set()
        return "other"

    port = await serve(app)
    first = asyncio.ensure_future(http(port, "GET", "/blocks"))
    await asyncio.to_thread(blocked.wait, 5)
    assert (await http(port, "GET", "/other"))[2] == b"other"
    assert (await first)[2] == b"set"


async def needs_request(request: Request) -> None: ...
async def needs_websocket(websocket: WebSocketConnection) -> None: ...
async def wrong(item: object) -> None: ...
async def around(_: Any) -> None: ...


def test_what_is_not_possible_is_refused_at_registration() -> None:
    async def of_http(_: Annotated[None, Depends(needs_websocket)]) -> None: ...
    async def of_websocket(websocket: WebSocketConnection, _: Annotated[None, Depends(needs_request)]) -> None: ...
    async def of_wrong(_: Annotated[None, Depends(wrong)]) -> None: ...
    async def nothing(_: Annotated[int, Depends()] = 0) -> None: ...

    with pytest.raises(RouteError, match=r"the dependency needs_websocket at .*: expected Request as annotation of"):
        ProAPI().get("/")(of_http)
    with pytest.raises(RouteError, match=r"the dependency needs_request at .*: expected WebSocketConnection as annot"):
        ProAPI().websocket("/")(of_websocket)
    with pytest.raises(RouteError, match=r"the dependency wrong at .*: expected .* 'item'"):
        ProAPI().get("/")(of_wrong)
    with pytest.raises(TypeError, match="Depends: expected a function or a class, got 7"):
        Depends(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match='expected "function" or "request" as scope'):
        Depends(wrong, scope="connection")  # type: ignore[arg-type]


def test_a_circle_is_refused() -> None:
    around.__annotations__["_"] = Annotated[None, Depends(around)]

    async def handler(_: Annotated[None, Depends(around)]) -> None: ...

    with pytest.raises(RouteError, match="expected dependencies without a circle, got around -> around"):
        ProAPI().get("/")(handler)


@promise("dependencies")
@pytest.mark.parametrize("has_middleware", [False, True])
async def test_a_response_as_a_parameter_adds_to_the_result(has_middleware: bool, serve: Serve) -> None:
    app = ProAPI()

    async def session(response: Response) -> None:
        response.set_cookie("session", "abc")

    @app.get("/")
    async def handler(response: Response, _: Annotated[None, Depends(session)], status: int = 200) -> dict[str, int]:
        response.headers["X-Own"] = "1"
        response.status_code = status
        return {"a": 1}

    @app.get("/untouched", status_code=201)
    async def untouched(response: Response) -> str:
        return "as it is"

    if has_middleware:

        @app.middleware
        async def passes(connection: Any, call_next: Any) -> Any:
            return await call_next(connection)

    port = await serve(app)
    status, head, body = await http(port, "GET", "/?status=202")
    assert (status, body) == (202, b'{"a":1}')
    assert "x-own: 1\r\n" in head
    assert "set-cookie: session=abc" in head
    assert "content-type: application/json\r\n" in head
    assert (await http(port, "GET", "/untouched"))[0] == 201


def hide(function: Any) -> Any:
    """A decorator that is not async around a function that is."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


@hide
async def refuse_everybody() -> None:
    raise HTTPException(401, "who are you?")


@pytest.mark.parametrize("check", [refuse_everybody, lambda: refuse_everybody()], ids=["decorated", "lambda"])
@carriers
async def test_an_async_dependency_below_a_sync_decorator_is_awaited(carrier: str, check: Any) -> None:
    app = ProAPI()

    @app.get("/", dependencies=[Depends(check)])
    async def handler() -> str:
        return "secret"

    assert await ask(carrier, app, "/") == (401, "who are you?\n")


@promise("dependencies")
async def test_what_waits_for_a_resource_does_not_keep_its_owner_from_returning_it(serve: Serve) -> None:
    app, slots, waiting, all_wait = ProAPI(), threading.Semaphore(1), threading.Semaphore(0), asyncio.Event()

    def resource() -> Iterator[bool]:
        waiting.release()
        is_free = slots.acquire(timeout=5)
        yield is_free
        slots.release()

    @app.get("/")
    async def handler(is_free: Annotated[bool, Depends(resource)]) -> Any:
        await all_wait.wait()
        return [is_free]

    port = await serve(app)
    requests = [asyncio.create_task(http(port, "GET", "/")) for _ in range(MAX_THREADS + 1)]
    for _ in requests:
        await asyncio.to_thread(waiting.acquire, timeout=5)
    all_wait.set()
    assert {body for _, _, body in await asyncio.gather(*requests)} == {b"[true]"}


@promise("dependencies")
async def test_an_override_that_was_removed_is_not_kept() -> None:
    app = ProAPI()

    def user() -> str:
        return "ada"

    @app.get("/")
    async def handler(user: Annotated[str, Depends(user)]) -> str:
        return user

    def make_fake(name: str) -> Any:
        return lambda: name

    kept = []
    for name in ("bob", "cy", "dee"):
        app.dependency_overrides[user] = make_fake(name)
        kept.append(weakref.ref(app.dependency_overrides[user]))
        assert await ask("asgi", app, "/") == (200, name)
    gc.collect()
    assert [each() is not None for each in kept] == [False, False, True]
