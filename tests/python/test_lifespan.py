"""The functions that run before and after an application serves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from asgi_peer import Peer
from carriers import CARRIERS, ask, handshake
from conftest import Serve, serving
from promises import promise
from websockets.asyncio.client import connect

from proapi import ProAPI, Request, WebSocketConnection


@promise("lifespan-order")
async def test_order() -> None:
    seen = []

    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[None]:
        seen.append(f"enter {type(app).__name__}")
        yield
        seen.append("exit")

    app = ProAPI(lifespan=lifespan)

    @app.on_startup
    def first() -> None:
        seen.append("first")

    @app.on_startup
    async def second() -> None:
        seen.append("second")

    @app.on_shutdown
    async def last() -> None:
        seen.append("last")

    @app.on_shutdown
    def before_last() -> None:
        seen.append("before last")

    async with serving(app):
        seen.append("served")
    assert seen == ["enter ProAPI", "first", "second", "served", "before last", "last", "exit"]


@promise("lifespan-order")
async def test_failed_startup_leaves_what_was_entered(serve: Serve) -> None:
    seen = []

    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            seen.append("exit")

    app = ProAPI(lifespan=lifespan)
    app.on_shutdown(lambda: seen.append("shutdown"))

    @app.on_startup
    def fails() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        await serve(app)
    assert seen == ["exit"]


@promise("handlers-end-before-shutdown-functions")
async def test_handlers_end_before_shutdown_functions_though_the_stop_is_cut_short() -> None:
    seen: list[str] = []
    started = asyncio.Event()
    app = ProAPI(shutdown_timeout=30)
    app.on_shutdown(lambda: seen.append("shutdown"))

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("handler")

    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(app.serve(port=0, on_listening=lambda addresses: port.set_result(addresses[0][1])))
    async with connect(f"ws://127.0.0.1:{await port}/"):
        await started.wait()
        server.cancel()
        await asyncio.sleep(0)  # the server has begun to stop
        server.cancel()
        await asyncio.wait_for(asyncio.wait({server}), 5)
    assert server.cancelled()
    assert seen == ["handler", "shutdown"]


@promise("lifespan-state")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_what_the_lifespan_yields_is_where_state_begins(carrier: str) -> None:
    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[dict[str, str]]:
        yield {"database": "pool"}

    app = ProAPI(lifespan=lifespan)

    @app.get("/")
    async def handler(request: Request) -> list[str]:
        request.state.database += "!"  # one's own: the next request begins anew
        return [request.state.database]

    @app.websocket("/ws")
    async def socket(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_json(websocket.state.database)

    if carrier == "asgi":
        peer = Peer(app, {"type": "lifespan"})
        peer.put("lifespan.startup")
        await peer.get()
    for _ in range(2):
        assert await ask(carrier, app, "/") == (200, ["pool!"])
    if carrier == "asgi":
        peer.put("lifespan.shutdown")
        await peer.end()
    else:
        assert await handshake(app, "/ws") == (101, "pool")


@promise("lifespan-state")
async def test_a_lifespan_that_yields_something_else_does_not_start() -> None:
    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[int]:
        yield 7

    with pytest.raises(
        TypeError, match="lifespan: expected it to yield nothing or a dict of attributes by name, got 7"
    ):
        async with serving(ProAPI(lifespan=lifespan)):
            pass
