"""``app.task``, background tasks of responses, and ``websocket.spawn``: when they begin and when they end."""

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import pytest
from asgi_peer import Peer
from carriers import CARRIERS, ask
from conftest import Serve, http, serving
from promises import promise
from websockets.asyncio.client import connect

from proapi import (
    BackgroundTask,
    BackgroundTasks,
    Depends,
    JSONResponse,
    ProAPI,
    Response,
    StreamingResponse,
    WebSocketConnection,
    WebSocketDisconnect,
)
from proapi._core import server_tasks


async def wait_for(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 5)


# ---- app.task -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def under_asgi(app: ProAPI) -> AsyncIterator[None]:
    peer = Peer(app, {"type": "lifespan"})
    peer.put("lifespan.startup")
    assert (await peer.get())["type"] == "lifespan.startup.complete"
    yield
    peer.put("lifespan.shutdown")
    await peer.end()


@promise("app-task")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_it_runs_between_start_up_and_shutdown(carrier: str) -> None:
    app, log, began = ProAPI(), [], asyncio.Event()

    @app.on_startup
    def start() -> None:
        log.append("start")

    @app.on_shutdown
    def stop() -> None:
        log.append("stop")

    @app.task
    async def ticker() -> None:
        log.append("begin")
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            log.append("end")

    for _ in range(2):  # each time the application serves
        async with under_asgi(app) if carrier == "asgi" else serving(app):
            await wait_for(began)
        assert log == ["start", "begin", "end", "stop"]
        log.clear()
        began.clear()


@promise("app-task")
async def test_its_failure_is_logged_with_its_name_and_nobody_else_is_disturbed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, failed = ProAPI(), asyncio.Event()

    @app.task(name="the feed")
    async def feed() -> None:
        failed.set()
        raise LookupError("no such feed")

    @app.get("/")
    async def handler() -> str:
        return "fine"

    async with serving(app) as port:
        await wait_for(failed)
        assert (await http(port, "GET", "/"))[2] == b"fine"
    (record,) = caplog.records
    assert record.getMessage() == "the task the feed of app.task failed"
    assert record.exc_info is not None


@promise("app-task")
async def test_it_is_started_again_if_asked(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(server_tasks, "_FIRST_PAUSE_S", 0.001)
    app, calls, third = ProAPI(), [], asyncio.Event()

    @app.task(restart=True)
    async def feed() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise LookupError("no such feed")
        third.set()

    async with serving(app):
        await wait_for(third)
    texts = [
        record.getMessage().replace("test_it_is_started_again_if_asked.<locals>.", "") for record in caplog.records
    ]
    assert texts == [
        f"the task feed of app.task failed; it is started again in {pause} s" for pause in ("0.001", "0.002")
    ]
    assert len(calls) == 3  # it has returned: it is not called again


def test_what_is_no_task() -> None:
    app = ProAPI()
    for wrong in (lambda: None, 7, "x"):
        with pytest.raises(TypeError, match=r"app.task: expected an 'async def' function, got"):
            app.task(wrong)  # type: ignore[call-overload]


# ---- after the response -------------------------------------------------------------------------------------------


@promise("background-tasks")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_they_run_after_the_response_was_sent(carrier: str, serve: Serve) -> None:
    app, log, sent, done = ProAPI(), [], asyncio.Event(), asyncio.Event()

    async def waits(name: str, *, last: bool = False) -> None:
        await wait_for(sent)
        log.append(name)
        if last:
            done.set()

    def in_thread() -> None:
        log.append(threading.current_thread() is not threading.main_thread())

    async def audit(tasks: BackgroundTasks) -> None:
        tasks.add_task(waits, "dependency")

    @app.get("/response")
    async def response() -> Response:
        return JSONResponse(1, background=BackgroundTask(waits, "response", last=True))

    @app.get("/stream")
    async def stream() -> Response:
        return StreamingResponse(iter(["a"]), background=BackgroundTask(waits, "stream", last=True))

    @app.get("/parameter")
    async def parameter(tasks: BackgroundTasks, _: Annotated[None, Depends(audit)]) -> str:
        tasks.add_task(in_thread)
        tasks.add_task(waits, "parameter", last=True)
        return "parameter"

    for path, expected in (
        ("/response", ["response"]),
        ("/stream", ["stream"]),
        ("/parameter", ["dependency", True, "parameter"]),
    ):
        if carrier == "asgi":
            scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"a")]}
            peer = Peer(app, scope)
            peer.put("http.request")
            while (await peer.get()).get("more_body") is not False:
                assert not log
            sent.set()
            await peer.end()
        else:
            port = await serve(app)
            assert (await http(port, "GET", path))[0] == 200  # the response is complete although the task waits
            assert not log
            sent.set()
        await wait_for(done)
        assert log == expected
        for each in (log, sent, done):
            each.clear()


