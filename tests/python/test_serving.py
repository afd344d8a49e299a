"""``async with app.serving() as server``: the server listens when the block begins, and nothing waits for events that
can't happen."""

import asyncio
import logging
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from conftest import http
from promises import promise
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from proapi import SECURITY_HEADERS, ProAPI, RunningServer, WebSocketConnection

WAIT_S = 5


def app_of(seen: list[str] | None = None, **settings: Any) -> ProAPI:
    app = ProAPI(**settings)
    notes = [] if seen is None else seen

    @app.get("/")
    async def page() -> str:
        return "page"

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        try:
            async for _ in websocket:
                pass
        finally:
            notes.append("handler")

    app.on_shutdown(lambda: notes.append("shutdown"))
    return app


@promise("access-log")
async def test_its_access_log_is_off_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with app_of().serving(port=0) as server:
        await http(server.port, "GET", "/")
    assert not caplog.records
    async with app_of().serving(port=0, access_log=True) as server:
        await http(server.port, "GET", "/?a=1")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("proapi.access", "INFO")
    assert '"GET /?a=1 HTTP/1.1" 200 4' in record.getMessage()


@promise("access-log")
async def test_an_access_log_below_its_level_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "proapi.access")
    async with app_of().serving(port=0, access_log="json") as server:
        assert (await http(server.port, "GET", "/"))[0] == 200
    assert not caplog.records


@promise("access-log")
async def test_a_log_that_raises_costs_the_line(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise RuntimeError("no log today")

    logging.getLogger("proapi.access").addFilter(refuse)
    try:
        async with app_of().serving(port=0, access_log=True) as server:
            assert (await http(server.port, "GET", "/"))[2] == b"page"
    finally:
        logging.getLogger("proapi.access").removeFilter(refuse)


def test_a_format_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="access_log: expected True, False, 'common' or 'json', got 'apache'"):
        app_of().serving(port=0, access_log="apache")  # type: ignore[arg-type]


@promise("response-headers")
async def test_fields_of_every_response() -> None:
    app = app_of(response_headers={**SECURITY_HEADERS, "Server": "mine", "Content-Type": "text/plain"})
    async with app.serving(port=0) as server:
        for path in ("/", "/nothing"):
            _, head, _ = await http(server.port, "GET", path)
            assert "\r\nserver: mine\r\n" in head + "\r\n"
            assert "\r\nx-content-type-options: nosniff\r\n" in head + "\r\n"
        _, head, _ = await http(server.port, "GET", "/")
        assert "\r\ncontent-type: text/html; charset=utf-8\r\n" in head
        async with connect(f"ws://127.0.0.1:{server.port}/") as websocket:
            assert websocket.response is not None
            assert websocket.response.headers["Server"] == "mine"


def test_a_field_that_no_response_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="response_headers: "):
        ProAPI(response_headers={"X-One": "a\r\nX-Two: b"})


@promise("serving")
async def test_it_listens_while_the_block_runs_and_stops_gracefully() -> None:
    seen: list[str] = []
    async with app_of(seen).serving(port=0) as server:
        assert server.addresses == [("127.0.0.1", server.port)]
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert repr(server) == f"<RunningServer {server.url}>"
        assert (await http(server.port, "GET", "/"))[2] == b"page"
        client = await connect(f"ws://127.0.0.1:{server.port}/")
    assert seen == ["handler", "shutdown"]
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert client.close_code == 1001
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_ipv6() -> None:
    assert RunningServer([("::1", 80)], is_secure=False).url == "http://[::1]:80"
    assert RunningServer([("::1", 80)], is_secure=True).url == "https://[::1]:80"


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    """The block begins in one task and ends in another."""
    async with app_of().serving(port=0) as server:
        yield server


@promise("serving")
async def test_in_a_fixture(server: RunningServer) -> None:
    assert (await http(server.port, "GET", "/"))[2] == b"page"


@promise("serving")
async def test_a_start_up_function_that_raises() -> None:
    seen: list[str] = []
    app = app_of(seen)

    @app.on_startup
    async def fails() -> None:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        async with app.serving(port=0):
            pytest.fail("the block begins though nobody listens")
    assert seen == []
    assert app.servers == set()


@promise("serving")
async def test_a_busy_port() -> None:
    app = app_of()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with app.serving(port=taken.getsockname()[1]):
            pytest.fail("the block begins though nobody listens")
    with pytest.raises(ValueError, match="port: expected a number from 0 to 65535"):
        app.serving(port=70000)
    async with app.serving(port=0) as server:  # the failures have left nothing behind
        assert (await http(server.port, "GET", "/"))[0] == 200


@promise("serving")
async def test_a_lifespan_that_hangs_can_be_given_up() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(_: ProAPI) -> AsyncIterator[None]:
        try:
            await asyncio.Event().wait()
            yield
        finally:
            seen.append("given up")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), ProAPI(lifespan=lifespan).serving(port=0):
            pytest.fail("the block begins though nobody listens")
    assert seen == ["given up"]


@promise("serving")
async def test_a_start_that_is_cancelled_by_itself() -> None:
    app = ProAPI()

    @app.on_startup
    async def cancels() -> None:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled by something other"):
        async with app.serving(port=0):
            pytest.fail("the block begins though nobody listens")


@promise("serving")
async def test_an_exception_of_the_block_goes_on() -> None:
    seen: list[str] = []
    with pytest.raises(KeyError):
        async with app_of(seen).serving(port=0):
            raise KeyError("a")
    assert seen == ["shutdown"]


