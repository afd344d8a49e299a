"""One engine that serves one application on one event loop: start-up, its place in the loop, the graceful stop."""

import asyncio
import contextlib
import inspect
import logging
import os
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from .._core.binding import Engine, ListeningSockets, serving
from .._core.hooked_dispatch import make_dispatcher
from .._core.log import access_logger, logger
from .._core.processes import give_to_children, keep_from_children
from .fast_loop import FastLoop
from .tls import use_tls

if TYPE_CHECKING:
    from .._core.binding import TlsOptions
    from ..app import ProAPI
    from .options import AccessLogFormat, Listen

Addresses = list[tuple[str, int]]

# The last part of shutdown_timeout is for the finally clauses of handlers that had to be cancelled.
_CANCEL_SHARE, _MAX_CANCEL_S = 0.1, 1.0
_LAST_WORDS_S = 0.02
# How often a stop looks for handlers whose client has left.
_LOOK_S = 0.25


def make_url(host: str, port: int, *, is_secure: bool = False) -> str:
    """Returns the URL, with an IPv6 address in brackets; of a Unix socket, its path: ``unix:/run/app.sock``."""
    if host.partition(":")[0] == "unix":
        return host
    return f"http{'s' if is_secure else ''}://{f'[{host}]' if ':' in host else host}:{port}"


class ListenError(OSError):
    """Can't listen on the address. The text is one line that says what to change."""


def open_sockets(app: "ProAPI", listen: "Listen", workers: int = 1) -> ListeningSockets:
    """Opens everything that the server is to listen on. Blocks while it resolves the hosts.

    Raises:
        ListenError: Nothing is open.
    """
    try:
        return ListeningSockets(
            hosts=listen.hosts,
            port=listen.port,
            uds=listen.uds,
            uds_mode=listen.uds_mode,
            fds=listen.fds,
            reuse_port=listen.reuse_port,
            backlog=int(app.limits["backlog"]),
            workers=workers,
        )
    except OSError as error:
        raise ListenError(str(error)) from None


