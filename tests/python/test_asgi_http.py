"""The ASGI application and HTTP: how it reads requests, and what it answers."""

import asyncio
import contextlib
import errno
import gzip
import os
import resource
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgi_peer import Message, Peer, http, scope_of
from promises import promise
from quiet_stream import quiet_stream

from proapi import FileResponse, HTTPException, ProAPI, Request, Response, StreamingResponse, WebSocketConnection
from proapi._core.threads import MAX_THREADS


@pytest.fixture
def app(tmp_path: Path) -> ProAPI:
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 1000)
    app = ProAPI(max_body_size=10)
    app.static("/files", tmp_path)

    @app.route("/echo/{name}", ["GET", "POST"])
    async def echo(request: Request, name: str) -> Any:
        body = (await request.body()).decode()
        return [request.method, name, dict(request.query_params), request.url, request.client, body]

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(str(n) for n in range(5))

    @app.get("/missing-stream")
    async def missing_stream() -> StreamingResponse:
        async def parts() -> Any:
            raise HTTPException(404, "no such table")
            yield ""

        return StreamingResponse(parts())

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(tmp_path / "big.bin")

    @app.get("/fails")
    async def fails() -> None:
        raise KeyError("a")

    @app.websocket("/socket")
    async def socket(websocket: WebSocketConnection) -> None: ...

    return app


@promise("compressed-responses")
async def test_responses_files_and_streams_are_compressed(tmp_path: Path) -> None:
    text = "a word and another word, " * 8000
    (tmp_path / "page.txt").write_text(text)
    app = ProAPI(compress=True)
    app.static("/files", tmp_path)
    app.get("/whole")(lambda: text)
    app.get("/stream")(lambda: StreamingResponse(iter([text[:1000], text[1000:]])))
    for path in ("/files/page.txt", "/whole", "/stream"):
        status, fields, body = await http(app, path, headers={"accept-encoding": "gzip"})
        assert (status, fields["content-encoding"], fields["vary"]) == (200, "gzip", "Accept-Encoding")
        assert gzip.decompress(body).decode() == text
        assert fields.get("content-length") == (str(len(body)) if path == "/whole" else None)
        status, fields, body = await http(app, path)
        assert ("content-encoding" in fields, body.decode()) == (False, text)


@promise("coded-requests")
async def test_a_coded_body_is_decoded() -> None:
    app = ProAPI(max_body_size=50)

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return await request.body()

    async def post(body: bytes) -> tuple[int, bytes]:
        headers = {"content-encoding": "gzip", "content-length": str(len(body))}
        status, _, answer = await http(app, "/", [body[:20], body[20:]], method="POST", headers=headers)
        return status, answer

    assert await post(gzip.compress(b"ten octets")) == (200, b"ten octets")
    assert await post(gzip.compress(b"x" * 50)) == (200, b"x" * 50)
    assert (await post(gzip.compress(b"x" * 51)))[0] == 413
    assert (await post(b"plain"))[0] == 400


async def test_decoding_leaves_the_loop_to_others() -> None:
    app = ProAPI(max_body_size=10_000_000)
    app.post("/")(lambda: None)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    body = gzip.compress(bytes(10_000_000))
    task = asyncio.create_task(other())
    status, _, _ = await http(app, "/", [body], method="POST", headers={"content-encoding": "gzip"})
    task.cancel()
    assert status == 204
    assert turns > 30, "it decodes less than 330 KB at a time"


@promise("asgi-is-alike")
async def test_http(app: ProAPI) -> None:
    status, headers, body = await http(app, "/echo/a%20b?q=1", [b"x", b"y"], method="POST")
    assert (status, headers["content-type"], headers["content-length"]) == (200, "application/json", str(len(body)))
    assert body == b'["POST","a b",{"q":"1"},"http://a.example/echo/a%20b?q=1",["10.0.0.1",5],"xy"]'
    assert (await http(app, "/stream"))[2] == b"01234"
    assert (await http(app, "/missing-stream"))[::2] == (404, b"no such table\n")
    assert (await http(app, "/missing-stream", method="HEAD"))[0] == 404
    assert (await http(app, "/fails"))[0] == 500
    assert (await http(app, "/echo/x", method="HEAD"))[2] == b""