@promise("serving")
async def test_a_time_limit_of_the_block() -> None:
    seen: list[str] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), app_of(seen).serving(port=0):
            await asyncio.Event().wait()
    assert seen == ["shutdown"]
    async with app_of(seen).serving(port=0):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
    assert seen == ["shutdown"] * 2


def app_that_fails_while_it_serves() -> tuple[ProAPI, asyncio.Event]:
    may_fail = asyncio.Event()

    async def fail() -> None:
        await may_fail.wait()
        raise RuntimeError("the database is gone")

    @asynccontextmanager
    async def lifespan(_: ProAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(fail())
            yield
            task.cancel()

    return ProAPI(lifespan=lifespan), may_fail


@promise("serving")
async def test_a_server_that_fails_ends_its_block() -> None:
    app, may_fail = app_that_fails_while_it_serves()
    with pytest.raises(ExceptionGroup) as failed:
        async with app.serving(port=0):
            may_fail.set()
            await asyncio.Event().wait()
    assert failed.group_contains(RuntimeError, match="the database is gone")
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # would raise if a cancellation were still pending


@promise("serving")
async def test_a_server_that_fails_though_the_block_does_not_care() -> None:
    app, may_fail = app_that_fails_while_it_serves()
    with pytest.raises(ExceptionGroup):
        async with app.serving(port=0):
            may_fail.set()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.Event().wait()
    await asyncio.sleep(0)


@promise("serving")
async def test_a_server_that_fails_does_not_hide_what_else_ends_the_block(caplog: pytest.LogCaptureFixture) -> None:
    app, may_fail = app_that_fails_while_it_serves()
    with pytest.raises(KeyError):
        async with app.serving(port=0):
            may_fail.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise KeyError("a") from None
    app, may_fail = app_that_fails_while_it_serves()

    async def block() -> None:
        async with app.serving(port=0):
            may_fail.set()
            try:
                await asyncio.Event().wait()
            finally:
                task.cancel()

    task = asyncio.create_task(block())
    await asyncio.wait({task}, timeout=WAIT_S)
    assert task.cancelled()
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert all("the server failed, too" in record.getMessage() for record in caplog.records)


@promise("serving")
async def test_a_shutdown_function_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of()

    @app.on_shutdown
    async def fails() -> None:
        raise RuntimeError("not saved")

    with pytest.raises(RuntimeError, match="not saved"):
        async with app.serving(port=0):
            pass
    with pytest.raises(KeyError):
        async with app.serving(port=0):
            raise KeyError("a")
    assert [record.getMessage() for record in caplog.records] == ["the server failed, too"]


@promise("serving")
async def test_a_cancellation_during_the_stop_cuts_it_short() -> None:
    app = ProAPI(shutdown_timeout=60)
    ends: list[str] = []
    stopping = asyncio.Event()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.wait_closed()
        stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("handler")

    async def block() -> None:
        async with app.serving(port=0) as server:
            await connect(f"ws://127.0.0.1:{server.port}/")

    task = asyncio.create_task(block())
    await asyncio.wait_for(stopping.wait(), WAIT_S)
    task.cancel()
    await asyncio.wait({task}, timeout=WAIT_S)
    assert task.cancelled()
    assert ends == ["handler"]


async def test_it_is_entered_once() -> None:
    serving = app_of().serving(port=0)
    async with serving:
        with pytest.raises(RuntimeError, match="got a second time"):
            await serving.__aenter__()


@promise("several-servers")
async def test_one_application_on_several_ports() -> None:
    app = app_of()
    async with app.serving(port=0) as one, app.serving(port=0) as other:
        assert one.port != other.port
        for server in (one, other):
            assert (await http(server.port, "GET", "/"))[2] == b"page"
        with pytest.raises(OSError, match="in use"):
            async with app.serving(port=one.port):
                pytest.fail("two servers on one port")
        assert (await http(one.port, "GET", "/"))[2] == b"page"


@promise("several-servers")
def test_in_one_loop_after_the_other() -> None:
    app = app_of()

    async def ask() -> bytes:
        async with app.serving(port=0) as server:
            return (await http(server.port, "GET", "/"))[2]

    assert [asyncio.run(ask()) for _ in range(3)] == [b"page"] * 3


@promise("serve")
async def test_what_is_called_when_it_listens_may_be_async_and_may_fail() -> None:
    app = app_of()
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def tell(addresses: Any) -> None:
        await asyncio.sleep(0)
        told.set_result(addresses)

    server = asyncio.create_task(app.serve(port=0, on_listening=tell))
    assert await asyncio.wait_for(told, WAIT_S) == [("127.0.0.1", (await told)[0][1])]
    server.cancel()
    await asyncio.wait({server}, timeout=WAIT_S)
    assert server.cancelled()

    def fails(_: Any) -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        await asyncio.wait_for(app.serve(port=0, on_listening=fails), WAIT_S)


@promise("startup-function-raises")
@pytest.mark.parametrize("fault", ["raise RuntimeError('no database')", "sys.exit('no database')"])
@pytest.mark.parametrize("options", ["", "fast=True", "workers=2", "loop='uvloop'"])
def test_run_ends_when_it_can_not_start(fault: str, options: str) -> None:
    program = (
        "import sys\nfrom proapi import ProAPI\napp = ProAPI()\n"
        f"@app.on_startup\nasync def fails():\n    {fault}\n"
        f"app.run(port=0, {options})\n"
    )
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert "no database" in ended.stderr
    assert time.monotonic() - began < 10
