"""The contract application in Python, which the black-box tests talk to, whatever server runs it.

    python tests/contract/app.py --port P [--uds PATH] [--fast] [--workers N] [--limit name=value]...
    uvicorn --app-dir tests/contract app:app

contract_app.cpp behaves the same. If the environment variable CAPP_FINALLY_LOG names a file, the ``finally`` of every
WebSocket handler appends the line ``PATH ID COMPLETED`` to it: the query's ``id`` or "-", and how many sends have
completed. CAPP_CORS has the options of CORS as JSON.
"""

import argparse
import asyncio
import functools
import gc
import hashlib
import itertools
import json
import os
import ssl
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from features import register_features

from proapi import CORS, ProAPI, Request, Response, WebSocketConnection

app = ProAPI(cors=CORS(**json.loads(os.environ["CAPP_CORS"])) if "CAPP_CORS" in os.environ else None)
rooms: dict[str, set[WebSocketConnection]] = {}
members = itertools.count(1)
sequence = itertools.count(1)
totals = {"pushed": 0, "dropped": 0, "websockets": 0}

Handler = Callable[..., Awaitable[None]]


def websocket(path: str) -> Callable[[Handler], Handler]:
    """Adds a WebSocket route whose handler counts its connection and writes the finally log."""

    def register(handler: Handler) -> Handler:
        @app.websocket(path)
        @functools.wraps(handler)
        async def counted(websocket: WebSocketConnection, **path_params: Any) -> None:
            totals["websockets"] += 1
            websocket.user_data["completed"] = 0
            try:
                await handler(websocket, **path_params)
            finally:
                totals["websockets"] -= 1
                if log := os.environ.get("CAPP_FINALLY_LOG"):
                    number = websocket.query_params.get("id", "-")
                    with open(log, "a") as file:
                        file.write(f"{websocket.path} {number} {websocket.user_data['completed']}\n")

        return counted

    return register


def number(connection: WebSocketConnection | Request, name: str, default: int = 0) -> int:
    return int(connection.query_params.get(name, default))


async def send(websocket: WebSocketConnection, message: str | bytes) -> None:
    sent = websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message)
    websocket.user_data["completed"] += await sent


