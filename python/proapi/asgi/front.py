"""ProAPI as an ASGI 3 application: the same routes and handlers under uvicorn, Hypercorn or another such server.

The engine's service decides what happens to a request, and the same dispatcher runs the handlers. Only the octets are
the server's.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar, Token, copy_context
from typing import TYPE_CHECKING, Any

from .._core.binding import AsgiService, serving
from .._core.hooked_dispatch import make_dispatcher
from .._core.log import logger
from .._core.threads import ThreadPool
from .exchange import Message, Receive, Send, serve_http
from .websocket import Pumps, serve_websocket

if TYPE_CHECKING:
    from ..app import ProAPI

# A separate pool: files can be sent while every thread of the sync handlers is busy.
_FILE_THREADS = 4
_MISSING = object()


class AsgiFront:
    """One application on one event loop of an ASGI server."""

    def __init__(self, app: "ProAPI") -> None:
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.dispatcher = make_dispatcher(app)
        self.dispatcher.start()
        self.dispatcher.background.open()
        self.service = AsgiService(app._routes.site, self.dispatcher.peer_faults.write)
        self.files = ThreadPool(_FILE_THREADS)
        self.pumps = Pumps(self.loop)
        self._set_by_startup: dict[ContextVar[Any], Any] = {}

    def serve(self, scope: Message, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Returns the coroutine that serves the ASGI call."""
        kind = scope["type"]
        if kind == "http":
            return serve_http(self, scope, receive, send)
        if kind == "websocket":
            return serve_websocket(self, scope, receive, send)
        if kind == "lifespan":
            return self._run_lifespan(receive, send)
        raise ValueError(f"expected an ASGI scope of type http, websocket or lifespan, got {kind!r}")

    def enter_context(self) -> list[Token[Any]]:
        """Prepares the context of a handler: that of the running ASGI call, plus the variables that start-up has set.

        Pass the result to ``leave_context``: the task may belong to another application's handler.
        """
        tokens: list[Token[Any]] = [serving.set(self.dispatcher)]
        for variable, value in self._set_by_startup.items():
            if variable.get(_MISSING) is _MISSING:
                tokens.append(variable.set(value))
        return tokens

    def leave_context(self, tokens: list[Token[Any]]) -> None:
        for token in tokens:
            token.var.reset(token)

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
                self.dispatcher.background.start_all(self.app.tasks)
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
            self.files.close()
