"""The connection object under rough use: odd arguments, other threads, cancellation at bad moments, a stalled loop."""

import asyncio
import copy
import gc
import mmap
import pickle
import socket
import struct
import threading
import time
import weakref
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Serve, serving
from promises import promise
from test_fast import run_serving
from websockets.asyncio.client import connect

from proapi import ProAPI, WebSocketConnection

WAIT_S = 5
_MAP_NORESERVE = 0x4000  # Linux; the module has it since Python 3.13


def _address(port: int) -> str:
    return f"ws://127.0.0.1:{port}/"


def app_of(handler: Any, **settings: Any) -> ProAPI:
    app = ProAPI()
    app.websocket("/", **settings)(handler)
    return app


async def test_refused_arguments_leave_the_connection_open(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        with pytest.raises(ValueError, match="from 300 to 599"):
            await websocket.reject(2**40)
        with pytest.raises(ValueError, match="expected ASCII"):
            await websocket.accept(headers=[(b"x-name", "é".encode())])
        for headers in ("a", [("a",)], {"a": 1}, 5):
            with pytest.raises(TypeError):
                await websocket.accept(headers=headers)  # type: ignore[arg-type]
        await websocket.accept()
        for code in (-1, 0, 999, 1005, 66536, 2**31, 2**64, -(2**64)):
            with pytest.raises(ValueError, match=f"got {code}$"):
                await websocket.close(code)
        for wrong in ("1000", 1000.0, None):
            with pytest.raises(TypeError):
                await websocket.close(wrong)  # type: ignore[arg-type]
        await websocket.send_text("open")

    async with connect(_address(await serve(app_of(handler)))) as client:
        assert await client.recv() == "open"


async def test_octets_of_any_memory(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        for view in (memoryview(b"abcdef")[::2], memoryview(b"abc")[::-1], memoryview(b"abcd").cast("B", (2, 2))):
            await websocket.send_bytes(view)

    async with connect(_address(await serve(app_of(handler)))) as client:
        assert [await client.recv() for _ in range(3)] == [b"ace", b"cba", b"abcd"]


async def test_headers_may_be_octets(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept(headers=[(b"X-A", b"1"), (b"X-A", b"2")])

    async with connect(_address(await serve(app_of(handler)))) as client:
        assert client.response and client.response.headers.get_all("X-A") == ["1", "2"]


async def test_its_calls_can_become_tasks(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await asyncio.create_task(websocket.accept())
        text = asyncio.create_task(websocket.receive_text())
        assert await asyncio.create_task(websocket.send_text(await text))
        await asyncio.create_task(websocket.close())

    async with connect(_address(await serve(app_of(handler)))) as client:
        await client.send("through tasks")
        assert await client.recv() == "through tasks"


async def test_it_is_neither_copied_nor_pickled(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="cannot pickle"):
                pickle.dumps(websocket, protocol)
        for make in (copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                make(websocket)
        await websocket.send_text("one of a kind")

    async with connect(_address(await serve(app_of(handler)))) as client:
        assert await client.recv() == "one of a kind"


@pytest.mark.memory
async def test_a_message_that_memory_does_not_hold_is_a_memory_error(serve: Serve) -> None:
    """The process and the connection go on."""
    try:  # half of the address space, never touched, so that there is no room for a second half
        huge = mmap.mmap(-1, 2**46, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)
    except (OSError, MemoryError):
        pytest.skip("this machine gives no address space without memory")

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        view = memoryview(huge)
        with pytest.raises(MemoryError):
            await websocket.send_bytes(view)
        view.release()
        huge.close()  # possible because the connection has released its buffer
        await websocket.send_text("after it")

    async with connect(_address(await serve(app_of(handler)))) as client:
        assert await client.recv() == "after it"


async def test_a_decoder_may_cancel_the_handler_that_waits(serve: Serve) -> None:
    """Types run their own code while a message is decoded, as part of the handler."""
    ends: list[Any] = []
    tasks: list[asyncio.Task[Any]] = []
    waits = asyncio.Event()

    @dataclass
    class Order:
        number: int

        def __post_init__(self) -> None:
            ends.append(asyncio.current_task() is tasks[0])
            tasks[0].cancel()

    async def handler(websocket: WebSocketConnection) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await websocket.accept()
        waits.set()
        order = await websocket.receive_json(Order)
        ends.append(order.number)
        await websocket.receive()

    async with connect(_address(await serve(app_of(handler)))) as client:
        await asyncio.wait_for(waits.wait(), WAIT_S)
        await client.send('{"number": 7}')
        await asyncio.wait_for(client.wait_closed(), WAIT_S)
    assert ends == [True, 7]
    assert tasks[0].cancelled()


def _sends_from_a_thread() -> ProAPI:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.receive_text()
        # Once the loop waits, nothing but the thread's own send can wake it.
        loop_waits_s = 0.1
        threading.Timer(loop_waits_s, lambda: websocket.send_text("from a thread")).start()
        await websocket.receive_text()

    return app_of(handler)


async def _receive_from_a_thread(port: int) -> None:
    async with connect(_address(port)) as client:
        await client.send("go")
        assert await asyncio.wait_for(client.recv(), WAIT_S) == "from a thread"


@pytest.mark.parametrize("debug", [False, True])
async def test_a_send_from_another_thread_goes_out_at_once(serve: Serve, debug: bool) -> None:
    asyncio.get_running_loop().set_debug(debug)
    await _receive_from_a_thread(await serve(_sends_from_a_thread()))


def test_a_send_from_another_thread_goes_out_at_once_in_fast_mode() -> None:
    run_serving(_sends_from_a_thread(), _receive_from_a_thread)


def _frame(opcode: int, payload: bytes) -> bytes:
    return struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) + bytes(4) + payload


_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def test_time_in_which_the_handler_does_not_read_is_not_the_peers(serve: Serve) -> None:
    """message_timeout ends with its message, even if that message has filled the queue."""
    received: list[str] = []
    done = asyncio.Event()
    busy_s = 0.8

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await asyncio.sleep(busy_s)
        received.extend([await websocket.receive_text() for _ in range(3)])
        done.set()

    port = await serve(app_of(handler, message_timeout=0.3, receive_queue_messages=1))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    first = _frame(1, b"a")
    writer.write(_frame(0x9, b"") + first[:3])
    assert await reader.readexactly(2) == b"\x8a\x00"  # so the half of a message after the ping has also been read
    writer.write(first[3:] + _frame(1, b"b") + _frame(1, b"c"))
    await asyncio.wait_for(done.wait(), WAIT_S)
    assert received == ["a", "b", "c"]
    writer.close()


async def test_a_loop_that_stalls_loses_nobody(serve: Serve) -> None:
    """Pongs that arrived during the stall count, even if there are more than one turn reads."""
    users, ping_s, stall_s = 300, 1, 0.7
    codes: Counter[int | None] = Counter()

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.wait_closed()
        codes[websocket.close_code] += 1

    port = await serve(app_of(handler, ping_interval=ping_s, ping_timeout=0.5))
    loop = asyncio.get_running_loop()
    sockets = [socket.socket() for _ in range(users)]
    try:
        for one in sockets:
            one.setblocking(False)
            await loop.sock_connect(one, ("127.0.0.1", port))
            one.send(_UPGRADE)
        for one in sockets:
            assert (await loop.sock_recv(one, 4096)).startswith(b"HTTP/1.1 101 ")
        for one in sockets:
            assert (await loop.sock_recv(one, 16)) == b"\x89\x00"
        for one in sockets:
            one.send(_frame(0xA, b""))
        time.sleep(stall_s)
        async with connect(_address(port)) as newcomer:
            await (await newcomer.ping())  # by then the server has handled everything that was overdue
            assert not codes
    finally:
        for one in sockets:
            one.close()


async def test_a_wait_is_awaited_once(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        waiting = websocket.wait_closed()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_of(waiting), 0.01)
        with pytest.raises(RuntimeError, match="awaited already"):
            await waiting
        await websocket.send_text("done")

    async with connect(_address(await serve(app_of(handler)))) as websocket:
        assert await asyncio.wait_for(websocket.recv(), WAIT_S) == "done"


async def _of(awaitable: Any) -> Any:
    return await awaitable


@promise("messages-before-own-end")
async def test_what_was_received_before_the_stop_is_still_given() -> None:
    received: list[str] = []

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.wait_closed()
        async for message in websocket:
            received.append(str(message))

    async with serving(app_of(handler)) as port:
        client = await connect(_address(port))
        for i in range(6):
            await client.send(str(i))
        await (await client.ping())  # the server has read it after the messages
    assert client.close_code == 1001
    assert received == list("012345")


async def test_the_argument_of_a_send_may_be_named(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        for wrong in ({}, {"text": "x"}, {"data": "x", "more": 1}):
            for send in (websocket.send_text, websocket.send_bytes):
                with pytest.raises(TypeError, match="expected one argument, data"):
                    await send(**wrong)
        with pytest.raises(TypeError, match="got 2"):
            await websocket.send_text("x", "y")  # type: ignore[call-arg]
        await websocket.send_text(data="text")
        await websocket.send_bytes(data=b"octets")
        await websocket.send_json(data=1)

    async with connect(_address(await serve(app_of(handler)))) as websocket:
        assert [await asyncio.wait_for(websocket.recv(), WAIT_S) for _ in range(3)] == ["text", b"octets", "1"]


@promise("cancel-websocket-handler")
async def test_one_that_is_cancelled_with_its_client_leaves_nothing_behind(serve: Serve) -> None:
    references: list[weakref.ref[WebSocketConnection]] = []
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def handler(websocket: WebSocketConnection) -> None:
        references.append(weakref.ref(websocket))
        await websocket.accept()
        try:
            await asyncio.Event().wait()
        finally:
            ended.put_nowait("cancelled")

    async def returns(websocket: WebSocketConnection) -> None:
        references.append(weakref.ref(websocket))
        await websocket.accept()

    app = app_of(handler, cancel_on_disconnect=True)
    app.websocket("/returns", cancel_on_disconnect=True)(returns)
    port = await serve(app)
    async with connect(_address(port)):
        pass
    assert await asyncio.wait_for(ended.get(), WAIT_S) == "cancelled"
    async with connect(_address(port) + "returns") as client:
        await client.wait_closed()
    for _ in range(100):
        gc.collect()
        if not any(reference() for reference in references):
            break
        await asyncio.sleep(0.01)
    assert [reference() for reference in references] == [None, None]


async def test_awaitables_that_are_done_may_be_driven_by_hand(serve: Serve) -> None:
    async def handler(websocket: WebSocketConnection) -> None:
        for call in (websocket.accept, lambda: websocket.send_text("hello"), websocket.close):
            step = call().__await__()
            with pytest.raises(StopIteration):
                step.send(None)

    async with connect(_address(await serve(app_of(handler)))) as client:
        assert await client.recv() == "hello"


async def test_a_wait_belongs_to_one_task(serve: Serve) -> None:
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def handler(websocket: WebSocketConnection) -> None:
        begun = asyncio.Event()

        async def wait() -> None:
            begun.set()
            await closed

        await websocket.accept()
        closed = websocket.wait_closed()
        first = asyncio.ensure_future(wait())
        await begun.wait()
        with pytest.raises(RuntimeError, match="awaited by another task already"):
            await closed
        await websocket.send_text("now")
        await first
        told.set_result(websocket.closed)

    async with connect(_address(await serve(app_of(handler)))) as client:
        assert await client.recv() == "now"
    assert await asyncio.wait_for(told, WAIT_S)
