"""Tasks that belong to no connection: where they may be started, how they end, and what is logged about them."""

import asyncio
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context, ContextVar
from typing import Any

import pytest
from asgi_peer import Peer, http, open_websocket
from conftest import Serve, serving
from conftest import http as http_over_sockets
from promises import promise
from test_fast import run_serving
from websockets.asyncio.client import connect

from proapi import ProAPI, WebSocketConnection

WAIT_S = 5
variable: ContextVar[str] = ContextVar("variable", default="unset")


async def for_ever(seen: list[str], name: str = "task") -> None:
    try:
        await asyncio.Event().wait()
    finally:
        seen.append(f"{name} ended")


@promise("spawn-ends-with-the-stop")
async def test_it_ends_between_handlers_and_shutdown_functions() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[None]:
        app.spawn(for_ever(seen, "of the lifespan"))
        yield
        seen.append("exit")

    app = ProAPI(lifespan=lifespan, shutdown_timeout=0.5)

    @app.on_startup
    async def start() -> None:
        app.spawn(for_ever(seen))

    @app.on_shutdown
    async def stop() -> None:
        seen.append("shutdown")
        with pytest.raises(RuntimeError, match="no longer does"):
            app.spawn(for_ever(seen))

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await for_ever(seen, "handler")

    async with serving(app) as port:
        await connect(f"ws://127.0.0.1:{port}/")
    assert seen[0] == "handler ended"
    assert sorted(seen[1:3]) == ["of the lifespan ended", "task ended"]
    assert seen[3:] == ["shutdown", "exit"]


def room() -> tuple[ProAPI, list[Any]]:
    """Returns an application in which the first member's handler spawns a task that sends to all members."""
    app = ProAPI()
    members: list[WebSocketConnection] = []
    tasks: list[Any] = []

    async def tell() -> None:
        while True:
            for member in members:
                await member.send_text(variable.get())
            await asyncio.sleep(0.005)

    @app.on_startup
    async def start() -> None:
        variable.set("from start-up")

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        variable.set("from a handler")
        members.append(websocket)
        await websocket.accept()
        if not tasks:
            tasks.append(app.spawn(tell(), name="teller"))
            assert tasks[0].get_name() == "teller"
        async for _ in websocket:
            pass

    return app, tasks


async def outlives_the_first(port: int) -> None:
    first = await connect(f"ws://127.0.0.1:{port}/")
    async with connect(f"ws://127.0.0.1:{port}/") as other:
        await other.recv()
        await first.close()
        for _ in range(10):
            assert await asyncio.wait_for(other.recv(), WAIT_S) == "from start-up"


@promise("spawn")
async def test_it_outlives_the_connection_whose_handler_spawned_it() -> None:
    app, tasks = room()
    async with serving(app) as port:
        await outlives_the_first(port)
        assert not tasks[0].done()
    assert tasks[0].cancelled()


@promise("spawn")
def test_it_outlives_that_connection_in_fast_mode() -> None:
    app, tasks = room()
    run_serving(app, outlives_the_first)
    assert tasks[0].cancelled()


@promise("spawn")
async def test_it_is_kept_alive(serve: Serve) -> None:
    app = ProAPI()
    seen: list[str] = []
    app.on_startup(lambda: app.spawn(for_ever(seen)))
    await serve(app)
    await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)
    assert seen == []


@promise("spawn-failure-is-logged")
async def test_its_failure_is_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI()

    async def count_players() -> None:
        raise KeyError("a")

    @app.get("/")
    async def page() -> str:
        tasks = [app.spawn(count_players()), app.spawn(count_players(), name="counter")]
        await asyncio.wait(tasks)
        return "goes on"

    port = await serve(app)
    assert (await http_over_sockets(port, "GET", "/"))[2] == b"goes on"
    names = ["test_its_failure_is_logged.<locals>.count_players", "counter"]
    assert [record.getMessage() for record in caplog.records] == [f"the task {n} of app.spawn failed" for n in names]
    assert all(record.exc_info and record.levelno == logging.ERROR for record in caplog.records)