@websocket("/echo")
async def echo(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    async for message in websocket:
        await send(websocket, message)


async def swallow(websocket: WebSocketConnection, pause_s: float) -> None:
    """Answers "?" with the count, size and SHA-256 of the messages received so far."""
    await websocket.accept()
    count = size = 0
    digest = hashlib.sha256()
    while True:
        if pause_s:
            await asyncio.sleep(pause_s)
        message = await websocket.receive()
        if message == "?":
            await websocket.send_json({"count": count, "bytes": size, "sha256": digest.hexdigest()})
            websocket.user_data["completed"] += 1
            continue
        data = message.encode() if isinstance(message, str) else message
        count += 1
        size += len(data)
        digest.update(data)


@websocket("/sink")
async def sink(websocket: WebSocketConnection) -> None:
    await swallow(websocket, 0)


@websocket("/slow")
async def slow(websocket: WebSocketConnection) -> None:
    await swallow(websocket, number(websocket, "ms") / 1000)


@websocket("/afterwards")
async def afterwards(websocket: WebSocketConnection) -> None:
    """Still has work to do after the connection has ended."""
    await websocket.accept()
    await send(websocket, "ready")
    async for _ in websocket:
        pass
    await asyncio.sleep(number(websocket, "ms") / 1000)
    websocket.user_data["completed"] += 1


@websocket("/push")
async def push(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    size = number(websocket, "size")
    for index in range(number(websocket, "n", 1)):
        await send(websocket, f"{index} ".ljust(size, "."))
        totals["pushed"] += 1


@websocket("/late")
async def late(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    pause_s = number(websocket, "ms") / 1000
    tasks: set[asyncio.Task[None]] = set()

    async def answer(message: str) -> None:
        await asyncio.sleep(pause_s)
        await send(websocket, f"late:{message}")

    async for message in websocket.iter_text():
        task = asyncio.create_task(answer(message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


@websocket("/room/{r}")
async def room(websocket: WebSocketConnection, r: str) -> None:
    await websocket.accept()
    own = websocket.query_params.get("id") or str(next(members))
    here = rooms.setdefault(r, set())
    here.add(websocket)
    try:
        async for message in websocket.iter_text():
            event = {"seq": next(sequence), "from": own, "data": message}
            for member in list(here):
                if await member.send_json(event):
                    member.user_data["completed"] += 1
                else:
                    totals["dropped"] += 1
    finally:
        here.discard(websocket)
        if not here and rooms.get(r) is here:
            del rooms[r]


@websocket("/poll")
async def poll(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    pause_s = number(websocket, "ms") / 1000
    timeouts = 0
    while True:
        try:
            if pause_s:
                message = await asyncio.wait_for(websocket.receive(), pause_s)
            else:
                async with asyncio.timeout(0):
                    message = await websocket.receive()
        except TimeoutError:
            timeouts += 1
            continue
        if message == "?":
            await websocket.send_json({"timeouts": timeouts})
            websocket.user_data["completed"] += 1
        else:
            await send(websocket, message)


@websocket("/raise")
async def raise_somewhere(websocket: WebSocketConnection) -> None:
    at = websocket.query_params.get("at")

    def reach(place: str) -> None:
        if at == place:
            raise RuntimeError(f"raised at {place}, as asked")

    reach("open")
    await websocket.accept()
    message = await websocket.receive()
    reach("recv")
    await send(websocket, message)
    reach("send")
    await websocket.close()
    reach("close")


@websocket("/close")
async def close(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    await websocket.close(number(websocket, "code", 1000), websocket.query_params.get("reason"))


@websocket("/many")
async def many(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    own = websocket.query_params.get("id", "")

    async def send_numbered(task: int) -> None:
        for index in range(number(websocket, "n", 1)):
            await send(websocket, f"{own}{task}:{index}")

    async with asyncio.TaskGroup() as group:
        for task in range(number(websocket, "tasks", 1)):
            group.create_task(send_numbered(task))


@app.post("/body")
async def body(request: Request) -> bytes:
    if pause_s := number(request, "ms") / 1000:
        await asyncio.sleep(pause_s)
    return await request.body()


@app.get("/hdr")
def header(request: Request) -> Response:
    return Response("ok", headers=[(request.query_params["n"], request.query_params["v"])], media_type="text/plain")


@app.get("/livez")
def alive() -> str:
    return "ok"


@app.get("/who")
def who(request: Request) -> dict[str, str | None]:
    url = urlsplit(request.url)
    return {"client": request.client and request.client.host, "scheme": url.scheme, "host": url.netloc}


@app.get("/readyz")
async def ready() -> str:
    return "ok"


@app.get("/stats")
async def stats() -> dict[str, Any]:
    counts = app.counts
    return {
        "pid": os.getpid(),
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "fds": len(os.listdir("/proc/self/fd")),
        "conns": {"tcp": counts["open"], "http": counts["http"], "ws": totals["websockets"]},
        "send_queued": counts["send_queued_bytes"],
        "partial_bytes": counts["partial_bytes"],
        "py_handles": sum(isinstance(each, WebSocketConnection) for each in gc.get_objects()),
        "accepted": counts["accepted"],
        "refused": counts["refused"],
        "closed": counts["closed"],
        "dropped": totals["dropped"],
        "pushed": totals["pushed"],
        "rooms": len(rooms),
        "tasks": len(asyncio.all_tasks()),
        "limits": app.limits,
    }


def make_files() -> tempfile.TemporaryDirectory[str]:
    """Returns a temporary folder, which exists as long as the returned object."""
    folder = tempfile.TemporaryDirectory(prefix="capp-")
    Path(folder.name, "big.bin").write_bytes(bytes(range(256)) * (4 * 1024 * 1024 // 256))
    Path(folder.name, "index.html").write_text("<!doctype html><title>ProAPI</title>\n")
    return folder


files = make_files()
app.static("/static", files.name)
app.static("/all-static", files.name, dot_files=True)
register_features(app)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", action="append", help="may be repeated")
    parser.add_argument("--port", type=int)
    parser.add_argument("--uds", metavar="PATH")
    parser.add_argument("--uds-mode", type=lambda text: int(text, 8), default=0o666, metavar="OCTAL")
    parser.add_argument("--fd", type=int)
    parser.add_argument("--reuse-port", action="store_true")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--access-log", choices=["common", "json"])
    for name in ("certfile", "keyfile"):
        parser.add_argument(f"--ssl-{name}", action="append")
    for name in ("keyfile-password", "ca-certs", "ciphers"):
        parser.add_argument(f"--ssl-{name}")
    parser.add_argument("--ssl-cert-reqs", type=lambda name: ssl.VerifyMode[f"CERT_{name.upper()}"])
    parser.add_argument("--pmd", action="store_const", const="shared", dest="compression")
    parser.add_argument("--pmd-dedicated", action="store_const", const="dedicated", dest="compression")
    parser.add_argument("--trusted-proxies", metavar="LIST")
    parser.add_argument("--proxy-protocol", action="store_true")
    parser.add_argument("--broker", metavar="URL")
    given = parser.parse_args()
    if given.broker:
        sys.exit("capp: --broker is not there yet")
    limits = dict(limit.partition("=")[::2] for limit in given.limit)
    if given.compression:
        app.configure(compression=given.compression, compression_threshold=0)
    if given.trusted_proxies:
        limits["trusted_proxies"] = given.trusted_proxies
    if given.proxy_protocol:
        limits["proxy_protocol"] = "true"
    app.run(
        given.host,
        given.port,
        uds=given.uds,
        uds_mode=given.uds_mode,
        fd=given.fd,
        reuse_port=given.reuse_port,
        fast=given.fast,
        workers=given.workers,
        loop=given.loop,
        access_log=given.access_log,
        ssl_certfile=given.ssl_certfile,
        ssl_keyfile=given.ssl_keyfile,
        ssl_keyfile_password=given.ssl_keyfile_password,
        ssl_ca_certs=given.ssl_ca_certs,
        ssl_cert_reqs=given.ssl_cert_reqs,
        ssl_ciphers=given.ssl_ciphers,
        **limits,
    )


if __name__ == "__main__":
    main()
