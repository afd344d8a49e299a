"""The end of a connection is raised in the task of its own handler, and in no other."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgi_peer import open_websocket
from conftest import Serve, http, serving
from promises import promise
from test_fast import run_serving
from websockets.asyncio.client import ClientConnection, connect

from proapi import ProAPI, WebSocketConnection, WebSocketDisconnect

WAIT_S = 5
Test = Callable[[int], Awaitable[Any]]


def in_standard_mode(app: ProAPI, test: Test) -> None:
    async def main() -> None:
        async with serving(app) as port:
            await asyncio.wait_for(test(port), 2 * WAIT_S)

    asyncio.run(main())


def on_uvloop(app: ProAPI, test: Test) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        async with serving(app) as port:
            await asyncio.wait_for(test(port), 2 * WAIT_S)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


every_mode = pytest.mark.parametrize("run", [in_standard_mode, on_uvloop, run_serving])


def address_of(port: int, path: str = "/") -> str:
    return f"ws://127.0.0.1:{port}{path}"


async def next_of(client: ClientConnection) -> Any:
    return await asyncio.wait_for(client.recv(), WAIT_S)


class Game:
    """The first player's handler starts the loop that sends to all players. The loop goes on after that player has
    left."""

    def __init__(self) -> None:
        self.app = ProAPI(max_buffered=1024 * 1024)
        self.players: set[WebSocketConnection] = set()
        self.loop_of_all: asyncio.Task[None] | None = None
        self.first_left, self.first_may_end = asyncio.Event(), asyncio.Event()
        self.app.websocket("/{size:int}")(self.play)

    async def tell_all(self, size: int) -> None:
        while self.players:
            for player in list(self.players):
                player.send_text("x" * size)
            await asyncio.sleep(0.005)

    async def play(self, websocket: WebSocketConnection, size: int) -> None:
        await websocket.accept()
        self.players.add(websocket)
        is_first = self.loop_of_all is None
        if is_first:
            self.loop_of_all = asyncio.create_task(self.tell_all(size))
        try:
            async for _ in websocket:
                pass
        finally:
            if is_first:
                self.first_left.set()
                await self.first_may_end.wait()
            self.players.discard(websocket)

    async def end(self) -> None:
        self.first_may_end.set()
        assert self.loop_of_all is not None
        await asyncio.wait_for(self.loop_of_all, WAIT_S)


@promise("end-drops-in-other-tasks")
@every_mode
def test_a_loop_that_the_first_one_started_goes_on_without_him(run: Any) -> None:
    game = Game()

    async def test(port: int) -> None:
        first = await connect(address_of(port, "/10"))
        async with connect(address_of(port, "/10")) as other:
            await next_of(other)
            await first.close()
            await asyncio.wait_for(game.first_left.wait(), WAIT_S)
            for _ in range(20):
                assert await next_of(other) == "x" * 10
        await game.end()

    run(game.app, test)


@promise("end-drops-in-other-tasks")
@every_mode
def test_a_loop_that_the_first_one_started_goes_on_though_he_does_not_read(run: Any) -> None:
    game = Game()

    async def test(port: int) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as first:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            first.setblocking(False)
            await loop.sock_connect(first, ("127.0.0.1", port))
            lines = ["GET /60000 HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
            lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
            await loop.sock_sendall(first, "\r\n".join([*lines, "", ""]).encode())
            async with connect(address_of(port, "/60000")) as other:
                while not game.first_left.is_set():  # closed as a slow consumer
                    await next_of(other)
                for _ in range(20):
                    await next_of(other)
        await game.end()

    run(game.app, test)


def app_of(handler: Any, **settings: Any) -> ProAPI:
    app = ProAPI()
    app.websocket("/", **settings)(handler)

    @app.get("/page")
    async def page() -> str:
        return "page"

    return app


@promise("end-raises-in-own-task")
async def test_which_tasks_are_told(serve: Serve) -> None:
    """In other tasks of the handler, sends are dropped and receives raise, however the task is started."""
    told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def told_of_a_receive(websocket: WebSocketConnection) -> bool:
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive()
        return await websocket.send_text("x")

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.wait_closed()
        try:
            async with asyncio.TaskGroup() as group:
                in_group = group.create_task(told_of_a_receive(websocket))
            assert not in_group.result()
            assert await asyncio.gather(told_of_a_receive(websocket), told_of_a_receive(websocket)) == [False, False]
            assert not await asyncio.create_task(told_of_a_receive(websocket))
            dropped: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            send_without_a_task = told_of_nothing(websocket, dropped)
            asyncio.get_running_loop().call_soon(send_without_a_task)
            assert not await dropped
            for send in (websocket.send_text, websocket.send_json):
                with pytest.raises(WebSocketDisconnect):
                    send("x")
                with pytest.raises(WebSocketDisconnect):
                    async with asyncio.timeout(WAIT_S):
                        await send("x")
        except BaseException as error:
            told.set_exception(error)
            raise
        told.set_result(None)

    async with connect(address_of(await serve(app_of(handler)))):
        pass
    await asyncio.wait_for(told, WAIT_S)


def told_of_nothing(websocket: WebSocketConnection, dropped: "asyncio.Future[bool]") -> Callable[[], None]:
    def send() -> None:
        try:
            websocket.send_text("x").send(None)
        except StopIteration as result:
            dropped.set_result(result.value)

    return send


@promise("end-raises-in-own-task")
async def test_a_send_that_waits_within_a_time_limit_is_the_handlers_own(serve: Serve) -> None:
    """In Python 3.11, asyncio.wait_for() awaits it in another task than the one that called it."""
    told: asyncio.Queue[str] = asyncio.Queue()

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        try:
            while True:
                await asyncio.wait_for(websocket.send_bytes(bytes(100_000)), 2 * WAIT_S)
        except WebSocketDisconnect:
            told.put_nowait("the end")
            raise

    client = await connect(address_of(await serve(app_of(handler))))
    await client.recv()
    client.transport.abort()
    assert await asyncio.wait_for(told.get(), WAIT_S) == "the end"


@promise("end-does-not-hold-the-loop")
@every_mode
def test_a_task_that_only_sends_to_one_who_has_left_does_not_hold_the_loop(run: Any) -> None:
    sends: list[asyncio.Task[None]] = []
    left = asyncio.Event()

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        sends.append(asyncio.create_task(send_for_ever(websocket)))
        await websocket.wait_closed()
        left.set()

    async def send_for_ever(websocket: WebSocketConnection) -> None:
        while True:
            await websocket.send_text("x")

    async def test(port: int) -> None:
        client = await connect(address_of(port))
        await next_of(client)
        client.transport.abort()
        await asyncio.wait_for(left.wait(), WAIT_S)
        for _ in range(3):
            assert (await asyncio.wait_for(http(port, "GET", "/page"), WAIT_S))[2] == b"page"
        sends[0].cancel()
        await asyncio.wait({sends[0]}, timeout=WAIT_S)
        assert sends[0].cancelled()

    run(app_of(handler), test)


@promise("end-does-not-hold-the-loop")
async def test_a_member_that_has_left_does_not_interrupt_who_sends_to_a_room(serve: Serve) -> None:
    members: list[WebSocketConnection] = []
    left = asyncio.Event()

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        members.append(websocket)
        await websocket.receive()

    async def leave(websocket: WebSocketConnection) -> None:
        await websocket.wait_closed()
        left.set()

    port = await serve(app_of(handler))
    stays = await connect(address_of(port))
    async with connect(address_of(port)) as leaver:
        while len(members) < 2:
            await asyncio.sleep(0)
        waiting = asyncio.create_task(leave(members[1]))
        await leaver.close()
        await asyncio.wait_for(left.wait(), WAIT_S)
        await waiting
        for _ in range(1000):
            for member, delivered in zip(members, (True, False), strict=True):
                with pytest.raises(StopIteration) as result:  # it has not yielded
                    member.send_text("x").send(None)
                assert result.value.value is delivered
    stays.transport.abort()


async def test_a_push_of_a_group_ends_by_what_its_sends_give(serve: Serve) -> None:
    ended = asyncio.Event()

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()

        async def tick() -> None:
            while await websocket.send_text("tick"):
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            group.create_task(tick())
            async for _ in websocket:
                pass
        ended.set()

    async with connect(address_of(await serve(app_of(handler)))) as client:
        assert await next_of(client) == "tick"
    await asyncio.wait_for(ended.wait(), WAIT_S)


async def test_under_an_asgi_server() -> None:
    outcomes: list[Any] = []

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.wait_closed()
        outcomes.append(await asyncio.create_task(_send(websocket)))
        with pytest.raises(WebSocketDisconnect) as told:
            await websocket.send_text("x")
        outcomes.append(told.value.code)

    peer = await open_websocket(app_of(handler), "/")
    assert (await peer.get())["type"] == "websocket.accept"
    peer.put("websocket.disconnect", code=1001)
    await peer.end()
    assert outcomes == [False, 1001]


async def _send(websocket: WebSocketConnection) -> bool:
    return await websocket.send_text("x")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 has brought eager tasks")
async def test_an_eager_handler_is_told_before_it_has_waited(serve: Serve) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.close(4000)
        told.put_nowait(await asyncio.create_task(_send(websocket)))
        with pytest.raises(WebSocketDisconnect) as raised:
            await websocket.send_text("x")
        told.put_nowait(raised.value.code)

    port = await serve(app_of(handler))
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined, unused-ignore]
    async with connect(address_of(port)):
        assert [await asyncio.wait_for(told.get(), WAIT_S) for _ in range(2)] == [False, 4000]