@promise("spawn-ends-with-the-stop")
async def test_one_that_ignores_its_cancellation_is_left_in_time(caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI(shutdown_timeout=0.3)
    may_end = asyncio.Event()

    async def deaf() -> None:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()

    tasks: list[asyncio.Task[None]] = []
    app.on_startup(lambda: tasks.append(app.spawn(deaf(), name="deaf")))
    async with serving(app):
        await asyncio.sleep(0)
        began = time.monotonic()
    took = time.monotonic() - began
    may_end.set()
    await asyncio.wait(tasks, timeout=WAIT_S)
    assert 0.25 < took < 2
    assert [record.getMessage() for record in caplog.records] == [
        "1 tasks of the application ignored their cancellation and were left running: deaf"
    ]


@promise("spawn-ends-with-the-stop")
async def test_where_start_up_fails_it_ends_before_what_it_uses(serve: Serve) -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            seen.append("exit")

    app = ProAPI(lifespan=lifespan)

    @app.on_startup
    async def fails() -> None:
        app.spawn(for_ever(seen))
        await asyncio.sleep(0)
        raise KeyError("a")

    with pytest.raises(KeyError):
        await serve(app)
    assert seen == ["task ended", "exit"]


@promise("spawn-not-served")
async def test_where_it_can_not_be_spawned(serve: Serve) -> None:
    app = ProAPI()
    seen: list[str] = []
    outcomes: list[str] = []

    def refusal() -> str:
        with pytest.raises(RuntimeError) as refused:
            app.spawn(for_ever(seen))
        return str(refused.value)

    @app.get("/")
    def in_a_thread() -> None:
        outcomes.append(refusal())

    assert "expected an event loop that serves the application" in refusal()
    async with serving(app) as port:
        await http_over_sockets(port, "GET", "/")
        assert "expected the thread of the event loop" in outcomes[0]
        assert "in another thread" in outcomes[0]
        await asyncio.to_thread(lambda: outcomes.append(refusal()))
        assert "expected the thread of the event loop" in outcomes[1]
        other_loop = threading.Thread(target=lambda: outcomes.append(asyncio.run(as_coroutine(refusal))))
        other_loop.start()
        await asyncio.to_thread(other_loop.join)
        assert "expected an event loop that serves" in outcomes[2]
        with pytest.raises(TypeError, match=r"got <function for_ever at .*>: call it"):
            app.spawn(for_ever)  # type: ignore[arg-type]
        # In the loop that serves, but outside of handlers.
        spawn = as_coroutine(lambda: app.spawn(for_ever(seen)))
        spawned = await asyncio.create_task(spawn, context=Context())
    assert spawned.cancelled()
    assert "no longer does" in refusal()


async def as_coroutine(function: Any) -> Any:
    return function()


@promise("spawn")
async def test_each_of_two_servers_has_its_own() -> None:
    app = ProAPI()
    tasks: list[asyncio.Task[None]] = []

    @app.get("/")
    async def page() -> None:
        tasks.append(app.spawn(for_ever([])))

    async with serving(app) as first:
        async with serving(app) as second:
            await http_over_sockets(first, "GET", "/")
            await http_over_sockets(second, "GET", "/")
        assert [task.done() for task in tasks] == [False, True]
    assert [task.done() for task in tasks] == [True, True]


@promise("spawn")
async def test_under_an_asgi_server() -> None:
    app, tasks = room()
    seen: list[str] = []
    app.on_startup(lambda: app.spawn(for_ever(seen)))
    app.on_shutdown(lambda: seen.append("shutdown"))
    lifespan = Peer(app, {"type": "lifespan"})
    lifespan.put("lifespan.startup")
    assert (await lifespan.get())["type"] == "lifespan.startup.complete"
    websocket = await open_websocket(app, "/")
    assert (await websocket.get())["type"] == "websocket.accept"
    assert (await websocket.get())["text"] == "from start-up"
    websocket.put("websocket.disconnect", code=1000)
    await websocket.end()
    assert not tasks[0].done()
    lifespan.put("lifespan.shutdown")
    assert (await lifespan.get())["type"] == "lifespan.shutdown.complete"
    await lifespan.end()
    assert tasks[0].cancelled()
    assert seen == ["task ended", "shutdown"]


@promise("spawn")
async def test_under_an_asgi_server_without_lifespan() -> None:
    app = ProAPI()
    tasks: list[asyncio.Task[str]] = []

    @app.get("/")
    async def page() -> str:
        tasks.append(app.spawn(as_coroutine(variable.get)))
        return "page"

    assert (await http(app, "/"))[0] == 200
    assert await tasks[0] == "unset"