@promise("background-tasks")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_function_that_is_not_async_may_return_a_coroutine_or_raise_anything(
    carrier: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, log = ProAPI(), []

    async def notify() -> None:
        log.append("notified")

    def stop() -> None:
        raise StopIteration

    @app.get("/")
    async def handler(tasks: BackgroundTasks) -> None:
        tasks.add_task(stop)
        tasks.add_task(lambda: notify())

    assert (await asyncio.wait_for(ask(carrier, app, "/"), 5))[0] == 204
    assert log == ["notified"]
    (record,) = caplog.records
    assert record.getMessage().endswith("stop failed")


@promise("background-tasks")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_failure_is_logged_and_the_others_still_run(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app, log = ProAPI(), []

    async def fails() -> None:
        raise LookupError

    @app.get("/")
    async def handler(tasks: BackgroundTasks) -> str:
        tasks.add_task(fails)
        tasks.add_task(log.append, "second")
        return "sent"

    @app.get("/fails")
    async def failing(tasks: BackgroundTasks) -> None:
        tasks.add_task(log.append, "never")
        raise LookupError

    assert await ask(carrier, app, "/") == (200, "sent")
    assert log == ["second"]
    (record,) = caplog.records
    assert record.getMessage().startswith("the background task test_a_failure_is_logged")
    caplog.clear()
    assert (await ask(carrier, app, "/fails"))[0] == 500
    assert log == ["second"]


@promise("background-tasks")
async def test_a_stop_waits_for_them() -> None:
    app, log, began = ProAPI(), [], asyncio.Event()

    async def notify() -> None:
        began.set()
        await asyncio.sleep(0.3)  # longer than it takes to cancel the handlers of clients that have left
        log.append("notified")

    @app.get("/")
    async def handler() -> Response:
        return Response("sent", background=BackgroundTask(notify))

    async with serving(app) as port:
        assert (await http(port, "GET", "/"))[0] == 200
        await wait_for(began)
    assert log == ["notified"]


def test_what_is_no_background_task() -> None:
    async def coroutine() -> None: ...

    made = coroutine()
    with pytest.raises(TypeError, match=r"expected a function, got .*; pass the function and its arguments"):
        BackgroundTask(made)  # type: ignore[arg-type]
    made.close()


# ---- websocket.spawn ----------------------------------------------------------------------------------------------


@promise("websocket-spawn")
@pytest.mark.parametrize("ends", ["client", "handler", "close"])
async def test_it_ends_with_the_connection(ends: str, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app, log, ended = ProAPI(), [], asyncio.Event()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()

        async def push() -> None:
            try:
                for number in range(1_000_000):
                    await websocket.send_text(str(number))
                    await asyncio.sleep(0.001)
            finally:
                log.append(asyncio.current_task().get_name())  # type: ignore[union-attr]
                ended.set()

        websocket.spawn(push(), name="the pusher")
        if ends == "handler":
            return
        if ends == "close":
            await websocket.close(1000)
            await wait_for(ended)
        with suppress(WebSocketDisconnect):
            await websocket.receive_text()
        await wait_for(ended)

    async with connect(f"ws://127.0.0.1:{await serve(app)}/") as client:
        if ends == "client":
            assert await client.recv() == "0"
        else:
            await client.wait_closed()
            assert client.close_code == 1000
    await wait_for(ended)
    assert log == ["the pusher"]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@promise("websocket-spawn")
async def test_it_ends_with_the_handler_though_the_client_does_not_answer_the_close(serve: Serve) -> None:
    app, ended = ProAPI(close_timeout=600), asyncio.Event()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()

        async def idle() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        websocket.spawn(idle())
        await asyncio.sleep(0)  # a task that never began has nothing to end

    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(app))
    writer.write(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    await wait_for(ended)
    writer.close()
    await writer.wait_closed()


@promise("websocket-spawn")
async def test_a_thread_can_not_spawn(serve: Serve) -> None:
    app, spawned = ProAPI(), []

    async def work() -> None: ...

    def dependency(websocket: WebSocketConnection) -> str:
        spawned.append(work())
        try:
            websocket.spawn(spawned[0])
        except RuntimeError as error:
            return str(error)
        return "spawned"

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection, answer: Annotated[str, Depends(dependency)]) -> None:
        await websocket.accept()
        await websocket.send_text(answer)

    async with connect(f"ws://127.0.0.1:{await serve(app)}/") as client:
        assert "expected a task of the event loop that serves the connection" in str(await client.recv())
    assert inspect.getcoroutinestate(spawned[0]) == inspect.CORO_CLOSED


@promise("websocket-spawn")
async def test_its_failure_is_logged_and_its_sends_are_the_connections_own(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    app, raised = ProAPI(), asyncio.Event()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()

        async def fails() -> None:
            raise LookupError

        task: Any = websocket.spawn(fails())
        with suppress(LookupError):
            await task
        await websocket.send_text("still here")
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive_text()
        with pytest.raises(WebSocketDisconnect):
            websocket.spawn(fails())
        with pytest.raises(TypeError, match=r"websocket.spawn: expected a coroutine, got .*: call it"):
            websocket.spawn(fails)  # type: ignore[arg-type]
        raised.set()

    async with connect(f"ws://127.0.0.1:{await serve(app)}/") as client:
        assert await client.recv() == "still here"
    await wait_for(raised)
    (record,) = [record for record in caplog.records if record.levelno > logging.INFO]
    assert record.getMessage().endswith("fails of websocket.spawn failed")
