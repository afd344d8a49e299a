"""The dispatcher of an application that has middleware or exception handlers. Other applications do not pass through
here.

    request -> middleware -> ... -> files, refusal, or route: its routers' middleware -> ... -> handler
               exceptions of the handler become responses here, unless nobody foresaw them; so do those of the
               routers' middleware
            <- response <-
    what comes out as an exception: its exception handler, or the last resort, or 500
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from ..errors import ClientDisconnect, HTTPException
from ..request import Request
from ..response import Response, to_response
from .binding import WebSocketConnection
from .dispatch import Dispatcher, make_response, relevant
from .engine_handlers import FILES, REFUSED
from .exception_handlers import ExceptionHandler
from .exchange import Exchange
from .log import escape, logger
from .middleware_chain import CallNext, Middleware
from .plan import Exits
from .response_parameter import with_parameter
from .signature import Handler

if TYPE_CHECKING:
    from ..app import ProAPI


def make_dispatcher(app: "ProAPI") -> Dispatcher:
    """Returns the dispatcher that the application needs, whose hooks can't change any more."""
    app._hooks.are_fixed = True
    return HookedDispatcher(app) if app._hooks else Dispatcher(app)


class _Handlers(Sequence[Handler | None]):
    """The handlers of the routes, also of files, and after the last the handler of refused requests."""

    def __init__(self, of_routes: Sequence[Handler | None]) -> None:
        self._of_routes = of_routes  # start-up functions may still add routes

    def __len__(self) -> int:
        return len(self._of_routes) + 1

    @overload
    def __getitem__(self, number: int) -> Handler | None: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Handler | None]: ...
    def __getitem__(self, number: int | slice) -> Any:
        if number == len(self._of_routes):
            return REFUSED
        return self._of_routes[number] or FILES


class _RequestCall:
    """One request on its way."""

    __slots__ = ("exchange", "handler", "has_failed", "has_rest", "stack")

    def __init__(self, exchange: Exchange, handler: Handler) -> None:
        self.exchange = exchange
        self.handler = handler
        self.stack = AsyncExitStack()
        """What ends after the response is sent: the rests of dependencies."""
        self.has_rest = False
        self.has_failed = False
        """Whether an exception handler has failed: no other one may be asked then."""


