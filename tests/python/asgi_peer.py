"""An ASGI server with one client, driven by a test."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from proapi import ProAPI

Message = MutableMapping[str, Any]


class Peer:
    """An ASGI server with one connection. The test puts the messages for the application and gets its messages."""

    def __init__(self, app: ProAPI, scope: Message) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self.readers: list[asyncio.Task[Any] | None] = []  # the task that received each message
        self.task = asyncio.ensure_future(self._run(app, scope))

    async def _run(self, app: ProAPI, scope: Message) -> None:
        await app(scope, self._receive, self.outgoing.put)

    async def _receive(self) -> Message:
        self.readers.append(asyncio.current_task())
        message = await self.incoming.get()
        self.incoming.task_done()
        return message

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


async def open_websocket(app: ProAPI, path: str = "/ws/r", **more: Any) -> Peer:
    peer = Peer(app, scope_of("websocket", path, subprotocols=["one", "two"], **more))
    peer.put("websocket.connect")
    return peer
