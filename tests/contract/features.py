"""The routes that the contract application serves below /features: connections that do what a test says (see
driver.py), routes of every kind, and HTTP handlers of every kind. The C++ twins are features_*.cpp.
"""

import asyncio
import json
import math
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from features_events import register_events
from features_messages import register_messages
from features_uploads import register_uploads

from proapi import (
    FileResponse,
    HTTPException,
    JSONResponse,
    ProAPI,
    Request,
    Response,
    StreamingResponse,
    WebSocketConnection,
    WebSocketMessageError,
)
from proapi._core.threads import MAX_THREADS

Command = dict[str, Any]

controls: dict[str, WebSocketConnection] = {}
subjects: dict[str, WebSocketConnection] = {}
files = Path(__file__).resolve().parent
one_file = files / "package.json"


class Return(Exception):
    """Raised to end the handler."""


def register_features(app: ProAPI) -> None:
    register_driven(app)
    register_routes(app)
    register_http(app)
    register_files(app)
    register_blocking(app)
    register_uploads(app)
    register_events(app)
    register_messages(app)


# ---- connections that do what a test says ---------------------------------------------------------------------------


def register_driven(app: ProAPI) -> None:
    @app.websocket("/features/control/{name}")
    async def control(websocket: WebSocketConnection, name: str) -> None:
        controls[name] = websocket
        try:
            await websocket.accept()
            await websocket.wait_closed()
        finally:
            del controls[name]

    @app.websocket("/features/own/{name}")
    async def own(websocket: WebSocketConnection, name: str) -> None:
        subjects[name] = websocket
        try:
            await follow(controls[name], websocket)
        finally:
            del subjects[name]

    @app.websocket("/features/foreign/{name}")
    async def foreign(websocket: WebSocketConnection, name: str) -> None:
        subject = subjects[name]
        await websocket.accept()
        await follow(websocket, subject)


async def follow(control: WebSocketConnection, subject: WebSocketConnection) -> None:
    """Carries out on ``subject`` the commands that arrive over ``control``."""
    tasks: dict[int, asyncio.Task[None]] = {}
    while True:
        command = await control.receive_json()
        if command["call"] == "return":
            return
        if command["call"] == "raise":
            await leave(subject, command["what"])
        elif command["call"] == "cancel":
            tasks.pop(command["of"]).cancel()
            await answer(control, command, {"value": None})
        elif command.get("in_task"):
            tasks[command["id"]] = asyncio.create_task(carry_out(control, subject, command))
            await asyncio.sleep(0)  # it begins before the next command, even if that has already arrived
        else:
            await carry_out(control, subject, command)


async def leave(subject: WebSocketConnection, what: str) -> None:
    """Raises the exception that ``what`` names, so that it leaves the handler."""
    if what == "error":
        raise RuntimeError("raised as asked")
    if what == "refusal":
        raise HTTPException(410, "not today", {"X-Why": "asked"})
    if what == "no refusal":
        raise HTTPException(200, "raised as asked")
    if what == "missing":
        subject.query_params["missing"]
    elif what == "wrong kind":
        await subject.receive_text()
    elif what == "own message error":
        raise WebSocketMessageError("raised as asked", close_code=1007)
    elif what == "not JSON":
        await subject.receive_json()
    elif what == "group":
        async with asyncio.TaskGroup() as group:
            group.create_task(subject.receive())
    else:
        raise AssertionError(what)


async def answer(control: WebSocketConnection, command: Command, result: dict[str, Any]) -> None:
    await control.send_json({"id": command["id"], **result})


async def carry_out(control: WebSocketConnection, subject: WebSocketConnection, command: Command) -> None:
    try:
        result = {"value": shown(await CALLS[command["call"]](subject, command))}
    except asyncio.CancelledError:
        result = {"error": "CancelledError", "text": "", "bases": []}
    except Exception as error:
        result = {
            "error": type(error).__name__,
            "text": str(error),
            "bases": [base.__name__ for base in type(error).__mro__],
            "data": shown(getattr(error, "data", None)),
            "code": getattr(error, "code", None),
            "reason": getattr(error, "reason", None),
        }
    await answer(control, command, result)