class HookedDispatcher(Dispatcher):
    """A dispatcher that calls middleware and exception handlers."""

    is_hooked = True

    def __init__(self, app: "ProAPI") -> None:
        super().__init__(app)
        self._handlers = _Handlers(app._routes.handlers)
        self._exception_handlers = app._hooks.exception_handlers
        self._middleware = app._hooks.middleware

    # ---- HTTP ----

    async def _respond(self, exchange: Exchange, handler: Handler) -> None:
        request = Request(exchange.request, exchange, self._app)
        call = _RequestCall(exchange, handler)
        try:
            try:
                async with call.stack:
                    run = partial(self._run_route if handler.middleware else self._run_handler, call)
                    call_next = CallNext(self._middleware["http"], run, _read_response)
                    await self._send(exchange, await call_next(request))
                    if call.has_rest:
                        await exchange.flush()
            except Exception as error:
                is_gone = isinstance(error, ClientDisconnect) and exchange.ended
                if exchange.started or call.has_failed or is_gone:  # a stream has sent another status already
                    raise
                await self._send(exchange, await self._answer_exception(call, request, error))
        except asyncio.CancelledError:
            self._on_cancelled(exchange, handler)
            raise
        except BaseException as error:
            self._on_failed(exchange, handler, error)

    async def _run_route(self, call: _RequestCall, request: Request) -> Response:
        """As ``_run_handler``, through the middleware of the route's routers. An exception of theirs is answered as one
        of the handler is."""
        try:
            call_next = CallNext(call.handler.middleware, partial(self._run_handler, call), _read_response)
            response: Response = await call_next(request)
            return response
        except Exception as error:
            if call.has_failed:
                raise
            return await self._answer_foreseen(call, request, error)

    async def _run_handler(self, call: _RequestCall, request: Request) -> Response:
        """Returns the response of the handler, or that to an exception that the program foresaw."""
        handler = call.handler
        try:
            if handler.needs_resolution:
                return await self._run_with_dependencies(call, request)
            response: Response = handler.to_response(await self._call(handler, request, call.exchange))
            return response
        except Exception as error:
            response = await self._answer_foreseen(call, request, error)
            return _with_fields(response, error) if handler in (REFUSED, FILES) else response

    async def _run_with_dependencies(self, call: _RequestCall, request: Request) -> Response:
        exits = Exits(self.exit_pool)
        async with AsyncExitStack() as stack:
            stack.push_async_exit(exits)
            arguments = await call.handler.plan.resolve(request, self._app.dependency_overrides, exits, self.pool)
            result = await self._run(call.handler, partial(call.handler.function, **arguments), call.exchange)
            response = with_parameter(request, call.handler.to_response(result))
            await exits.run_before()
            call.has_rest = exits.are_left
            call.stack.push_async_exit(stack.pop_all())
        return response

    async def _send(self, exchange: Exchange, response: Response) -> None:
        await response.send_to(exchange, self.stream_pool)
        if response.background is not None:
            await exchange.flush()
            await response.background()

    async def _answer_foreseen(self, call: _RequestCall, request: Request, error: Exception) -> Response:
        """Returns the response to an exception that has a handler, or is a response. Raises it otherwise."""
        if found := self._exception_handlers.find(error):
            return await self._call_exception_handler(call, found, request, error)
        if isinstance(error, HTTPException):
            return make_response(error)
        raise error

    async def _answer_exception(self, call: _RequestCall, request: Request, error: Exception) -> Response:
        """As ``_answer_foreseen``, and asks the last resort."""
        last_resort = self._exception_handlers.find_last_resort()
        if last_resort is None or isinstance(error, HTTPException) or self._exception_handlers.find(error):
            return await self._answer_foreseen(call, request, error)
        response = await self._call_exception_handler(call, last_resort, request, error)
        self._log_failure(call.exchange, call.handler, error)
        return response

    async def _call_exception_handler(
        self, call: _RequestCall, handler: ExceptionHandler, request: Request, error: Exception
    ) -> Response:
        try:
            return to_response(await handler.call(request, error, self.pool))
        except Exception:
            call.has_failed = True
            raise

    # ---- WebSocket ----

    async def _run_websocket(self, connection: WebSocketConnection, handler: Handler) -> None:
        try:
            run = partial(self._run_websocket_route if handler.middleware else self._run_websocket_handler, handler)
            call_next = CallNext(self._middleware["websocket"], run, _refuse_websocket)
            await call_next(connection)
        except Exception as error:
            if connection.accepted or connection.closed or relevant(error) is None:
                raise
            if found := self._find_for_websocket(connection, handler, error):
                _reject(connection, to_response(await found.call(connection, error, self.pool)))
            else:
                raise

    async def _run_websocket_route(self, handler: Handler, connection: WebSocketConnection) -> None:
        await CallNext(handler.middleware, partial(self._run_websocket_handler, handler), _refuse_websocket)(connection)

    def _run_websocket_handler(self, handler: Handler, connection: WebSocketConnection) -> Awaitable[Any]:
        if handler.needs_resolution:
            return super()._run_websocket(connection, handler)
        result: Awaitable[Any] = handler.call(connection)
        return result

    def _find_for_websocket(
        self, connection: WebSocketConnection, handler: Handler, error: Exception
    ) -> ExceptionHandler | None:
        found = self._exception_handlers.find(error)
        if found is not None or isinstance(error, HTTPException):
            return found
        last_resort = self._exception_handlers.find_last_resort()
        if last_resort is not None:
            logger.error("%s: the handler %s failed", escape(connection.path), handler.name, exc_info=error)
        return last_resort


def _read_response(middleware: Middleware, request: Request, result: Any) -> Response:
    if result is None:  # a return that was forgotten, most likely
        raise TypeError(f"expected the middleware {middleware.name} to return the response of call_next, got None")
    return to_response(result)


def _refuse_websocket(middleware: Middleware, connection: WebSocketConnection, result: Any) -> None:
    """Refuses the handshake if the middleware has returned a response."""
    if result is None:
        return
    if connection.accepted:
        raise TypeError(
            f"expected None from the middleware {middleware.name} for a WebSocket that is accepted, got"
            f" {type(result).__name__}"
        )
    _reject(connection, to_response(result))


def _with_fields(response: Response, refusal: Exception) -> Response:
    """Returns the response with the refusal's fields, such as Allow, that HTTP requires with its status (RFC 9110
    section 15.5.6)."""
    assert isinstance(refusal, HTTPException)
    if response.status_code != refusal.status_code:
        return response
    missing = {name: value for name, value in refusal.headers.items() if name not in response.headers}
    if missing:
        fields = response.headers.multi_items()
        response = copy(response)  # the program may use one object for many requests
        response.headers = [*fields, *missing.items()]
    return response


def _reject(connection: WebSocketConnection, response: Response) -> None:
    """Refuses the handshake with the response.

    TypeError, ValueError: A handshake can't be refused with it.
    """
    if connection.closed:  # the client has left meanwhile
        return
    if type(response).send_to is not Response.send_to:
        raise TypeError(f"expected a whole response to refuse a handshake with, got {type(response).__name__}")
    connection.reject(response.status_code, response.body, response.headers.multi_items())
