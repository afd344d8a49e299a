"""An application that is fully typed, written as a user would write it: ``mypy --strict`` must pass on it.

``assert_type`` states the type that the package's annotations must give, so that a stub that becomes ``Any`` is an
error.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_type
from uuid import UUID

from proapi import (
    Client,
    FileResponse,
    FormData,
    FormFiles,
    Headers,
    HTMLResponse,
    HTTPException,
    JSONResponse,
    PlainTextResponse,
    ProAPI,
    QueryParams,
    RedirectResponse,
    Request,
    RequestBodyError,
    Response,
    RouteError,
    RunningServer,
    State,
    StreamingResponse,
    UploadFile,
    WebSocket,
    WebSocketConnection,
    WebSocketDisconnect,
    WebSocketError,
    WebSocketMessageError,
    WebSocketStateError,
)


@dataclass
class Said:
    text: str
    to: list[str]


@asynccontextmanager
async def lifespan(app: ProAPI) -> AsyncIterator[None]:
    assert_type(app.limits, dict[str, float])
    yield


app = ProAPI(lifespan=lifespan, max_message_size=65536, ping_interval=timedelta(seconds=30), allowed_origins="*")
app.configure(close_timeout=2.5, max_connections=100)
app.static("/files", Path(__file__).parent)
rooms: dict[str, set[WebSocketConnection]] = {}


async def count_rooms() -> int:
    return len(rooms)


@app.on_startup
async def start() -> None:
    assert_type(app.spawn(count_rooms(), name="count"), asyncio.Task[int])


@app.on_shutdown
def stop() -> None: ...


@app.websocket("/chat/{room}", high_water=32768, allowed_origins=["https://example.org"], message_timeout=5)
async def chat(websocket: WebSocketConnection, room: str) -> None:
    assert_type(websocket.path, str)
    assert_type(websocket.path_params, dict[str, Any])
    assert_type(websocket.headers, Headers)
    assert_type(websocket.headers.get("Host"), str | None)
    assert_type(websocket.headers.getlist("cookie"), list[str])
    assert_type(websocket.query_params, QueryParams)
    assert_type(websocket.query_params["name"], str)
    assert_type(websocket.cookies, dict[str, str])
    assert_type(websocket.subprotocols, list[str])
    assert_type(websocket.client, Client | None)
    assert_type(websocket.url, str)
    assert_type(websocket.closed, bool)
    assert_type(websocket.close_code, int | None)
    assert_type(websocket.close_reason, str | None)
    assert_type(websocket.subprotocol, str | None)
    assert_type(websocket.buffered_amount, int)
    websocket.user_data["since"] = 0
    websocket.state.until = 1
    assert_type(websocket.state, State)
    assert_type(websocket.app, ProAPI)

    if "name" not in websocket.query_params:
        await websocket.reject(401, "Who are you?", {"WWW-Authenticate": "None"})
        return
    await websocket.accept(subprotocol=None, headers=[("X-Room", room)])
    members = rooms.setdefault(room, set())
    members.add(websocket)
    try:
        while True:
            said = await websocket.receive_json(Said)
            assert_type(said, Said)
            for member in members:
                assert_type(await member.send_json(said, mode="binary"), bool)
    except WebSocketMessageError as error:
        assert_type(error.data, str | bytes)
        await websocket.close(1003, "that is no message")
    except WebSocketDisconnect as end:
        assert_type(end.code, int)
        assert_type(end.reason, str)
    except WebSocketStateError:
        raise
    except WebSocketError:
        raise
    finally:
        members.discard(websocket)


@app.websocket("/kinds", cancel_on_disconnect=True)
async def kinds(websocket: WebSocket) -> None:
    await websocket.accept()
    assert_type(await websocket.receive_text(), str)
    assert_type(await websocket.receive_bytes(), bytes)
    assert_type(await websocket.receive(), str | bytes)
    assert_type(await websocket.receive_json(list[int]), list[int])
    anything: dict[str, int] = await websocket.receive_json()
    await websocket.send_json(anything)
    await websocket.send_bytes(memoryview(b"octets"))
    assert_type(await asyncio.wait_for(websocket.receive_text(), 1), str)
    async for message in websocket:
        assert_type(message, str | bytes)
    async for text in websocket.iter_text():
        assert_type(text, str)
    async for octets in websocket.iter_bytes():
        assert_type(octets, bytes)
    async for said in websocket.iter_json(Said):
        assert_type(said, Said)
    await websocket.wait_closed()


async def by_async(token: str) -> int:
    return len(token)


def by_sync() -> int:
    return 1


async def by_async_generator() -> AsyncIterator[str]:
    yield "session"


def by_generator() -> Iterator[bytes]:
    yield b"session"


@app.websocket("/resolved")
async def resolved(websocket: WebSocket) -> None:
    async with (
        app.resolve(by_async, websocket) as first,
        app.resolve(by_sync) as second,
        app.resolve(by_async_generator) as third,
        app.resolve(by_generator) as fourth,
        app.resolve(Said, connection=websocket) as fifth,
    ):
        assert_type(first, int)
        assert_type(second, int)
        assert_type(third, str)
        assert_type(fourth, bytes)
        assert_type(fifth, Said)


@app.get("/items/{number:int}", cancel_on_disconnect=True)
async def item(request: Request, number: int) -> dict[str, int]:
    assert_type(request.method, str)
    assert_type(request.path, str)
    assert_type(request.headers, Headers)
    assert_type(request.query_params, QueryParams)
    assert_type(request.cookies, dict[str, str])
    assert_type(request.client, Client | None)
    assert_type(request.url, str)
    assert_type(request.app, ProAPI)
    assert_type(request.state, State)
    app.state.requests = request.state.number = 1
    assert_type(await request.is_disconnected(), bool)
    if number < 0:
        raise HTTPException(404, "There is no such item.", {"X-Number": str(number)})
    if number > 1000:
        raise HTTPException(status_code=404)
    if number == 1000:
        raise HTTPException(status=410, detail="by its older name")
    return {"number": number}


@app.post("/items")
async def add(request: Request) -> Response:
    try:
        said = await request.json(Said)
        assert_type(said, Said)
    except RequestBodyError as error:
        assert_type(error.status_code, int)
        assert_type(error.detail, str)
    assert_type(await request.body(), bytes)
    form = await request.form()
    assert_type(form, FormData)
    assert_type(form["a"], str | UploadFile)
    async with request.form(max_files=1) as entered:
        assert_type(entered, FormData)
    files = await request.files()
    assert_type(files, FormFiles)
    assert_type(files.get("a"), UploadFile | None)
    assert_type(files.getlist("a"), list[UploadFile])
    assert_type(await files["a"].read(), bytes)
    await files["a"].save("copy")
    response = RedirectResponse("/items/1", 303)
    response.set_cookie("seen", "1", max_age=60, httponly=True, samesite="strict")
    response.delete_cookie("old")
    return response


@app.put("/items/{id:uuid}")
def put(request: Request, id: UUID) -> str:
    return f"<p>{id}</p>"


@app.patch("/page")
def page(request: Request) -> HTMLResponse:
    return HTMLResponse("<p>page</p>")


@app.delete("/items/{path:path}")
async def remove(request: Request, path: str) -> PlainTextResponse:
    response = PlainTextResponse(content=path, status_code=202)
    assert_type(response.status_code, int)
    assert_type(response.media_type, str)
    return response if path else PlainTextResponse(body=path, status=202)


@app.route("/any", methods=["GET", "POST"])
async def any_method(request: Request) -> JSONResponse:
    return JSONResponse([1, 2.5, None], headers={"X-Any": "1"})


@app.get("/file")
def file(request: Request) -> FileResponse:
    return FileResponse(Path(__file__), filename="app.py")


@app.get("/stream")
async def stream(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return StreamingResponse(parts(), media_type="text/event-stream")


def wrong() -> None:
    try:
        app.get("items")(page)
    except RouteError as error:
        print(error)


async def main() -> None:
    await app.serve("127.0.0.1", 0, on_listening=print)
    await app.serve(["127.0.0.1", "::1"], 0, uds=Path("/run/app.sock"), uds_mode=0o660, fd=3, reuse_port=True)


async def served() -> int:
    async with app.serving(port=0) as server:
        assert_type(server, RunningServer)
        assert_type(server.url, str)
        assert_type(server.addresses, list[tuple[str, int]])
        return server.port


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=8000, fast=True, workers=2, shutdown_timeout=5.0)
