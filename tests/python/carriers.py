"""One request to an application in this process, by the engine's own socket and by an ASGI server: what the package
does must be the same."""

import asyncio
import json
from typing import Any

from asgi_peer import Peer, scope_of
from conftest import http, serving
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from proapi import ProAPI

CARRIERS = ("engine", "asgi")
Answer = tuple[int, Any]
"""The status, and the body: what JSON says, or text."""


async def ask(
    carrier: str, app: ProAPI, path: str, *, method: str = "GET", body: bytes = b"", **headers: str
) -> Answer:
    """Sends one request. ``headers``: ``content_type="text/plain"``. A body is JSON if they do not say otherwise."""
    if body:
        headers.setdefault("content_type", "application/json")
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if carrier == "asgi":
        return await _ask_asgi(app, path, method, body, fields)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    async with serving(app) as port:
        status, _, answer = await http(port, method, path, headers=lines, body=body)
    return status, _read(answer)


async def _ask_asgi(app: ProAPI, path: str, method: str, body: bytes, fields: dict[str, str]) -> Answer:
    if body:
        fields = {**fields, "content-length": str(len(body))}
    peer = Peer(app, scope_of("http", path, headers=fields, method=method))
    peer.put("http.request", body=body)
    await peer.end()
    start = await peer.get()
    parts = []
    while not peer.outgoing.empty():
        parts.append((await peer.get()).get("body", b""))
    return start["status"], _read(b"".join(parts))


def _read(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return answer.decode()


async def handshake(app: ProAPI, path: str, **headers: str) -> tuple[int, Any]:
    """Opens a WebSocket over the engine. Returns 101 and the first message as JSON, or the refusal."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    async with serving(app) as port:
        try:
            async with connect(f"ws://127.0.0.1:{port}{path}", additional_headers=fields) as client:
                return 101, json.loads(await asyncio.wait_for(client.recv(), 5))
        except InvalidStatus as error:
            return error.response.status_code, _read(bytes(error.response.body or b""))
