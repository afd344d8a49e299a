"""Running a loop inside a handler that the same loop runs is refused, and does not affect the messages of others."""

import asyncio
from typing import Any

import pytest
from conftest import Serve
from promises import promise
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from proapi import ProAPI, WebSocketConnection

REFUSAL = "a handler has run the event loop inside itself"


def run_inside(turns: int) -> None:
    """Runs the callbacks of the running loop from inside one of them, as helpers of interactive shells do."""
    loop: Any = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    asyncio.tasks._leave_task(loop, task)
    try:
        for _ in range(turns):
            loop._process_events(loop._selector.select(0.01))
            for _ in range(len(loop._ready)):
                handle = loop._ready.popleft()
                if not handle.cancelled():
                    try:
                        handle._context.copy().run(handle._callback, *handle._args)
                    except Exception as error:
                        loop.call_exception_handler({"message": "inside", "exception": error})
    finally:
        asyncio.tasks._enter_task(loop, task)


def make_app() -> ProAPI:
    app = ProAPI()

    @app.websocket("/echo")
    async def echo(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        async for message in websocket:
            if message == "nest":
                run_inside(20)
            await websocket.send_text(str(message))

    return app


@promise("nested-loop")
async def test_standard(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """The loop logs the refusal, at most once per attempt, and the handler goes on with its own messages."""
    port = await serve(make_app())
    async with connect(f"ws://127.0.0.1:{port}/echo") as nesting, connect(f"ws://127.0.0.1:{port}/echo") as other:
        for turn in range(3):
            await nesting.send("nest")
            for number in range(20):
                await nesting.send(f"mine {turn} {number}")
                await other.send(f"other {turn} {number}")
            assert await nesting.recv() == "nest"
            for number in range(20):
                assert await nesting.recv() == f"mine {turn} {number}"
                assert await other.recv() == f"other {turn} {number}"
    refusals = [record for record in caplog.records if record.exc_info and REFUSAL in str(record.exc_info[1])]
    assert 1 <= len(refusals) <= 3


@promise("nested-loop")
def test_fast() -> None:
    """In fast mode the loop's own select is refused, and the exception is raised in the handler."""
    from test_fast import run_serving

    async def test(port: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}/echo") as nesting, connect(f"ws://127.0.0.1:{port}/echo") as other:
            await nesting.send("nest")
            with pytest.raises(ConnectionClosedError) as raised:
                await nesting.recv()
            assert raised.value.rcvd is not None
            assert raised.value.rcvd.code == 1011
            await other.send("unharmed")
            assert await other.recv() == "unharmed"

    run_serving(make_app(), test)
