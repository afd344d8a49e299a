"""ProAPI as an ASGI 3 application: the same routes and handlers behind uvicorn, Hypercorn or any such server.

Requests are parsed and routed by the engine, and handlers run by the same dispatcher; only the bytes are the server's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import Context, ContextVar, copy_context
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .._core.binding import RequestInfo, serving
from .._core.dispatch import Dispatcher
from .._core.log import escape, logger
from .._core.threads import ThreadPool
from .exchange import AsgiExchange, Messages
from .websocket import BAD_PATH, MISDIRECTED, NOT_FOUND, serve_websocket

if TYPE_CHECKING:
    from ..app import ProAPI

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_MAX_DROPPED = 1024 * 1024
# Of their own: files go out while every thread of the sync handlers is busy.
_FILE_THREADS = 4


class _NoBody(Enum):
    TOO_LONG = "longer than max_body"
    CLIENT_GONE = "the client went away while it sent"


class AsgiFront:
    """One application on one event loop of an ASGI server."""

    def __init__(self, app: "ProAPI") -> None:
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.dispatcher = Dispatcher(app.routes)
        self.dispatcher.start()
        self.dispatcher.background.open()
        self._files = ThreadPool(_FILE_THREADS)
        self._set_by_startup: dict[ContextVar[Any], Any] = {}
        self._development_logged = False

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._serve_http(scope, receive, send)
        elif kind == "websocket":
            await serve_websocket(self, read_request(self.app, scope), scope, receive, send)
        elif kind == "lifespan":
            await self._run_lifespan(receive, send)
        else:
            raise ValueError(f"expected an ASGI scope of type http, websocket or lifespan, got {kind!r}")

    def make_context(self) -> Context:
        """For a handler: the variables of the ASGI call that is running, behind them those that startup has set."""
        context = copy_context()
        for variable, value in self._set_by_startup.items():
            if variable not in context:
                context.run(variable.set, value)
        context.run(serving.set, self.dispatcher)
        return context

    def refuses_host(self, request: RequestInfo) -> bool:
        """With a line in the log: the request is to be answered with 421."""
        if problem := request.host_problem():
            self.dispatcher.peer_faults.write(logging.WARNING, f"421 {escape(request.path)}: {problem}")
        return bool(problem)

    def log_development(self, line: str) -> None:
        """Writes the first line that it gets: the Origin rule's exception has let something in."""
        if not self._development_logged:
            self._development_logged = True
            logger.warning("%s", line)

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = int(self.app.limits["max_body"])
        messages = Messages(receive, send)
        body = await _read_body(receive, limit)
        if body is _NoBody.CLIENT_GONE:
            return
        request = read_request(self.app, scope, body if isinstance(body, bytes) else b"")
        exchange = AsgiExchange(request, messages)
        task: asyncio.Task[Any] | None = None
        if self.refuses_host(request):
            exchange.answer(421, MISDIRECTED)
        elif body is _NoBody.TOO_LONG:
            exchange.answer(413, b"The body is longer than max_body, %d octets.\n" % limit)
        elif request.match_kind != "matched":
            _answer_unmatched(exchange)
        elif self.app.routes.handlers[request.route] is None:
            self._respond_with_static_file(exchange)
        else:
            task = self.dispatcher.open_request(exchange, request.route, self.make_context())
        try:
            await exchange.pump(self._files)
            if task is not None:
                await asyncio.wait({task})
        finally:
            if task is not None:
                task.cancel()

    def _respond_with_static_file(self, exchange: AsgiExchange) -> None:
        found, fault = exchange.request.find_file()
        if fault:
            self.dispatcher.peer_faults.write(logging.ERROR, f"{found[0]} {escape(exchange.request.path)}: {fault}")
        exchange.respond_with_found(*found)

    async def _end_background(self) -> None:
        await self.dispatcher.background.end(self.loop.time() + self.app.limits["shutdown_timeout"])

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        phase = "startup"
        serving.set(self.dispatcher)
        before = copy_context()
        try:
            async with self.app.lifespan.run(self._end_background):
                self.dispatcher.background.keep_context()
                self._set_by_startup = {
                    variable: value
                    for variable, value in copy_context().items()
                    if variable not in before or before[variable] is not value
                }
                await send({"type": "lifespan.startup.complete"})
                await receive()
                phase = "shutdown"
        except Exception as error:
            logger.exception("the application's %s failed", phase)
            await send({"type": f"lifespan.{phase}.failed", "message": f"{type(error).__name__}: {error}"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
        finally:
            self.dispatcher.close()
            self._files.close()


def read_request(app: "ProAPI", scope: Scope, body: bytes = b"") -> RequestInfo:
    """A scope as the engine sees requests."""
    is_websocket = scope["type"] == "websocket"
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    raw_path = raw_path.partition(b"?")[0]
    root = quote(scope.get("root_path", "")).encode()
    route_path = raw_path[len(root) :] if root and raw_path.startswith(root + b"/") else raw_path
    client, server = scope.get("client"), scope.get("server")
    headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
    offered = scope.get("subprotocols")
    if offered and not any(name == b"sec-websocket-protocol" for name, _ in headers):
        headers.append((b"sec-websocket-protocol", ", ".join(offered).encode()))
    return RequestInfo(
        app.routes.site,
        method=None if is_websocket else scope["method"],
        raw_path=raw_path,
        route_path=route_path,
        query=scope.get("query_string", b""),
        headers=headers,
        client=(client[0], client[1] or 0) if client else None,
        secure=scope.get("scheme") in ("https", "wss"),
        body=body,
        server=server[0] if server else None,
    )


async def _read_body(receive: Receive, limit: int) -> bytes | _NoBody:
    """Some of what is too long is read all the same, and dropped: a client that is still sending may not see an
    answer."""
    parts: list[bytes] = []
    size = 0
    while size <= limit + _MAX_DROPPED:
        message = await receive()
        if message["type"] != "http.request":
            return _NoBody.CLIENT_GONE
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            parts.clear()
        else:
            parts.append(part)
        if not message.get("more_body", False):
            break
    return b"".join(parts) if size <= limit else _NoBody.TOO_LONG


def _answer_unmatched(exchange: AsgiExchange) -> None:
    """In the engine's words."""
    request = exchange.request
    if request.match_kind == "bad_path":
        exchange.answer(400, BAD_PATH)
    elif request.match_kind == "not_found":
        exchange.answer(404, NOT_FOUND)
    elif request.match_kind == "websocket_only":
        exchange.answer(426, b"This address speaks WebSocket.\n", [("Upgrade", "websocket")])
    else:
        allowed = ", ".join(request.allowed_methods)
        exchange.answer(405, b"This address does not serve that method.\n", [("Allow", allowed)])
