"""An HTTP exchange over an ASGI server: the response's parts queue here, bounded, and a pump sends them."""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from .._core.binding import RequestInfo
from .._core.exchange import Pairs
from .._core.threads import ThreadPool

_HIGH_WATER = 64 * 1024
_FILE_PART = 64 * 1024
_BODILESS = (204, 304)
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class Messages(NamedTuple):
    """The two callables of an ASGI connection."""

    receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _FilePart(NamedTuple):
    descriptor: int
    offset: int
    length: int


class AsgiExchange:
    """See ``Exchange``."""

    def __init__(self, request: RequestInfo, messages: Messages) -> None:
        self.request = request
        self.started = False
        self.finished = False
        self.ended = False
        self._messages = messages
        self._has_body = request.method != "HEAD"
        self._parts: deque[MutableMapping[str, Any] | _FilePart] = deque()
        self._buffered = 0
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._on_end: Callable[[], object] | None = None

    # ---- the handler's side ----

    def respond(self, status: int, headers: Pairs, body: bytes) -> None:
        self.start(status, headers, len(body))
        self.finished = True
        content = body if self._has_body else b""
        self._buffered += len(content)
        self._put({"type": "http.response.body", "body": content, "more_body": False})

    def respond_with_file(self, status: int, headers: Pairs, path: bytes) -> None:
        self.respond_with_found(*self.request.find_file_at(path, status, headers))

    def respond_with_found(self, status: int, headers: Pairs, text: str, file: tuple[int, int, int] | None) -> None:
        """What the engine has found."""
        if file is None:
            self.respond(status, headers, text.encode())
        else:
            try:
                self._respond_with(status, headers, _FilePart(*file))
            except BaseException:
                os.close(file[0])
                raise

    def answer(self, status: int, text: bytes, headers: Pairs | None = None) -> None:
        """A refusal in words."""
        self.respond(status, [*(headers or []), _TEXT], text)

    def start(self, status: int, headers: Pairs, content_length: int | None) -> None:
        if self.started:
            raise RuntimeError("the response has been started already")
        self.started = True
        self._has_body = self._has_body and status not in _BODILESS
        fields = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers]
        if content_length is not None and status not in _BODILESS:
            fields.append((b"content-length", str(content_length).encode()))
        self._put({"type": "http.response.start", "status": status, "headers": fields})

    @property
    def client_left(self) -> bool:
        self._watch_client()
        return self.ended

    def on_end(self, callback: Callable[[], object] | None) -> None:
        self._on_end = callback
        if callback is not None and self.ended:
            asyncio.get_running_loop().call_soon(callback)

    def end_with_client(self) -> None:
        """To an ASGI server, a client that ends its side is gone, or not: nothing tells that it has but ended it."""
        self._watch_client()

    async def write(self, data: bytes) -> bool:
        self._put_body(data)
        while self._buffered > _HIGH_WATER and not self.ended:
            self._drained.clear()
            await self._drained.wait()
        return not self.ended

    def finish(self) -> None:
        self.finished = True
        self._put({"type": "http.response.body", "body": b"", "more_body": False})

    def fail(self) -> None:
        if self.finished:
            return
        if self.started:
            self.finished = True  # without the last part
            self._changed.set()
        else:
            self.respond(500, [_TEXT], b"Internal Server Error\n")

    # ---- the server's side ----

    async def pump(self, pool: ThreadPool) -> None:
        """Sends the response's parts until it is whole. A response that failed stays without its end, behind what was
        written before: the server cuts the connection."""
        try:
            while True:
                while self._parts and not self.ended:
                    await self._send(self._parts.popleft(), pool)
                if self.finished or self.ended:
                    return
                if self.started:
                    self._watch_client()
                self._changed.clear()
                await self._changed.wait()
        finally:
            if self._watcher is not None:
                self._watcher.cancel()
            for part in self._parts:
                if isinstance(part, _FilePart):
                    os.close(part.descriptor)

    async def _send(self, part: MutableMapping[str, Any] | _FilePart, pool: ThreadPool) -> None:
        if isinstance(part, _FilePart):
            await self._send_file(part, pool)
            return
        await self._give(part)
        self._buffered -= len(part.get("body", b""))
        self._drained.set()

    async def _send_file(self, file: _FilePart, pool: ThreadPool) -> None:
        descriptor, offset, length = file
        self._start_watch()
        try:
            while length and not self.ended:
                data = await pool.run(os.pread, descriptor, min(length, _FILE_PART), offset)
                if not data:  # it has become shorter than its announced length
                    self._parts.clear()
                    return
                await self._give({"type": "http.response.body", "body": data, "more_body": True})
                offset += len(data)
                length -= len(data)
        finally:
            os.close(descriptor)

    async def _give(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._messages.send(message)
        except OSError:
            self._end()

    def _watch_client(self) -> None:
        """For a streamed response, which ends when the client is gone, and for whoever asks."""
        if not self.finished:
            self._start_watch()

    def _start_watch(self) -> None:
        if self._watcher is None and not self.ended:
            self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        try:
            while (await self._messages.receive())["type"] != "http.disconnect":
                pass
        except Exception:
            self._end()
            raise
        self._end()

    def _end(self) -> None:
        if self.ended:
            return
        self.ended = True
        self._drained.set()
        self._changed.set()
        if self._on_end is not None:
            self._on_end()

    def _respond_with(self, status: int, headers: Pairs, file: _FilePart) -> None:
        self.start(status, headers, file.length)
        if self._has_body:
            self._put(file)
        else:
            os.close(file.descriptor)
        self.finish()

    def _put_body(self, data: bytes) -> None:
        if data and self._has_body:
            self._buffered += len(data)
            self._put({"type": "http.response.body", "body": data, "more_body": True})

    def _put(self, part: MutableMapping[str, Any] | _FilePart) -> None:
        self._parts.append(part)
        self._changed.set()
