"""From a connection or request to its handler's task, and from the end of the task to what the peer gets.

The engine's own server and ASGI share it: it must not know sockets or scopes. All of it runs on one loop's thread.
"""

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import (
    ClientDisconnect,
    HTTPException,
    RequestValidationError,
    WebSocketDisconnect,
    WebSocketMessageError,
)
from ..request import Request
from ..response import JSONResponse, PlainTextResponse, Response
from .binding import RequestInfo, WebSocketConnection
from .exchange import Exchange
from .log import LimitedLog, escape, logger
from .plan import Exits
from .response_parameter import with_parameter
from .server_tasks import ServerTasks
from .signature import Handler
from .threads import ThreadPool

if TYPE_CHECKING:
    from ..app import ProAPI

StartTask = Callable[[Coroutine[Any, Any, None], str, Context], asyncio.Task[None]]

_MOST_NAMES = 5
_WRONG_KIND = 1003


class Dispatcher:
    """The running handlers of one server."""

    is_hooked = False
    """Whether ``_run_websocket`` runs every handler of WebSockets, or only those with dependencies."""

    def __init__(self, app: "ProAPI") -> None:
        self._app = app
        self._handlers: Sequence[Handler | None] = app._routes.handlers
        self._websockets: dict[asyncio.Task[Any], tuple[WebSocketConnection, Handler]] = {}
        self._spawned: dict[WebSocketConnection, set[asyncio.Task[Any]]] = {}
        self._exchanges: dict[asyncio.Task[Any], tuple[Exchange, Handler]] = {}
        self._abandoned: set[asyncio.Task[Any]] = set()  # as of the last call of cancel_abandoned()
        self._cancelled: set[asyncio.Task[Any]] = set()
        self._starting: tuple[Any, WebSocketConnection] | None = None
        self.peer_faults = LimitedLog()
        self.stopping = False
        """Set when the server stops: from then on, a cancelled handler was cancelled by the stop."""
        self.pool = ThreadPool()
        # A stream may go on for hours, and each of its parts takes a thread: sync handlers have a pool of their own.
        self.stream_pool = ThreadPool()
        # The rest of a generator gives back what others wait for in `pool`, such as a connection to a database.
        self.exit_pool = ThreadPool()
        self.background = ServerTasks()
        self._loop: asyncio.AbstractEventLoop
        self._start_task: StartTask
        self._context: Context

    def start(self, start_task: StartTask | None = None) -> None:
        """Starts on the running loop. Handlers get the context variables of this moment.

        Args:
            start_task: Creates the tasks of requests. None: as ``create_task`` of the loop.
        """
        self._loop = asyncio.get_running_loop()
        self._start_task = self._create_task if start_task is None else start_task
        self._context = copy_context()

    def _create_task(self, coroutine: Coroutine[Any, Any, None], name: str, context: Context) -> asyncio.Task[None]:
        return self._loop.create_task(coroutine, name=name, context=context)

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        return self._exchanges.keys() | self._websockets.keys()

    def is_own_task(self, connection: WebSocketConnection) -> bool:
        """Whether the running task is that of the connection's handler."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no loop runs in this thread
            return False
        if task is None:
            return False
        if entry := self._websockets.get(task):
            return entry[0] is connection
        if self._spawned and task in self._spawned.get(connection, ()):
            return True
        # An eager task runs before create_task() returns it.
        return self._starting == (task.get_coro(), connection)

    def name_handlers(self) -> str:
        """Returns the running handlers as ``chat (20), slow (1)``, most frequent first."""
        counts = Counter(handler.name for _, handler in (*self._exchanges.values(), *self._websockets.values()))
        names = [f"{name} ({count})" for name, count in counts.most_common(_MOST_NAMES)]
        return ", ".join(names) + (", ..." if len(counts) > _MOST_NAMES else "")

    def cancel(self) -> None:
        """Cancels every handler; WebSockets close with 1001."""
        self.stopping = True
        for task in self.tasks:
            task.cancel()

    def cancel_abandoned(self) -> None:
        """Cancels handlers that work for a client that has left. Called now and then during a stop.

        A handler is cancelled if its client had left at the previous call already and it has not been told. A handler
        that knows of the end, or whose client waits, has time to finish.
        """
        abandoned = {
            task
            for task, (exchange, handler) in self._exchanges.items()
            if exchange.client_left
            and not exchange.finished
            and handler.is_async  # the others run in threads, which can't be cancelled
        }
        abandoned.update(task for task, (connection, _) in self._websockets.items() if connection._is_abandoned)
        for task in (abandoned & self._abandoned) - self._cancelled:
            self._cancelled.add(task)
            if not task.cancelling():  # cancel_on_disconnect may have cancelled it
                task.cancel()
        self._abandoned = abandoned

    def close(self) -> None:
        self.peer_faults.end_second()
        self.pool.close()
        self.stream_pool.close()
        self.exit_pool.close()

    # ---- WebSocket ----

    def open_websocket(
        self, connection: WebSocketConnection, route: int, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Starts the handler's task and returns it. The task gets ``context``, or else a copy of that of ``start``."""
        handler = self._handlers[route]
        assert handler is not None
        context = self._context.copy() if context is None else context
        connection._app = self._app
        if state := self._app.lifespan.state:
            connection.user_data.update(state)
        try:
            if handler.needs_resolution or self.is_hooked:
                coroutine = self._run_websocket(connection, handler)
            else:
                coroutine = context.run(handler.call, connection)
            if not inspect.iscoroutine(coroutine):
                coroutine = _await(coroutine)
        except Exception as error:
            coroutine = _raise(error)
        self._starting = coroutine, connection
        try:
            task = self._loop.create_task(coroutine, name=handler.name, context=context)
        finally:
            self._starting = None
        self._websockets[task] = connection, handler
        if handler.cancel_on_disconnect:
            connection._on_disconnect(task.cancel)
        task.add_done_callback(self._on_websocket_done, context=context)
        return task

    async def _run_websocket(self, connection: WebSocketConnection, handler: Handler) -> None:
        async with Exits(self.exit_pool) as exits:
            overrides = self._app.dependency_overrides
            arguments = await handler.plan.resolve(connection, overrides, exits, self.pool)
            await handler.function(**arguments)

    def _on_websocket_done(self, task: asyncio.Task[Any]) -> None:
        connection, handler = self._websockets.pop(task)
        try:
            self._end_websocket(task, connection, handler)
        finally:
            if not connection.closed:  # for example, a log filter has raised
                connection._end("failed", handler.name, "")
            self._cancel_spawned(connection)  # the client may take its time with the closing handshake

    def _end_websocket(self, task: asyncio.Task[Any], connection: WebSocketConnection, handler: Handler) -> None:
        if task.cancelled():
            if not self.stopping and not connection.closed:
                logger.warning("%s: the handler %s was cancelled", escape(connection.path), handler.name)
            connection._end("stopped" if self.stopping else "failed", handler.name, "")
            return
        raised = task.exception()
        error = relevant(raised)
        line = None
        if error is None:
            line = connection._end("returned" if raised is None else "disconnected", handler.name, "")
        elif isinstance(error, WebSocketMessageError) and connection.accepted:
            is_kind = error.close_code == _WRONG_KIND
            line = connection._end("wrong_kind" if is_kind else "wrong_content", handler.name, str(error))
        elif not (isinstance(error, HTTPException) and _refuse(connection, error)):
            logger.error("%s: the handler %s failed", escape(connection.path), handler.name, exc_info=error)
            connection._end("failed", handler.name, "")
        if line:
            self.peer_faults.write(logging.INFO, line)

    def serves_here(self) -> bool:
        """Whether the caller is on the thread of the loop that serves, before the tasks of the server have ended."""
        try:
            return self.background.is_open_on(asyncio.get_running_loop())
        except RuntimeError:  # no loop runs in this thread
            return False

    def spawn_for(
        self, connection: WebSocketConnection, coroutine: Coroutine[Any, Any, Any], name: str | None
    ) -> asyncio.Task[Any]:
        """Starts a task that is cancelled when the connection, or its handler, has ended."""
        if connection.closed:
            coroutine.close()
            raise WebSocketDisconnect(connection.close_code or 1006, connection.close_reason)
        tasks = self._spawned.get(connection)
        if tasks is None:
            tasks = self._spawned[connection] = set()
            tasks.add(self._start_for(connection, self._end_spawned(connection), "websocket.spawn"))
        task = self._start_for(connection, coroutine, name)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def _start_for(
        self, connection: WebSocketConnection, coroutine: Coroutine[Any, Any, Any], name: str | None
    ) -> asyncio.Task[Any]:
        return self.background.start(coroutine, name, started_by="websocket.spawn", context=copy_context())

    async def _end_spawned(self, connection: WebSocketConnection) -> None:
        await connection.wait_closed()
        self._cancel_spawned(connection)

    def _cancel_spawned(self, connection: WebSocketConnection) -> None:
        for task in self._spawned.pop(connection, ()):
            task.cancel()

    # ---- HTTP ----

    def open_request(self, exchange: Exchange, route: int, context: Context | None = None) -> asyncio.Task[Any]:
        """As ``open_websocket``."""
        handler = self._handlers[route]
        assert handler is not None
        context = self._context.copy() if context is None else context
        task = self._start_task(self._respond(exchange, handler), handler.name, context)
        if not task.done():
            self._exchanges[task] = exchange, handler
            task.add_done_callback(self._on_request_done, context=context)
        return task

    async def respond(self, exchange: Exchange, route: int) -> None:
        """Runs the handler in the running task, which is cancelled if the handler is."""
        handler = self._handlers[route]
        assert handler is not None
        task = asyncio.current_task(self._loop)  # to find the running loop, CPython 3.11 makes a system call
        assert task is not None
        outer = self._exchanges.get(task)  # set if a handler calls its own application
        self._exchanges[task] = exchange, handler
        try:
            await self._respond(exchange, handler)
        finally:
            if outer is None:
                del self._exchanges[task]
            else:
                self._exchanges[task] = outer

    def _on_request_done(self, task: asyncio.Task[Any]) -> None:
        del self._exchanges[task]
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the loop has raised SystemExit and KeyboardInterrupt already

    async def _respond(self, exchange: Exchange, handler: Handler) -> None:
        try:
            info = exchange.request
            given = Request(info, exchange, self._app) if handler.needs_request else info
            try:
                if handler.needs_resolution:
                    await self._respond_with_dependencies(exchange, handler, given)
                else:
                    response = handler.to_response(await self._call(handler, given, exchange))
                    await response.send_to(exchange, self.stream_pool)
                    if response.background is not None:
                        await exchange.flush()
                        await response.background()
            except HTTPException as error:
                if exchange.started:  # a stream has sent another status already
                    raise
                await make_response(error).send_to(exchange, self.stream_pool)
        except asyncio.CancelledError:
            self._on_cancelled(exchange, handler)
            raise
        except BaseException as error:
            self._on_failed(exchange, handler, error)

    def _on_cancelled(self, exchange: Exchange, handler: Handler) -> None:
        is_awaited = not self.stopping and not exchange.ended
        exchange.fail(stopping=self.stopping)
        if is_awaited:
            logger.warning("%s %s: the handler %s was cancelled", *_line(exchange), handler.name)

    def _on_failed(self, exchange: Exchange, handler: Handler, error: BaseException) -> None:
        """Raises ``error`` if it ends the program."""
        exchange.fail()
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            raise error
        if isinstance(error, ClientDisconnect) and exchange.ended:
            return
        self._log_failure(exchange, handler, error)

    def _log_failure(self, exchange: Exchange, handler: Handler, error: BaseException) -> None:
        logger.error("%s %s: the handler %s failed", *_line(exchange), handler.name, exc_info=error)

    async def _respond_with_dependencies(self, exchange: Exchange, handler: Handler, request: Any) -> None:
        async with Exits(self.exit_pool) as exits:
            arguments = await handler.plan.resolve(request, self._app.dependency_overrides, exits, self.pool)
            if handler.is_async and not handler.cancel_on_disconnect:
                response = handler.to_response(await handler.function(**arguments))
            else:
                call = partial(handler.function, **arguments)
                response = handler.to_response(await self._run(handler, call, exchange))
            response = with_parameter(request, response)
            await exits.run_before()
            await response.send_to(exchange, self.stream_pool)
            if response.background is not None or exits.are_left:
                await exchange.flush()
            if response.background is not None:
                await response.background()

    def _call(self, handler: Handler, given: Request | RequestInfo, exchange: Exchange) -> Awaitable[Any]:
        """Calls the handler and returns what to await for its result."""
        if handler.is_async and not handler.cancel_on_disconnect:
            result: Awaitable[Any] = handler.call(given)
            return result
        return self._run(handler, partial(handler.call, given), exchange)

    def _run(self, handler: Handler, call: Callable[[], Any], exchange: Exchange) -> Awaitable[Any]:
        """As ``_call``; ``call`` calls the handler."""
        if handler.cancel_on_disconnect:
            return _run_for_client(call, exchange)
        if handler.is_async:
            result: Awaitable[Any] = call()
            return result
        return self._run_in_thread(call, exchange)

    async def _run_in_thread(self, call: Callable[[], Any], exchange: Exchange) -> Any:
        exchange.request.body  # noqa: B018 (from now on request.content may be read without awaiting)
        future = self.pool.submit(call)
        exchange.on_end(future.cancel)  # if the client leaves before the call begins, the call takes no thread
        try:
            result = await asyncio.wrap_future(future)
        finally:
            exchange.on_end(None)
        return await result if inspect.isawaitable(result) else result


