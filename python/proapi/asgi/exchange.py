"""An HTTP request over an ASGI server: the engine's exchange, whose messages are passed to the server.

The handler runs in the task of the ASGI call, and each part of its response is sent from there.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from .._core.binding import AsgiExchange
from .._core.exchange import Pairs

if TYPE_CHECKING:
    from .front import AsgiFront

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FILE_PART = 64 * 1024
# A small body may come in several messages, and the client's end comes after them.
_PARTS_AHEAD = 16
_DISCONNECT: Message = {"type": "http.disconnect"}


async def serve_http(front: "AsgiFront", scope: Message, receive: Receive, send: Send) -> None:
    """Serves one request, from its head to the end of its response."""
    exchange = HttpExchange(front, scope, receive, send)
    route = exchange.route
    if route is None and exchange.takes_body:
        if not await exchange.collect_body():
            return
        route = exchange.route
    try:
        if route is not None:
            tokens = front.enter_context()
            try:
                await front.dispatcher.respond(exchange, route)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not exchange.has_told_end or task is None or task.uncancel() > 0:  # not because the client left
                    raise
            finally:
                front.leave_context(tokens)
        await exchange.flush()
    finally:
        exchange.close()


class HttpExchange(AsgiExchange):
    """Implements ``_core.exchange.Exchange``."""

    __slots__ = ("_ahead", "_front", "_head", "_on_end", "_receive", "_send", "_watcher", "has_told_end")

    def __init__(self, front: "AsgiFront", scope: Message, receive: Receive, send: Send) -> None:
        AsgiExchange.__init__(self, front.service, scope)  # cheaper than super(), for each request
        self._front = front
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None
        self._ahead: asyncio.Queue[Message] | None = None
        self._head: asyncio.Task[None] | None = None
        self._on_end: Callable[[], object] | None = None
        self.has_told_end = False
        """Whether the callback of ``on_end`` was called, which may have cancelled the handler."""

    # ---- the handler's side ----

    @property
    def client_left(self) -> bool:
        self._watch_client()
        return self.ended

    def on_end(self, callback: Callable[[], object] | None) -> None:
        self._on_end = callback
        if callback is not None and self.ended:
            asyncio.get_running_loop().call_soon(self._tell_end)

    def end_with_client(self) -> None:
        """An ASGI server reports only that the client has disconnected, never that it has merely ended its side."""
        self._watch_client()

    async def read_body(self) -> bytes | None:
        while self.must_wait_for_body:
            if self.wants_to_decode:
                await asyncio.sleep(0)
                self.decode_body()
            else:
                self._take(await (self._receive() if self._ahead is None else self._ahead.get()))
        return self.take_body_part()

    def start(self, status: int, headers: Pairs, content_length: int | None) -> None:
        super().start(status, headers, content_length)
        if asyncio.current_task() is None:  # a stream's first part takes long: no task is there to send the head
            self._head = asyncio.ensure_future(self.flush())

    async def write(self, data: bytes) -> bool:
        self.put(data)
        self._watch_client()
        await self.flush()
        return not self.ended

    # ---- the server's side ----

    async def collect_body(self) -> bool:
        """Reads the request's body before the handler is called. False: the client has disconnected."""
        while self.takes_body:
            if not self._take(await self._receive()):
                return False
        while self.wants_to_decode:
            await asyncio.sleep(0)  # a call decodes a bounded part: other connections come in between
            self.decode_body()
        return True

    def _take(self, message: Message) -> bool:
        """Passes a part of the request's body on. False: the client has disconnected."""
        if message["type"] != "http.request":
            self._end()
            return False
        self.feed(message.get("body", b""), message.get("more_body", False))
        return True

    async def flush(self) -> None:
        """Sends what there is of the response.

        A failed response stays without its end, so that the server cuts the connection.
        """
        if self._head is not None and self._head is not asyncio.current_task():
            await self._head
        messages = self.take_messages()
        try:
            while messages and not self.ended:
                message = messages.pop(0)
                if isinstance(message, tuple):
                    if not await self._send_file(*message):
                        return
                else:
                    try:  # as in _give(), whose coroutine would cost every response twice
                        await self._send(message)
                    except OSError:
                        self._end()
        finally:
            for message in messages:
                if isinstance(message, tuple):
                    os.close(message[0])

    async def _give(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:
            self._end()

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _send_file(self, descriptor: int, offset: int, length: int) -> bool:
        """Sends a part of a file and closes the descriptor.

        False: the response must not go on, because the file is shorter than announced or the client has disconnected.
        """
        self._watch_client()
        try:
            while length and not self.ended:
                data = await self._front.files.run(os.pread, descriptor, min(length, _FILE_PART), offset)
                if not data:
                    return False
                offset += len(data)
                length -= len(data)
                if body := self.encode_file(data, is_last=length == 0):
                    await self._give({"type": "http.response.body", "body": body, "more_body": True})
        finally:
            os.close(descriptor)
        return not self.ended

    def _watch_client(self) -> None:
        """Watches for the client's end, for streamed responses, which end with the client, and for handlers that
        ask. From now on ``read_body`` gets from the watcher what it receives: a few parts ahead of the handler."""
        if self._watcher is None and not self.ended:
            self._ahead = asyncio.Queue(_PARTS_AHEAD)
            self._watcher = asyncio.ensure_future(self._watch(self._ahead))

    async def _watch(self, ahead: asyncio.Queue[Message]) -> None:
        try:
            while (message := await self._receive())["type"] == "http.request":
                await ahead.put(message)
        finally:
            self._end()
            if ahead.empty():  # a handler may be waiting for a part
                ahead.put_nowait(_DISCONNECT)

    def _end(self) -> None:
        if self.ended:
            return
        self.end()
        self._tell_end()

    def _tell_end(self) -> None:
        if self._on_end is not None:
            self.has_told_end = True
            self._on_end()
