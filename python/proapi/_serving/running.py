"""``async with app.serving() as server``: a server that lives as long as a block of the program, as in a test.

The server runs in a task of its own. An exception that ends it is raised in the block's task: before the block if the
server can't start; during the block, which is then cancelled; or after it if a shutdown function fails.
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, NoReturn

from .._core.log import logger
from .server import Addresses, make_url

_OnListening = Callable[[Addresses], object]


class RunningServer:
    """Where a server listens."""

    def __init__(self, addresses: Addresses, *, is_secure: bool) -> None:
        self._is_secure = is_secure
        self.addresses = addresses
        """(host, port) of every listening socket; of a Unix socket ("unix:/run/app.sock", 0)."""

    @property
    def port(self) -> int:
        """The port of the first address; 0 for a Unix socket. All hosts have the same port."""
        return self.addresses[0][1]

    @property
    def url(self) -> str:
        """The URL of the first address, such as ``http://127.0.0.1:54321`` or ``unix:/run/app.sock``."""
        return make_url(*self.addresses[0], is_secure=self._is_secure)

    def __repr__(self) -> str:
        return f"<RunningServer {self.url}>"


class Serving:
    """The async context manager of ``app.serving()``. ``serve(on_listening)`` serves until it is cancelled."""

    def __init__(self, serve: Callable[[_OnListening], Coroutine[Any, Any, None]], *, is_secure: bool) -> None:
        self._serve = serve
        self._is_secure = is_secure
        self._server: asyncio.Task[None] | None = None
        self._block: asyncio.Task[Any] | None = None  # while it runs
        self._cancelling = 0
        self._was_interrupted = False

    async def __aenter__(self) -> RunningServer:
        """Returns when the server listens.

        Raises:
            OSError: The address can't be listened on.
            RuntimeError: This was entered before.
            Exception: What a start-up function has raised.
        """
        if self._server is not None:
            raise RuntimeError("app.serving(): expected to be entered once, got a second time: call app.serving() anew")
        listening: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
        self._server = asyncio.create_task(self._serve(listening.set_result), name="proapi server")
        either: set[asyncio.Future[Any]] = {self._server, listening}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _stop(self._server)
            if not self._server.cancelled() and (error := self._server.exception()):
                logger.error("the server failed, too, when its start was cancelled", exc_info=error)
            raise
        if self._server.done():
            _raise_why_it_ended(self._server)
        self._block = asyncio.current_task()
        assert self._block is not None
        self._cancelling = self._block.cancelling()
        self._server.add_done_callback(self._interrupt)
        return RunningServer(listening.result(), is_secure=self._is_secure)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops the server gracefully.

        An exception of the block propagates; if the server fails too, its exception is then logged.
        """
        server, (block, self._block) = self._server, (self._block, None)
        assert server is not None
        assert block is not None
        if self._was_interrupted:
            # The way asyncio.timeout() distinguishes its own cancellation from others. A fixture's block may end in
            # another task.
            was_cancelled_besides = block is asyncio.current_task() and block.uncancel() > self._cancelling
            if kind is None or (issubclass(kind, asyncio.CancelledError) and not was_cancelled_besides):
                _raise_why_it_ended(server)
        await _stop(server)
        if server.cancelled() or (failure := server.exception()) is None:
            return
        if error is None:
            raise failure
        logger.error("the server failed, too", exc_info=failure)

    def _interrupt(self, _: "asyncio.Task[None]") -> None:
        """Called when the server has ended. Cancels the block if it still runs."""
        if self._block is not None:
            self._was_interrupted = True
            self._block.cancel()


def _raise_why_it_ended(server: "asyncio.Task[None]") -> NoReturn:
    """Raises why the server has ended although it was not asked to stop."""
    if not server.cancelled() and (error := server.exception()) is not None:
        raise error
    raise RuntimeError("app.serving(): the server's task was cancelled by something other than the end of its block")


async def _stop(server: "asyncio.Task[None]") -> None:
    """Stops the server gracefully, or at once if this is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not server.done():
        server.cancel()
        try:
            await asyncio.wait({server})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