def shown(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def options(command: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: command[name] for name in names if name in command}


def given(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) and value.keys() == {"hex"} else value


def headers_of(command: Command) -> Any:
    """Returns pairs of str, or of bytes if the test sends bytes."""
    pairs = command.get("headers")
    return pairs and [(given(name), given(value)) for name, value in pairs]


async def state(ws: WebSocketConnection, _: Command) -> dict[str, Any]:
    return {
        "path": ws.path,
        "path_params": ws.path_params,
        "query": {name: ws.query_params.getlist(name) for name in ws.query_params},
        "last": dict(ws.query_params),
        "headers": {name: ws.headers.getlist(name.upper()) for name in ws.headers},
        "cookies": ws.cookies,
        "subprotocols": ws.subprotocols,
        "client": list(ws.client or ()),
        "client_certificate": ws.client_certificate,
        "url": ws.url,
        "closed": ws.closed,
        "close_code": ws.close_code,
        "close_reason": ws.close_reason,
        "subprotocol": ws.subprotocol,
        "buffered_amount": ws.buffered_amount,
    }


async def receive_within(ws: WebSocketConnection, command: Command) -> Any:
    return await asyncio.wait_for(ws.receive(), command["ms"] / 1000)


async def receive_points(ws: WebSocketConnection, _: Command) -> Any:
    return sorted((await ws.receive_json(dict[str, int])).items())


async def iterate(ws: WebSocketConnection, command: Command) -> list[Any]:
    """Returns every message until the loop ends."""
    kinds: dict[str, AsyncIterator[Any]] = {
        "any": aiter(ws),
        "text": ws.iter_text(),
        "bytes": ws.iter_bytes(),
        "json": ws.iter_json(),
    }
    return [shown(message) async for message in kinds[command["kind"]]]


async def send_many(ws: WebSocketConnection, command: Command) -> int:
    """Sends ``count`` messages of ``size`` characters and returns how many sends have completed. After the end of the
    connection, a send raises in its own handler and returns False elsewhere."""
    completed = 0
    for index in range(command["count"]):
        completed += await ws.send_text(f"{index} ".ljust(command["size"], "."))
    return completed


async def send_unawaited(ws: WebSocketConnection, command: Command) -> int:
    """Sends without awaiting, until the connection has ended or ``count`` messages are sent. Returns how many were
    sent."""
    for index in range(command["count"]):
        if ws.closed:
            return index
        ws.send_text(f"{index} ".ljust(command["size"], "."))
    return int(command["count"])


async def remember(ws: WebSocketConnection, command: Command) -> dict[str, Any]:
    for name, value in command.get("set", {}).items():
        setattr(ws.state, name, value)
    return {name: getattr(ws.state, name) for name in ws.state}


async def user_data(ws: WebSocketConnection, command: Command) -> dict[str, Any]:
    ws.user_data.update(command.get("set", {}))
    return dict(ws.user_data)


async def handle(ws: WebSocketConnection, _: Command) -> bool:
    """Whether the handle compares and hashes as it should."""
    return ws == ws and ws in {ws} and ws in [ws] and ws != next(iter(controls.values())) and hash(ws) == hash(ws)


CALLS: dict[str, Any] = {
    "state": state,
    "handle": handle,
    "remember": remember,
    "user_data": user_data,
    "accept": lambda ws, c: ws.accept(c.get("subprotocol"), headers_of(c)),
    "close": lambda ws, c: ws.close(c.get("code", 1000), c.get("reason")),
    "reject": lambda ws, c: ws.reject(c.get("status", 403), c.get("body", ""), headers_of(c)),
    "wait_closed": lambda ws, _: ws.wait_closed(),
    "receive": lambda ws, _: ws.receive(),
    "receive_text": lambda ws, _: ws.receive_text(),
    "receive_bytes": lambda ws, _: ws.receive_bytes(),
    "receive_json": lambda ws, _: ws.receive_json(),
    "receive_points": receive_points,
    "receive_within": receive_within,
    "iterate": iterate,
    "send_text": lambda ws, c: ws.send_text(given(c["data"]), **options(c, "compress")),
    "send_bytes": lambda ws, c: ws.send_bytes(given(c["data"]), **options(c, "compress")),
    "send_view": lambda ws, c: ws.send_bytes(memoryview(bytearray(given(c["data"])))),
    "send_surrogate": lambda ws, _: ws.send_text("\ud800"),
    "send_json": lambda ws, c: ws.send_json(c["data"], **options(c, "mode", "compress")),
    "send_number": lambda ws, c: ws.send_json([{"x": getattr(math, c["name"])}]),
    "send_many": send_many,
    "send_unawaited": send_unawaited,
}


# ---- routes ---------------------------------------------------------------------------------------------------------


def register_routes(app: ProAPI) -> None:
    """Adds the same shapes for both kinds of route, in an order that would be wrong if order mattered."""
    shapes = {
        "path": "{rest:path}",
        "plain": "{name}",
        "uuid": "{id:uuid}",
        "float": "{x:float}",
        "int": "{n:int}",
        "literal": "literal",
        "two": "{a}/{b:int}",
    }
    for which, shape in shapes.items():
        app.websocket(f"/features/route/{shape}")(socket_of(which))
        app.get(f"/features/route-http/{shape}")(page_of(which))

    @app.websocket("/features/named/{room}")
    async def any_name(room: str, connection: WebSocketConnection) -> None:
        await connection.accept()
        await connection.send_text(room)

    @app.websocket(
        "/features/limited",
        max_message_size=100,
        max_fragments=5,
        max_empty_fragments=3,
        allowed_origins=["https://app.example.org", "null"],
    )
    async def limited(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            await websocket.send_text(message)

    paused = app.websocket("/features/rate/pause", message_rate=50, message_burst=5)
    closed = app.websocket("/features/rate/close", message_rate=1, message_burst=3, message_rate_action="close")
    mortal = app.websocket("/features/lifetime", max_lifetime=0.5)
    for decorator in (paused, closed, mortal):
        decorator(limited)

    @app.websocket("/features/compressed", compression="shared")
    async def compressed(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            await websocket.send_text(message)

    for method in ("get", "post", "put", "patch", "delete", "head", "options"):
        decorator = getattr(app, method)
        decorator(f"/features/method/{method}")(handler_of(method))
        decorator("/features/methods")(handler_of(method))

    @app.get("/features/both")
    async def page() -> str:
        return "page"

    @app.websocket("/features/both")
    async def socket(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_text("socket")


def socket_of(which: str) -> Any:
    async def handler(websocket: WebSocketConnection, **parameters: Any) -> None:
        await websocket.accept()
        await websocket.send_json([which, {name: printed(value) for name, value in parameters.items()}])

    return handler


def page_of(which: str) -> Any:
    async def handler(request: Request, **parameters: Any) -> list[Any]:
        return [which, {name: printed(value) for name, value in parameters.items()}]

    return handler


def handler_of(method: str) -> Any:
    async def handler() -> Response:
        return Response(method, headers={"X-Method": method})

    return handler


def printed(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) else str(value)


# ---- HTTP -----------------------------------------------------------------------------------------------------------


def register_http(app: ProAPI) -> None:
    @app.route("/features/request", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    async def describe(request: Request) -> dict[str, Any]:
        return {
            "method": request.method,
            "path": request.path,
            "query": {name: request.query_params.getlist(name) for name in request.query_params},
            "headers": {name: request.headers.getlist(name.upper()) for name in request.headers},
            "cookies": request.cookies,
            "client": list(request.client or ()),
            "client_certificate": request.client_certificate,
            "url": request.url,
            "body": (await request.body()).decode("latin-1"),
        }

    @app.post("/features/form")
    async def form(request: Request) -> list[Any]:
        return [item for item in (await request.form()).multi_items() if isinstance(item[1], str)]

    @app.post("/features/files")
    async def uploaded(request: Request) -> list[Any]:
        files = (await request.files()).multi_items()
        return [[name, file.filename, file.content_type, file.data.decode("latin-1")] for name, file in files]

    @app.post("/features/json")
    async def parsed(request: Request) -> dict[str, Any]:
        return {"got": await request.json()}

    @app.get("/features/list")
    async def a_list() -> list[Any]:
        return [1, "zwei", None, {"drei": 3.5}]

    @app.get("/features/html")
    def html() -> str:
        return "<p>\u20ac</p>"

    @app.get("/features/bytes")
    async def octets() -> bytes:
        return b"\0\xff"

    @app.get("/features/nothing")
    async def nothing() -> Response:
        return Response(status_code=204)

    @app.get("/features/answer/{status:int}")
    async def answer_with(status: int) -> Response:
        return Response(f"<{status}>", status, {"X-Status": str(status)}, media_type="text/x-status")

    @app.get("/features/answer/{status:int}/stream")
    async def stream_with(status: int) -> Response:
        return StreamingResponse(iter(["text"]), status)

    @app.get("/features/answer/{status:int}/file")
    async def file_with(status: int) -> Response:
        return FileResponse(one_file, status)

    @app.get("/features/cookies")
    async def set_cookies() -> Response:
        response = Response("ok")
        response.set_cookie("a", "1", httponly=True)
        response.set_cookie("b", "2", path="/features", max_age=60)
        return response

    streams = {"open": 0}
    totals = {"begun": 0}

    @app.get("/features/stream")
    async def stream(request: Request) -> StreamingResponse:
        count, size = int(request.query_params["count"]), int(request.query_params["size"])
        await asyncio.sleep(int(request.query_params.get("after_ms", "0")) / 1000)

        async def parts() -> AsyncIterator[str]:
            streams["open"] += 1
            totals["begun"] += 1
            try:
                for index in range(count):
                    yield f"{index} ".ljust(size, ".")
                if "fail" in request.query_params:
                    raise RuntimeError("raised as asked")
                if "quiet" in request.query_params:
                    await asyncio.Event().wait()
            finally:
                streams["open"] -= 1

        return StreamingResponse(parts())

    @app.get("/features/streams")
    async def open_streams() -> dict[str, int]:
        return streams

    @app.get("/features/streams/begun")
    async def begun_streams() -> JSONResponse:
        return JSONResponse(totals["begun"])

    @app.get("/features/fail")
    async def fail() -> None:
        raise RuntimeError("raised as asked")

    @app.get("/features/wrong")
    async def wrong() -> Any:
        return Response(json.dumps("x"), headers={"X-Bad": "a\r\nSet-Cookie: b=c"})


def register_files(app: ProAPI) -> None:
    @app.get("/features/file")
    async def file() -> FileResponse:
        return FileResponse(one_file)

    @app.get("/features/no-file/directory")
    def directory() -> FileResponse:
        return FileResponse(files)

    @app.get("/features/no-file/nothing")
    def nothing() -> FileResponse:
        return FileResponse(files / "nothing")


def register_blocking(app: ProAPI) -> None:
    """Adds handlers that block threads of the pool until a request releases them."""
    blocked: set[int] = set()
    may_go = threading.Event()

    @app.get("/features/block")
    def block() -> str:
        blocked.add(threading.get_ident())
        may_go.wait()
        return "let go"

    @app.get("/features/blocked")
    async def count() -> dict[str, int]:
        return {"blocked": len(blocked), "threads": MAX_THREADS}

    @app.get("/features/unblock")
    async def unblock() -> None:
        may_go.set()