class Server:
    """Serves once.

    In fast mode the loop's selector is this engine; otherwise the engine is a reader of the running loop.
    """

    def __init__(
        self, app: "ProAPI", access_log: "AccessLogFormat | None" = None, tls: "TlsOptions | None" = None
    ) -> None:
        self._app = app
        self._dispatcher = make_dispatcher(app)
        self._stop_deadline: float | None = None
        self.engine = Engine(
            app._routes.site, self._dispatcher.open_websocket, self._dispatcher.open_request, logger.log
        )
        if access_log is not None and access_logger.isEnabledFor(logging.INFO):
            self.engine.log_access(access_log, lambda line: access_logger.info("%s", line))
        if tls is not None:
            use_tls(self.engine, tls)

    @property
    def busy_threads(self) -> int:
        """Sync handlers and iterators that still run; after the stop, those that it could not wait for."""
        dispatcher = self._dispatcher
        return dispatcher.pool.running + dispatcher.stream_pool.running + dispatcher.exit_pool.running

    @property
    def busy_handlers(self) -> int:
        """Handlers that still run; after the stop, those that have ignored their cancellation."""
        return len(self._dispatcher.tasks)

    async def serve(
        self,
        listen: Callable[[], ListeningSockets],
        *,
        drives_loop: bool = False,
        on_listening: Callable[[Addresses], object] | None = None,
        on_served: Callable[[], object] | None = None,
    ) -> None:
        """Serves until cancelled, then stops gracefully and raises CancelledError. A second cancellation stops at once.

        Args:
            listen: Returns the sockets; called after the start-up functions.
            on_served: Called when no handler runs any more, before the shutdown functions.

        Raises:
            ListenError: Nothing was served.
        """
        cancelled: asyncio.CancelledError | None = None
        pid = os.getpid()
        before = serving.set(self._dispatcher)
        self._dispatcher.background.open()
        self._app.background.append(self._dispatcher.background)
        try:
            async with self._app.lifespan.run(self._end_background):
                try:
                    await self._serve(listen, drives_loop, on_listening)
                except asyncio.CancelledError as error:
                    cancelled = error  # to the lifespan, this is a normal end
                if on_served is not None and os.getpid() == pid:
                    on_served()
        finally:
            self._app.background.remove(self._dispatcher.background)
            serving.reset(before)
            if not drives_loop and os.getpid() == pid:
                self.engine.close()  # also if a start-up function has failed; a second call does nothing
        if cancelled is not None:
            raise cancelled

    async def _serve(
        self,
        listen: Callable[[], ListeningSockets],
        drives_loop: bool,
        on_listening: Callable[[Addresses], object] | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        pid = os.getpid()
        self._dispatcher.start(loop.start_task if isinstance(loop, FastLoop) else None)
        self._dispatcher.background.keep_context()
        self._dispatcher.background.start_all(self._app.tasks)
        self._app.servers.add(self)
        self._app._routes.servers_running += 1
        if not drives_loop:
            self._join(loop)
        sockets: ListeningSockets | None = None
        try:
            sockets = listen()
            self._accept_from(sockets)
            if on_listening is not None:
                result = on_listening(self.engine.addresses)
                if inspect.isawaitable(result):
                    await result
            await loop.create_future()
        finally:
            # An exception in a handler's forked child does not end the server: loop and sockets are the parent's.
            if os.getpid() == pid:
                if sockets is not None:
                    sockets.remove_file()
                await self._end(loop, drives_loop)

    def _accept_from(self, sockets: ListeningSockets) -> None:
        try:
            self.engine.listen(sockets)
        except OSError as error:
            raise ListenError(str(error)) from None
        finally:
            sockets.close()

    async def _end(self, loop: asyncio.AbstractEventLoop, drives_loop: bool) -> None:
        timeout = self._app.limits["shutdown_timeout"]
        self._stop_deadline = loop.time() + timeout
        try:
            await self._stop(timeout, self._stop_deadline)
        except BaseException:
            self._dispatcher.cancel()  # at once, before the functions that clean up what handlers use
            self._stop_deadline = loop.time()
            raise
        finally:
            self._dispatcher.close()
            await self._abort()
            self._app.servers.discard(self)
            self._app._routes.servers_running -= 1
            if not drives_loop:
                self._leave(loop)
                self.engine.close()

    async def _end_background(self) -> None:
        """Ends the spawned tasks once no handler runs, within what is left of shutdown_timeout."""
        if self._stop_deadline is None:  # the server has never served
            self._stop_deadline = asyncio.get_running_loop().time() + self._app.limits["shutdown_timeout"]
        await self._dispatcher.background.end(self._stop_deadline)

    def _join(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self.engine.fileno(), self.engine.poll)
        keep_from_children(loop, self)
        context = copy_context()  # not the context of the handler that calls the engine
        self.engine.set_outside_work(lambda: loop.call_soon(self.engine.poll, context=context))

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        give_to_children(self)
        self.engine.set_outside_work(None)
        loop.remove_reader(self.engine.fileno())

    async def _stop(self, timeout: float, deadline: float) -> None:
        """Stops gracefully, at the latest at ``deadline``, which is ``timeout`` seconds from now."""
        self._dispatcher.stopping = True
        stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.engine.stop(lambda: stopped.set_result(None))
        if await self._ended(stopped, deadline - min(timeout * _CANCEL_SHARE, _MAX_CANCEL_S)):
            return
        if tasks := self._dispatcher.tasks:
            logger.warning(
                "%d handlers did not end within shutdown_timeout (%g s): they are cancelled: %s",
                len(tasks),
                timeout,
                self._dispatcher.name_handlers(),
            )
            self._dispatcher.cancel()
            # Even if no time is left: what the cancelled handlers send is still sent.
            await self._ended(stopped, max(deadline, asyncio.get_running_loop().time() + _LAST_WORDS_S))

    async def _abort(self) -> None:
        """Closes what is left. The engine tells its handlers from a turn of its own."""
        self.engine.abort()
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    async def _ended(self, stopped: "asyncio.Future[None]", deadline: float) -> bool:
        """Waits for the last connection and the last handler, but not for handlers whose client has left."""
        loop = asyncio.get_running_loop()
        while True:
            waiting: set[asyncio.Future[Any]] = {*self._dispatcher.tasks}
            if not stopped.done():
                waiting.add(stopped)
            if not waiting:
                return True
            left_s = deadline - loop.time()
            if left_s <= 0:
                return False
            await asyncio.wait(waiting, timeout=min(left_s, _LOOK_S))
            self._dispatcher.cancel_abandoned()