async def _run_for_client(call: Callable[[], Any], exchange: Exchange) -> Any:
    """Cancels the task if the client leaves before there is a result."""
    task = asyncio.current_task()
    assert task is not None
    exchange.end_with_client()
    exchange.on_end(task.cancel)
    try:
        return await call()
    finally:
        exchange.on_end(None)


def _line(exchange: Exchange) -> tuple[str, str]:
    return exchange.request.method, escape(exchange.request.path)


def make_response(error: HTTPException) -> Response:
    """Returns the response that the exception stands for: text, or JSON if ``detail`` is not text."""
    if isinstance(error, RequestValidationError):
        return JSONResponse({"detail": error.errors()}, error.status_code, error.headers)
    if not isinstance(error.detail, str):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    return PlainTextResponse(error.detail + "\n" if error.detail else "", error.status_code, error.headers)


def _refuse(connection: WebSocketConnection, error: HTTPException) -> bool:
    """Refuses the handshake with the exception's response, if the client still waits for one.

    False: the connection is already accepted, or the response can't refuse a handshake.
    """
    if connection.accepted:
        return False
    if connection.closed:
        return True
    try:
        response = make_response(error)
        connection.reject(response.status_code, response.body, response.headers.multi_items())
    except Exception:  # for example, a subclass that has not called HTTPException.__init__()
        return False
    return True


def relevant(error: BaseException | None) -> BaseException | None:
    """Returns what is left of an exception without the connection's normal end. Task groups wrap both in groups."""
    if isinstance(error, WebSocketDisconnect):
        return None
    if isinstance(error, BaseExceptionGroup):
        _, rest = error.split(WebSocketDisconnect)
        if rest is None:
            return None
        _, others = rest.split(WebSocketMessageError)
        if others is None:
            return next(_leaves(rest))
    return error


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def _raise(error: Exception) -> None:
    raise error
