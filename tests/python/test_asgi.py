"""The ASGI application, driven by hand: what it makes of scopes and messages, and what it answers."""

import asyncio
import logging
import os
import threading
from collections.abc import MutableMapping
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import pytest

from proapi import FileResponse, ProAPI, Request, Response, StreamingResponse, WebSocketConnection, WebSocketDisconnect
from proapi.threads import MAX_THREADS

Message = MutableMapping[str, Any]
variable: ContextVar[str] = ContextVar("variable", default="unset")


class Peer:
    """An ASGI server with one client."""

    def __init__(self, app: ProAPI, scope: Message) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.ensure_future(self._run(app, scope))

    async def _run(self, app: ProAPI, scope: Message) -> None:
        await app(scope, self.incoming.get, self.outgoing.put)

    async def get(self) -> Message:
        return await asyncio.wait_for(self.outgoing.get(), 5)

    def put(self, kind: str, **fields: Any) -> None:
        self.incoming.put_nowait({"type": kind, **fields})

    async def end(self) -> None:
        await asyncio.wait_for(self.task, 5)


def scope_of(kind: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Message:
    raw, _, query = path.partition("?")
    fields = [(b"host", b"a.example"), *((k.encode(), v.encode()) for k, v in (headers or {}).items())]
    return {
        "type": kind,
        "method": "GET",
        "scheme": "ws" if kind == "websocket" else "http",
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": fields,
        "client": ("10.0.0.1", 5),
        **more,
    }


async def http(
    app: ProAPI, path: str, body: list[bytes] | None = None, **more: Any
) -> tuple[int, dict[str, str], bytes]:
    peer = Peer(app, scope_of("http", path, **more))
    for part in body or []:
        peer.put("http.request", body=part, more_body=True)
    peer.put("http.request")
    await peer.end()
    start = await peer.get()
    parts = []
    while not peer.outgoing.empty():
        parts.append(await peer.get())
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(part["body"] for part in parts)


def make_app(directory: Path) -> ProAPI:
    app = ProAPI(max_body=10, close_timeout=0.2)
    app.static("/files", directory)

    @app.route("/echo/{name}", ["GET", "POST"])
    async def echo(request: Request, name: str) -> Any:
        body = (await request.body()).decode()
        return [request.method, name, dict(request.query_params), request.url, request.client, body]

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(str(n) for n in range(5))

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(directory / "big.bin")

    @app.get("/fails")
    async def fails() -> None:
        raise KeyError("a")

    @app.websocket("/ws/{room}", max_message_size=100, allowed_origins="https://b.example")
    async def websocket(websocket: WebSocketConnection, room: str) -> None:
        await websocket.accept("two", headers={"X-Room": room})
        async for message in websocket:
            if isinstance(message, str):
                await websocket.send_text(message)
            else:
                await websocket.send_bytes(message)

    @app.websocket("/reject")
    async def reject(websocket: WebSocketConnection) -> None:
        await websocket.reject(451, "no", {"X-Why": "law"})

    return app


@pytest.fixture
def app(tmp_path: Path) -> ProAPI:
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 1000)
    return make_app(tmp_path)


async def test_http(app: ProAPI) -> None:
    status, headers, body = await http(app, "/echo/a%20b?q=1", [b"x", b"y"], method="POST")
    assert (status, headers["content-type"], headers["content-length"]) == (200, "application/json", str(len(body)))
    assert body == b'["POST","a b",{"q":"1"},"http://a.example/echo/a%20b?q=1",["10.0.0.1",5],"xy"]'
    assert (await http(app, "/stream"))[2] == b"01234"
    assert (await http(app, "/fails"))[0] == 500
    assert (await http(app, "/echo/x", method="HEAD"))[2] == b""


