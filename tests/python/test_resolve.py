"""app.resolve: a dependency for a block, such as one message of a WebSocket."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Annotated, Any
from uuid import UUID

import pytest
from carriers import CARRIERS, ask, handshake
from conftest import serving
from promises import promise
from websockets.asyncio.client import connect

from proapi import (
    Cookie,
    Depends,
    HTTPException,
    ProAPI,
    Query,
    Request,
    RequestValidationError,
    Response,
    WebSocketConnection,
)

carriers = pytest.mark.parametrize("carrier", CARRIERS)


@promise("resolve")
async def test_once_for_each_message() -> None:
    app, log = ProAPI(), []

    async def session() -> AsyncIterator[int]:
        log.append("open")
        yield len(log)
        log.append("close")

    def query(number: Annotated[int, Depends(session)]) -> Iterator[str]:
        yield f"query in {number}, in the loop's thread: {threading.current_thread() is threading.main_thread()}"
        log.append("close query")

    @app.websocket("/ws")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            async with app.resolve(query) as value:
                log.append("message")
            await websocket.send_text(value)

    async with serving(app) as port, connect(f"ws://127.0.0.1:{port}/ws") as client:
        for number in (1, 5):
            await client.send("a")
            assert await client.recv() == f"query in {number}, in the loop's thread: False"
            assert log[number - 1 :] == ["open", "message", "close query", "close"]


@promise("resolve")
@pytest.mark.parametrize("swallows", [False, True])
async def test_generators_get_the_exception_in_reverse_order(swallows: bool) -> None:
    app, log = ProAPI(), []

    async def outer() -> AsyncIterator[None]:
        try:
            yield
        except LookupError as error:
            log.append(f"outer {error!r}")
            raise

    def inner(_: Annotated[None, Depends(outer)]) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            log.append(f"inner {error!r}")
            if not swallows:
                raise IndexError("changed") from error

    with pytest.raises(LookupError) as raised:
        async with app.resolve(inner):
            raise KeyError("failed")
    if swallows:  # which does not hide it
        assert log == ["inner KeyError('failed')"]
        assert isinstance(raised.value, KeyError)
    else:
        assert log == ["inner KeyError('failed')", "outer IndexError('changed')"]
        assert isinstance(raised.value, IndexError)


@promise("resolve")
async def test_a_dependency_that_fails_closes_those_before_it() -> None:
    app, log = ProAPI(), []

    async def first() -> AsyncIterator[None]:
        try:
            yield
        finally:
            log.append("closed")

    async def second(_: Annotated[None, Depends(first)]) -> None:
        raise HTTPException(401)

    with pytest.raises(HTTPException):
        async with app.resolve(second):
            log.append("block")
    assert log == ["closed"]


@promise("resolve")
async def test_cancelling_the_block_closes() -> None:
    app, entered, log = ProAPI(), asyncio.Event(), []

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def work() -> None:
        async with app.resolve(session):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["cancelled"]


async def who(token: Annotated[str, Cookie()], room: str, websocket: WebSocketConnection, limit: int = 3) -> list[Any]:
    return [token, room, limit, websocket.path]


@promise("resolve")
async def test_values_of_a_connection() -> None:
    app = ProAPI()

    @app.websocket("/{room}/{number:int}/{id:uuid}")
    async def handler(websocket: WebSocketConnection, room: str, number: int, id: UUID) -> None:
        await websocket.accept()

        async def check(number: int, id: UUID, found: Annotated[list[Any], Depends(who)]) -> list[Any]:
            return [number, id, *found]

        try:
            async with app.resolve(check, websocket) as value:
                await websocket.send_json(value)
        except RequestValidationError as error:
            await websocket.send_json(error.errors())

    id = "00000000-0000-0000-0000-000000000001"
    path = f"/a/7/{id}"
    assert await handshake(app, f"{path}?limit=5", cookie="token=t") == (101, [7, id, "t", "a", 5, path])
    status, errors = await handshake(app, f"{path}?limit=x")
    assert (status, [each["loc"] for each in errors]) == (101, [["cookie", "token"], ["query", "limit"]])


@promise("resolve")
@carriers
async def test_values_of_a_request(carrier: str) -> None:
    app = ProAPI()

    async def read(body: dict[str, int], response: Response, q: Annotated[str, Query()] = "none") -> list[Any]:
        return [body, q]

    @app.post("/")
    async def handler(request: Request) -> list[Any]:
        async with app.resolve(read, request) as value:
            return value

    assert await ask(carrier, app, "/?q=x", method="POST", body=b'{"a": 1}') == (200, [{"a": 1}, "x"])
    assert (await ask(carrier, app, "/", method="POST", body=b'{"a": "b"}'))[0] == 422


@promise("resolve")
async def test_overrides() -> None:
    app = ProAPI()

    def url() -> str:
        return "real"

    def session(url: Annotated[str, Depends(url)]) -> str:
        return f"session at {url}"

    async def find() -> str:
        async with app.resolve(session) as value:
            return value

    assert await find() == "session at real"
    app.dependency_overrides[url] = lambda: "fake"
    assert await find() == "session at fake"
    app.dependency_overrides[session] = lambda: "no session"
    assert await find() == "no session"
    app.dependency_overrides.clear()
    assert await find() == "session at real"


async def of_query(limit: int = 1) -> int:
    return limit


async def of_request(request: Request) -> None: ...
async def of_websocket(websocket: WebSocketConnection) -> None: ...
async def of_nothing_known(connection: Any) -> None: ...
async def of_response(response: Response) -> None: ...
async def of_all(_: Annotated[int, Depends(of_query)]) -> None: ...


@promise("resolve")
@pytest.mark.parametrize(
    ("dependency", "name"),
    [
        (of_query, "limit"),
        (of_request, "request"),
        (of_websocket, "websocket"),
        (of_nothing_known, "connection"),
        (of_response, "response"),
        (of_all, "limit"),
    ],
)
def test_what_needs_a_connection(dependency: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"the dependency of_\w+ at .*test_resolve.py:\d+: .*got '{name}': only a req"):
        ProAPI().resolve(dependency)


def test_wrong_arguments() -> None:
    app: Any = ProAPI()
    wrong = "text"
    with pytest.raises(TypeError, match="expected a function or a class, got 'text'"):
        app.resolve(wrong)
    with pytest.raises(TypeError, match="expected a Request or a WebSocketConnection, got 'text'"):
        app.resolve(of_query, wrong)


@promise("resolve")
async def test_the_context_is_shared() -> None:
    app = ProAPI()
    variable: ContextVar[str] = ContextVar("variable", default="unset")

    async def sets() -> None:
        variable.set("set")

    def reads(_: Annotated[None, Depends(sets)]) -> str:
        return variable.get()

    async with app.resolve(reads) as value:
        assert value == "set"


async def test_nothing_is_inspected_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ProAPI()

    def one() -> int:
        return 1

    async with app.resolve(one):
        pass
    monkeypatch.setattr(inspect, "signature", None)
    async with app.resolve(one) as value:
        assert value == 1
    with pytest.raises(TypeError):
        app.resolve(lambda: 2)


async def test_functions_without_number_are_not_kept() -> None:
    app = ProAPI()
    find_plan: Any = app._resolver._find_plan
    for number in range(300):
        async with app.resolve(_make(number)) as value:
            assert value == number
    assert find_plan.cache_info().currsize == 128


def _make(number: int) -> Any:
    return lambda: number


@promise("resolve")
async def test_in_tasks_and_at_the_ends_of_a_server() -> None:
    app, seen, done = ProAPI(), [], asyncio.Event()

    def where() -> Iterator[str]:
        yield threading.current_thread().name
        seen.append("closed")

    async def use(what: str) -> None:
        async with app.resolve(where) as name:
            assert name.startswith("proapi")
            seen.append(what)

    @app.on_startup
    async def start() -> None:
        await use("start-up")

    @app.task
    async def work() -> None:
        await use("task")
        done.set()

    @app.on_shutdown
    async def stop() -> None:
        await use("shutdown")

    async with serving(app):
        await asyncio.wait_for(done.wait(), 5)
    await use("nobody serves")
    expected = ["start-up", "task", "shutdown", "nobody serves"]
    assert seen == [each for what in expected for each in (what, "closed")]
