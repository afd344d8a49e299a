"""``Engine.close()`` disconnects the clients that are still connected. Handlers that go on find their connections
ended."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from proapi import ProAPI, WebSocketConnection, WebSocketDisconnect
from proapi._core.binding import serving
from proapi._serving.options import read_listen
from proapi._serving.server import Server, open_sockets


async def test_with_connections() -> None:
    app = ProAPI()
    closed = asyncio.Event()
    seen: asyncio.Future[WebSocketConnection] = asyncio.get_running_loop().create_future()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        websocket.user_data["name"] = "kept"
        await closed.wait()
        try:
            await websocket.send_bytes(b"x" * 100_000)
        except WebSocketDisconnect:
            seen.set_result(websocket)

    loop = asyncio.get_running_loop()
    server = Server(app)
    engine = server.engine
    serving.set(server._dispatcher)
    server._dispatcher.start()
    server._join(loop)
    engine.listen(open_sockets(app, read_listen("127.0.0.1", 0)))
    async with connect(f"ws://127.0.0.1:{engine.addresses[0][1]}/") as websocket:
        assert await websocket.recv() == "hello"
        assert engine.counts["open"] == 1
        loop.remove_reader(engine.fileno())
        engine.close()
        with pytest.raises(ConnectionClosedError):
            await websocket.recv()
    closed.set()
    connection = await asyncio.wait_for(seen, 5)
    assert connection.closed
    assert connection.user_data == {"name": "kept"}
    connection.close()
    engine.poll()  # the loop had scheduled it before
    engine.close()
    with pytest.raises(RuntimeError, match="the engine is closed"):
        print(engine.counts)
    server._dispatcher.close()