async def test_a_file_is_read_for_as_long_as_its_client_is_there(tmp_path: Path) -> None:
    app = ProAPI()
    with open(tmp_path / "large.bin", "wb") as file:
        file.truncate(1 << 30)
    app.static("/files", tmp_path)
    peer = Peer(app, scope_of("http", "/files/large.bin"))
    peer.put("http.request")
    assert (await peer.get())["status"] == 200
    assert (await peer.get())["more_body"]
    peer.put("http.disconnect")
    await peer.end()
    assert peer.outgoing.qsize() < 100  # of 16,384 parts


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


@promise("asgi-is-alike")
async def test_refusals_are_the_engines(app: ProAPI) -> None:
    assert (await http(app, "/none"))[0] == 404
    status, headers, _ = await http(app, "/stream", method="DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    status, headers, _ = await http(app, "/socket")
    assert (status, headers["upgrade"]) == (426, "websocket")
    assert (await http(app, "/%zz"))[0] == 400
    assert (await http(app, "/echo/x", [b"x" * 6, b"x" * 5], method="POST"))[0] == 413


@promise("hosts")
async def test_a_foreign_host_is_refused_whatever_is_asked_for(app: ProAPI) -> None:
    loopback = {"server": ("127.0.0.1", 8000)}  # the peer's Host is a.example
    for method, path in (
        ("GET", "/echo/x"),
        ("GET", "/file"),
        ("GET", "/files/big.bin"),
        ("GET", "/none"),
        ("PUT", "/stream"),
    ):
        status, _, body = await http(app, path, method=method, **loopback)
        assert status == 421, path
        assert b"allowed_hosts" in body
    assert (await http(app, "/echo/x", [b"x" * 11], method="POST", **loopback))[0] == 421
    assert (await http(app, "/echo/x", headers={"via": "1.1 proxy"}, **loopback))[0] == 200
    assert (await http(app, "/echo/x", headers={"x-forwarded-for": "10.0.0.1"}, **loopback))[0] == 421
    assert (await http(app, "/echo/x", server=("/run/app.sock", None)))[0] == 200
    app.configure(allowed_hosts="b.example")
    assert (await http(app, "/echo/x"))[0] == 421
    app.configure(allowed_hosts=["b.example", "a.example"])
    assert (await http(app, "/echo/x", **loopback))[0] == 200


async def test_root_path(app: ProAPI) -> None:
    """Routes are below it; request.path and request.url show the complete path of the client's request."""

    @app.get("/where/{place}")
    async def where(request: Request, place: str) -> str:
        return f"{place} {request.path} {request.url}"

    status, _, body = await http(app, "/root/where/x?q=1", root_path="/root")
    assert (status, body) == (200, b"x /root/where/x http://a.example/root/where/x?q=1")
    status, headers, _ = await http(app, "/root/where/x", root_path="/root", method="POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@promise("websocket-handlers-need-a-handshake")
@pytest.mark.parametrize("method", ["WEBSOCKET", "websocket", "<websocket>"])
async def test_no_method_opens_a_websocket(app: ProAPI, method: str) -> None:
    assert (await http(app, "/socket", method=method))[0] == 426
    app.route("/odd", methods=["WEBSOCKET"])(lambda: "a method like any other")
    assert (await http(app, "/odd", method="WEBSOCKET"))[2] == b"a method like any other"


async def test_a_whole_response_is_one_part(app: ProAPI) -> None:
    """Middleware takes several parts for a stream."""
    peer = Peer(app, scope_of("http", "/none"))
    peer.put("http.request")
    assert (await peer.get())["type"] == "http.response.start"
    message = await peer.get()
    assert message["body"]
    assert not message["more_body"]
    await peer.end()


async def test_a_stream_whose_server_fails_ends(app: ProAPI) -> None:
    asked = asyncio.Event()

    async def receive() -> Message:
        if asked.is_set():
            raise RuntimeError("the server is broken")
        asked.set()
        return {"type": "http.request"}

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "more"
            await asyncio.sleep(0)

    async def send(message: Message) -> None: ...

    app.get("/endless")(lambda: StreamingResponse(endless()))
    with contextlib.suppress(RuntimeError):
        await asyncio.wait_for(app(scope_of("http", "/endless"), receive, send), 5)


async def test_statuses_without_a_body_have_none(tmp_path: Path) -> None:
    """Even if the handler returns a body, because ASGI servers refuse to send it."""
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
async def test_only_regular_files_are_sent(kind: str, tmp_path: Path) -> None:
    path = {"directory": tmp_path, "device": Path("/dev/zero")}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    app = ProAPI()
    app.get("/")(lambda: FileResponse(path))
    assert (await http(app, "/"))[0] == 404


async def test_a_file_that_is_not_there_has_none_of_its_headers(tmp_path: Path) -> None:
    app = ProAPI()
    headers = {"Content-Encoding": "gzip", "Cache-Control": "max-age=1000"}
    app.get("/")(lambda: FileResponse(tmp_path / "page.gz", headers=headers, filename="page.gz"))
    status, fields, body = await http(app, "/")
    assert (status, body) == (404, b"Not Found\n")
    assert not {"content-encoding", "cache-control", "content-disposition"} & fields.keys()


async def test_a_files_own_etag_is_the_one_that_counts(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("page")
    app = ProAPI()
    app.get("/")(lambda: FileResponse(tmp_path / "page", headers={"ETag": '"mine"', "Content-Encoding": "identity"}))
    status, fields, body = await http(app, "/", headers={"if-none-match": '"mine"'})
    assert (status, fields["etag"], body) == (304, '"mine"', b"")
    assert not {"content-type", "content-encoding"} & fields.keys()
    status, fields, body = await http(app, "/", headers={"range": "bytes=0-0", "if-range": '"mine"'})
    assert (status, fields["etag"], body) == (206, '"mine"', b"p")


@pytest.mark.memory
async def test_a_file_for_which_there_is_no_descriptor_is_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "page"
    path.write_text("page")
    app = ProAPI()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    @app.get("/")
    async def page() -> FileResponse:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        return FileResponse(path)

    try:
        assert (await http(app, "/"))[0] == 500
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    [record] = caplog.records
    assert record.exc_info and isinstance(record.exc_info[1], OSError)
    assert (record.exc_info[1].errno, record.exc_info[1].filename) == (errno.EMFILE, str(path))


@pytest.mark.memory
async def test_a_static_file_for_which_there_is_no_descriptor_is_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "page").write_text("page")
    app = ProAPI()
    app.static("/", tmp_path)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        status, fields, _ = await http(app, "/page")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (status, fields["retry-after"]) == (503, "1")
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "503 /page: Too many open files")


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


@promise("stream-fails-before-first-part")
async def test_a_stream_ends_though_its_client_goes_before_the_first_part() -> None:
    app, opened, closed = quiet_stream()
    peer = Peer(app, scope_of("http", "/"))
    peer.put("http.request")
    await asyncio.wait_for(opened.wait(), 5)
    peer.put("http.disconnect")
    await peer.end()
    await asyncio.wait_for(closed.wait(), 5)
    assert peer.outgoing.empty()


async def test_a_handler_may_call_applications_in_its_own_task() -> None:
    """It may call its own application and another one, as test clients do. Afterwards it is still served by its own
    application."""
    inner, outer = ProAPI(), ProAPI()
    told: list[str] = []

    @inner.get("/")
    async def page() -> str:
        return "inner"

    @outer.get("/page")
    async def own_page() -> str:
        return "own"

    async def tell() -> None:
        told.append("outer")

    @outer.get("/")
    async def calls() -> str:
        async def call(app: ProAPI, path: str) -> str:
            sent: list[Message] = []

            async def receive() -> Message:
                return {"type": "http.request"}

            async def send(message: Message) -> None:
                sent.append(message)

            await app(scope_of("http", path), receive, send)
            return bytes(sent[-1]["body"]).decode()

        answer = f"{await call(inner, '/')} {await call(outer, '/page')}"
        await outer.spawn(tell())
        return answer

    assert (await http(outer, "/"))[2] == b"inner own"
    assert told == ["outer"]
    assert outer._asgi is not None
    assert not outer._asgi.dispatcher.tasks


async def test_a_cancellation_that_is_not_its_clients_leaves_the_call() -> None:
    """For example one from a time limit around the application, even if the client has left as well."""
    app = ProAPI()
    knows = asyncio.Event()

    @app.get("/")
    async def goes_on(request: Request) -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(0)
        knows.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None: ...

    call = asyncio.ensure_future(app(scope_of("http", "/", http_version="1.1"), receive, send))
    await asyncio.wait_for(knows.wait(), 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