async def test_files(app: ProAPI) -> None:
    data = bytes(range(256)) * 1000
    assert (await http(app, "/file"))[2] == data
    status, headers, body = await http(app, "/files/big.bin")
    assert (status, headers["content-length"], body) == (200, "256000", data)
    status, headers, body = await http(app, "/files/big.bin", headers={"range": "bytes=255-256"})
    assert (status, headers["content-range"], body) == (206, "bytes 255-256/256000", b"\xff\x00")
    assert (await http(app, "/files/../x"))[0] == 404
    status, headers, body = await http(app, "/files/big.bin", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "256000", b"")


async def test_refusals_are_the_engines(app: ProAPI) -> None:
    assert (await http(app, "/none"))[0] == 404
    status, headers, _ = await http(app, "/stream", method="DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    status, headers, _ = await http(app, "/reject")
    assert (status, headers["upgrade"]) == (426, "websocket")
    assert (await http(app, "/%zz"))[0] == 400
    assert (await http(app, "/echo/x", [b"x" * 6, b"x" * 5], method="POST"))[0] == 413


async def test_statuses_without_a_body_have_none(tmp_path: Path) -> None:
    """Though the handler gives one: ASGI servers refuse to send it."""
    app = ProAPI()
    (tmp_path / "file").write_bytes(b"octets")
    responses = {
        "whole": lambda status: Response("text", status),
        "stream": lambda status: StreamingResponse(iter(["text"]), status),
        "file": lambda status: FileResponse(tmp_path / "file", status),
    }

    @app.get("/{kind}/{status:int}")
    async def respond(kind: str, status: int) -> Response:
        return responses[kind](status)

    for kind in responses:
        for status in (204, 304):
            got, headers, body = await http(app, f"/{kind}/{status}")
            assert (got, body) == (status, b"")
            assert "content-length" not in headers
        assert (await http(app, f"/{kind}/200"))[2] in (b"text", b"octets")


async def test_a_client_that_goes_while_it_uploads_runs_no_handler() -> None:
    app = ProAPI()
    called: list[bytes] = []

    @app.post("/")
    def save(request: Request) -> None:
        called.append(request.content)

    peer = Peer(app, scope_of("http", "/", method="POST"))
    peer.put("http.request", body=b"half", more_body=True)
    peer.put("http.disconnect")
    await peer.end()
    assert peer.outgoing.empty()
    assert not called


@pytest.mark.parametrize("kind", ["directory", "pipe", "device", "nothing"])
async def test_only_regular_files_are_sent(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = {"directory": tmp_path, "device": Path("/dev/zero")}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    app = ProAPI()
    app.get("/")(lambda: FileResponse(path))
    assert (await http(app, "/"))[0] == 500
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info and isinstance(record.exc_info[1], OSError)
    assert record.exc_info[1].filename == str(path)


async def test_a_file_that_cannot_be_read_is_not_the_clients_end(app: ProAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def pread(*_: object) -> bytes:
        raise OSError("the disk is broken")

    monkeypatch.setattr(os, "pread", pread)
    peer = Peer(app, scope_of("http", "/file"))
    peer.put("http.request")
    with pytest.raises(OSError, match="the disk is broken"):
        await peer.end()


async def test_files_are_sent_while_every_sync_handler_is_busy(tmp_path: Path) -> None:
    app = ProAPI()
    (tmp_path / "file").write_bytes(b"octets")
    app.static("/files", tmp_path)
    busy, may_end = threading.Semaphore(0), threading.Event()

    @app.get("/")
    def wait() -> str:
        busy.release()
        may_end.wait(10)
        return ""

    pages = [asyncio.ensure_future(http(app, "/")) for _ in range(MAX_THREADS)]
    try:
        for _ in pages:
            assert await asyncio.to_thread(busy.acquire, timeout=5)
        assert (await asyncio.wait_for(http(app, "/files/file"), 5))[2] == b"octets"
    finally:
        may_end.set()
        await asyncio.gather(*pages)


async def test_handlers_see_the_variables_of_their_own_call() -> None:
    app = ProAPI()

    @app.get("/")
    async def page() -> str:
        before = variable.get()
        variable.set("the handler's own")
        return before

    @app.get("/sync")
    def sync() -> str:
        return variable.get()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_text(variable.get())

    async def websocket() -> str:
        peer = await open_websocket(app, "/")
        await peer.get()
        text = (await peer.get())["text"]
        peer.put("websocket.disconnect", code=1000)
        await peer.end()
        return str(text)

    async def get(path: str) -> str:
        return (await http(app, path))[2].decode()

    for value in ("first", "second", ""):
        context = copy_context()
        if value:
            context.run(variable.set, value)
        loop = asyncio.get_running_loop()
        for call in (get("/"), get("/sync"), websocket()):
            assert await loop.create_task(call, context=context) == (value or "unset")


async def test_handlers_see_what_startup_has_set() -> None:
    """Behind what the middleware of their own call has."""
    app = ProAPI()
    app.on_startup(lambda: variable.set("from startup"))
    app.get("/")(lambda: variable.get())
    peer = Peer(app, {"type": "lifespan"})
    peer.put("lifespan.startup")
    await peer.get()
    assert (await http(app, "/"))[2] == b"from startup"
    context = copy_context()
    context.run(variable.set, "own")
    call = asyncio.get_running_loop().create_task(http(app, "/"), context=context)
    assert (await call)[2] == b"own"
    peer.put("lifespan.shutdown")
    await peer.end()


async def test_root_path(app: ProAPI) -> None:
    assert (await http(app, "/root/echo/x", root_path="/root"))[0] == 200


async def open_websocket(app: ProAPI, path: str = "/ws/r", **more: Any) -> Peer:
    peer = Peer(app, scope_of("websocket", path, subprotocols=["one", "two"], **more))
    peer.put("websocket.connect")
    return peer


async def test_websocket(app: ProAPI) -> None:
    peer = await open_websocket(app)
    assert await peer.get() == {"type": "websocket.accept", "subprotocol": "two", "headers": [(b"x-room", b"r")]}
    for message in ({"text": "a"}, {"bytes": b"\0"}, {"text": "é" * 50, "bytes": None}):
        peer.put("websocket.receive", **message)
        assert (await peer.get()).items() <= {"type": "websocket.send", **message}.items()
    peer.put("websocket.disconnect", code=1001, reason="bye")
    await peer.end()
    assert peer.outgoing.empty()


async def test_message_too_big(app: ProAPI) -> None:
    peer = await open_websocket(app)
    await peer.get()
    peer.put("websocket.receive", text="é" * 51)
    close = await peer.get()
    assert (close["type"], close["code"]) == ("websocket.close", 1009)
    assert "max_message_size" in close["reason"]
    await peer.end()  # close_timeout: the peer never answered


async def test_rejections(app: ProAPI) -> None:
    able: Message = {"extensions": {"websocket.http.response": {}}}
    for path, headers, status in (
        ("/reject", {}, 451),
        ("/none", {}, 404),
        ("/stream", {}, 404),
        ("/ws/r", {"origin": "https://evil.example"}, 403),
    ):
        peer = await open_websocket(app, path, headers=headers, **able)
        start = await peer.get()
        assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
        assert (await peer.get())["type"] == "websocket.http.response.body"
        await peer.end()
        peer = await open_websocket(app, path, headers=headers)
        assert await peer.get() == {"type": "websocket.close"}
        await peer.end()
    peer = await open_websocket(app, headers={"origin": "https://b.example"})
    assert (await peer.get())["type"] == "websocket.accept"
    peer.put("websocket.disconnect", code=1000)
    await peer.end()


async def test_backpressure() -> None:
    app = ProAPI(high_water=1000, low_water=100)
    sent = 0

    @app.websocket("/")
    async def push(websocket: WebSocketConnection) -> None:
        nonlocal sent
        await websocket.accept()
        while True:
            await websocket.send_bytes(b"x" * 100)
            sent += 1

    gate = asyncio.Event()
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            await gate.wait()

    task = asyncio.ensure_future(app(scope_of("websocket", "/"), incoming.get, send))
    for _ in range(100):
        await asyncio.sleep(0)
    assert 10 <= sent <= 12
    gate.set()
    while sent < 200:
        await asyncio.sleep(0)
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await asyncio.wait_for(task, 5)


async def test_incoming_queue_is_bounded() -> None:
    app = ProAPI(receive_queue_messages=4)
    gate = asyncio.Event()
    got = []

    @app.websocket("/")
    async def late(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await gate.wait()
        got.extend([await websocket.receive_text() for _ in range(50)])

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    for number in range(50):
        peer.put("websocket.receive", text=str(number))
    for _ in range(100):
        await asyncio.sleep(0)
    assert peer.incoming.qsize() >= 50 - 6
    gate.set()
    assert (await peer.get())["code"] == 1000
    peer.put("websocket.disconnect", code=1000)
    await peer.end()
    assert got == [str(number) for number in range(50)]


async def test_a_server_that_gives_up_cancels_the_handler() -> None:
    app = ProAPI()
    seen = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        try:
            await websocket.receive()
        except WebSocketDisconnect as error:
            seen.append(error.code)
            raise

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.task.cancel()
    await asyncio.wait({peer.task})
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
    assert seen in ([], [1006])


async def test_streams_end_when_the_client_is_gone() -> None:
    app = ProAPI()
    closed = asyncio.Event()

    @app.get("/")
    async def endless() -> StreamingResponse:
        async def parts() -> Any:
            try:
                while True:
                    yield b"x"
                    await asyncio.sleep(0)
            finally:
                closed.set()

        return StreamingResponse(parts())

    peer = Peer(app, scope_of("http", "/"))
    peer.put("http.request")
    await peer.get()
    peer.put("http.disconnect")
    await peer.end()
    await asyncio.wait_for(closed.wait(), 5)


async def test_lifespan() -> None:
    seen = []
    app = ProAPI()
    app.on_startup(lambda: seen.append("startup"))
    app.on_shutdown(lambda: seen.append("shutdown"))
    app.get("/")(lambda: "page")
    for turn in (1, 2):
        peer = Peer(app, {"type": "lifespan"})
        peer.put("lifespan.startup")
        assert (await peer.get())["type"] == "lifespan.startup.complete"
        assert (await http(app, "/"))[2] == b"page"
        peer.put("lifespan.shutdown")
        assert (await peer.get())["type"] == "lifespan.shutdown.complete"
        assert seen == ["startup", "shutdown"] * turn
        await peer.end()


async def test_lifespan_failure() -> None:
    app = ProAPI()

    @app.on_startup
    def fails() -> None:
        raise KeyError("a")

    peer = Peer(app, {"type": "lifespan"})
    peer.put("lifespan.startup")
    assert await peer.get() == {"type": "lifespan.startup.failed", "message": "KeyError: 'a'"}
    await peer.end()


async def test_a_message_is_handled_before_the_end_that_follows_it() -> None:
    app = ProAPI()
    seen: list[object] = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        while True:
            seen.append(await websocket.receive())
            seen.append(websocket.closed)

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.put("websocket.receive", text="last")
    peer.put("websocket.disconnect", code=1000, reason="")
    await peer.end()
    assert seen == ["last", False]


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"code": 1005}, 1006), ({"code": 1005, "reason": ""}, 1005), ({"code": 4000}, 4000), ({}, 1005)],
)
async def test_close_code(fields: dict[str, Any], code: int) -> None:
    app = ProAPI()
    seen = []

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.wait_closed()
        seen.append(websocket.close_code)

    peer = Peer(app, scope_of("websocket", "/"))
    peer.put("websocket.connect")
    await peer.get()
    peer.put("websocket.disconnect", **fields)
    await peer.end()
    assert seen == [code]
