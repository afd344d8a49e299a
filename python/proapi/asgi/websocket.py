"""A WebSocket over an ASGI server: two pumps between the server's messages and the engine's connection object."""

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from .._core.binding import RequestInfo, WebSocketBridge
from .._core.exchange import Pairs
from .._core.log import escape
from ..settings import setting_text

if TYPE_CHECKING:
    from .front import AsgiFront

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_ABNORMAL, _NO_STATUS, _TOO_BIG = 1006, 1005, 1009
# In the engine's words.
BAD_PATH = b"The path is not percent-encoded UTF-8 without NUL.\n"
NOT_FOUND = b"Nothing is served at this address.\n"
MISDIRECTED = b"This server does not answer for this host: see allowed_hosts.\n"
_TEXT: Pairs = [("Content-Type", "text/plain; charset=utf-8")]


async def serve_websocket(
    front: "AsgiFront", request: RequestInfo, scope: _Message, receive: _Receive, send: _Send
) -> None:
    """From the handshake to the end of the connection and of its handler."""
    await receive()  # websocket.connect
    can_respond = "websocket.http.response" in (scope.get("extensions") or {})
    if front.refuses_host(request):
        await _refuse(send, 421, _TEXT, MISDIRECTED, can_respond=can_respond)
        return
    if request.match_kind != "matched":
        if request.match_kind == "bad_path":
            await _refuse(send, 400, _TEXT, BAD_PATH, can_respond=can_respond)
        else:
            await _refuse(send, 404, _TEXT, NOT_FOUND, can_respond=can_respond)
        return
    verdict, line = request.judge_origin()
    if verdict == "refused":
        front.dispatcher.peer_faults.write(logging.WARNING, f"403 {escape(request.path)}: {line}")
        await _refuse(send, 403, _TEXT, b"This origin may not connect.\n", can_respond=can_respond)
        return
    if verdict == "passes_in_development":
        front.log_development(line)
    await _AsgiWebSocket(front, request, receive, send, can_respond=can_respond).run()


class _AsgiWebSocket:
    def __init__(
        self, front: "AsgiFront", request: RequestInfo, receive: _Receive, send: _Send, *, can_respond: bool
    ) -> None:
        self._front = front
        self._route = request.route
        self._receive = receive
        self._send = send
        self._can_respond = can_respond
        self._turn_is_due = False
        self._has_ended = False
        self._news_out, self._news_in = asyncio.Event(), asyncio.Event()
        limits = front.app.limits
        own_limit = front.app.routes.settings[request.route].get("max_message_size", limits["max_message_size"])
        self._max_message_size = int(float(setting_text("max_message_size", own_limit)))
        self._close_timeout = limits["close_timeout"]
        # Weak, so that neither keeps the other.
        schedule = weakref.WeakMethod(self._schedule)
        self._bridge = WebSocketBridge(front.app.routes.site, request, lambda: (call := schedule()) and call())

    async def run(self) -> None:
        handler = self._front.dispatcher.open_websocket(
            self._bridge.connection, self._route, self._front.make_context()
        )
        reader = asyncio.ensure_future(self._read())
        reader.add_done_callback(lambda _: self._end(_ABNORMAL))  # whatever it has ended by
        try:
            if await self._write() and self._bridge.connection.accepted:
                # Ours was the first Close: the peer's answer is the end.
                await asyncio.wait({reader}, timeout=self._close_timeout)
            self._end(_ABNORMAL)
            await asyncio.wait({handler})
        finally:
            self._end(_ABNORMAL)
            handler.cancel()
            reader.cancel()
        if reader.done() and not reader.cancelled():
            reader.result()  # what receive() raised is the server's to know

    def _schedule(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self._front.loop.call_soon(self._turn)

    def _turn(self) -> None:
        """With no handler on the stack: here the bridge steps those that wait."""
        self._turn_is_due = False
        self._bridge.notify()
        self._news_out.set()
        self._news_in.set()

    def _end(self, code: int, reason: str = "") -> None:
        if not self._has_ended:
            self._has_ended = True
            self._bridge.end(code, reason)

    async def _read(self) -> None:
        while True:
            while not self._bridge.wants_messages and not self._bridge.connection.closed:
                self._news_in.clear()
                await self._news_in.wait()
            message = await self._receive()
            if message["type"] != "websocket.receive":
                if self._turn_is_due:  # what came before the end is handed over before it
                    self._news_in.clear()
                    await self._news_in.wait()
                self._end(_close_code_of(message), message.get("reason") or "")
                return
            text = message.get("text")
            data = message["bytes"] if text is None else text
            if self._is_too_big(data):
                self._bridge.connection.close(
                    _TOO_BIG, f"expected at most {self._max_message_size} octets (max_message_size)"
                )
            else:
                self._bridge.feed(data)

    def _is_too_big(self, data: str | bytes) -> bool:
        limit = self._max_message_size
        if len(data) * 4 <= limit:
            return False
        return len(data) > limit or (isinstance(data, str) and len(data.encode()) > limit)

    async def _write(self) -> bool:
        """Until this side has closed (True) or the connection has ended."""
        try:
            while not self._has_ended:
                while command := self._bridge.next_command():
                    if await self._carry_out(command):
                        return True
                if not self._has_ended:
                    self._news_out.clear()
                    await self._news_out.wait()
        except OSError:
            self._end(_ABNORMAL)
        return False

    async def _carry_out(self, command: tuple[Any, ...]) -> bool:
        """True: it was the last."""
        match command:
            case ("text", text):
                await self._send({"type": "websocket.send", "text": text})
            case ("bytes", data):
                await self._send({"type": "websocket.send", "bytes": data})
            case ("accept", subprotocol, headers):
                message = {"type": "websocket.accept", "subprotocol": subprotocol, "headers": _encoded(headers)}
                await self._send(message)
            case ("close", code, reason):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                return True
            case ("reject", status, headers, body):
                await _refuse(self._send, status, headers, body, can_respond=self._can_respond)
                return True
        return False


def _close_code_of(message: _Message) -> int:
    """A connection that was lost is 1005 to uvicorn, which then gives no reason; with a Close frame it gives one."""
    code = message.get("code")
    if code == _NO_STATUS and "reason" not in message:
        return _ABNORMAL
    return int(code or _NO_STATUS)


async def _refuse(send: _Send, status: int, headers: Pairs, body: bytes, *, can_respond: bool) -> None:
    """With that response where the server can send one, else with its 403."""
    if not can_respond:
        await send({"type": "websocket.close"})
        return
    fields = [*_encoded(headers), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": fields})
    await send({"type": "websocket.http.response.body", "body": body})


def _encoded(headers: Pairs) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers]
