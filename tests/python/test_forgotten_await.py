"""A receive that nobody awaits causes a warning, as a coroutine does in Python. A receive that ends in another way does
not."""

import asyncio
import warnings
from typing import Any

import pytest
from conftest import Serve
from test_connection import app_of
from websockets.asyncio.client import connect

from proapi import WebSocketConnection


@pytest.mark.parametrize("name", ["receive", "receive_text", "receive_bytes", "receive_json"])
async def test_a_receive_that_is_never_awaited(name: str, serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        with pytest.warns(RuntimeWarning, match=rf"^{name}\(\) was never awaited$"):
            getattr(websocket, name)()
        await websocket.send_text("told")

    async with connect(f"ws://127.0.0.1:{await serve(app_of(handler))}/") as client:
        assert await client.recv() == "told"


async def test_a_receive_that_ends_without_a_message(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for timeout_s in (0, 0.001):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(websocket.receive(), timeout_s)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await websocket.receive()
            never_begun: Any = asyncio.create_task(websocket.receive())
            never_begun.cancel()
            with pytest.raises(asyncio.CancelledError):
                await never_begun
            websocket.receive().close()
        await websocket.send_text("not told")

    async with connect(f"ws://127.0.0.1:{await serve(app_of(handler))}/") as client:
        assert await client.recv() == "not told"


@pytest.mark.filterwarnings("ignore:receive")
async def test_where_it_is_used_the_error_asks_for_the_await(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        receive: Any = websocket.receive_text
        for send, value in ((websocket.send_text, receive()), (websocket.send_json, {"x": receive()})):
            with pytest.raises(TypeError, match=r"got .*; is an await missing"):
                send(value)
        await websocket.send_text("told")

    async with connect(f"ws://127.0.0.1:{await serve(app_of(handler))}/") as client:
        assert await client.recv() == "told"
