"""The dispatcher of an application that has exception handlers. Other applications do not pass through here."""

import asyncio
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, overload

from ..errors import HTTPException
from ..request import Request
from ..response import Response, to_response
from .binding import WebSocketConnection
from .dispatch import Dispatcher, make_response, relevant
from .exception_handlers import ExceptionHandler
from .exchange import Exchange
from .log import escape, logger
from .parameters import Kind
from .signature import Handler, make_handler

if TYPE_CHECKING:
    from ..app import ProAPI


def make_dispatcher(app: "ProAPI") -> Dispatcher:
    """Returns the dispatcher that the application needs, whose hooks can't change any more."""
    app._hooks.are_fixed = True
    return HookedDispatcher(app) if app._hooks else Dispatcher(app)


async def _refuse(request: Request) -> None:
    """The handler of a request that the engine would refuse."""
    assert request._exchange is not None
    assert request._exchange.refusal is not None
    status, text, fields = request._exchange.refusal
    raise HTTPException(status, text, dict(fields))


_REFUSED = make_handler(_refuse, {}, Kind.HTTP, {})


class _Handlers(Sequence[Handler | None]):
    """The handlers of the routes, and after the last the handler of refused requests."""

    def __init__(self, of_routes: Sequence[Handler | None]) -> None:
        self._of_routes = of_routes  # start-up functions may still add routes

    def __len__(self) -> int:
        return len(self._of_routes) + 1

    @overload
    def __getitem__(self, number: int) -> Handler | None: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Handler | None]: ...
    def __getitem__(self, number: int | slice) -> Any:
        return _REFUSED if number == len(self._of_routes) else self._of_routes[number]


class HookedDispatcher(Dispatcher):
    """A dispatcher that asks the exception handlers."""

    is_hooked = True

    def __init__(self, app: "ProAPI") -> None:
        super().__init__(app)
        self._handlers = _Handlers(app._routes.handlers)
        self._exception_handlers = app._hooks.exception_handlers

    # ---- HTTP ----

    async def _respond(self, exchange: Exchange, handler: Handler) -> None:
        request = Request(exchange.request, exchange, self._app)
        try:
            try:
                await self._answer(exchange, handler, request)
            except Exception as error:
                if exchange.started:  # a stream has sent another status already
                    raise
                response = await self._answer_exception(request, error, handler)
                if handler is _REFUSED:
                    response = _with_fields(response, error)
                await self._send(exchange, response)
        except asyncio.CancelledError:
            self._on_cancelled(exchange, handler, request)
            raise
        except BaseException as error:
            self._on_failed(exchange, handler, request, error)

    async def _answer(self, exchange: Exchange, handler: Handler, request: Request) -> None:
        if handler.needs_resolution:
            await self._respond_with_dependencies(exchange, handler, request)
        else:
            response = handler.to_response(await self._call(handler, request, exchange))
            await self._send(exchange, response)

    async def _send(self, exchange: Exchange, response: Response) -> None:
        await response.send_to(exchange, self.stream_pool)
        if response.background is not None:
            await exchange.flush()
            await response.background()

    async def _answer_exception(self, request: Request, error: Exception, handler: Handler) -> Response:
        """Returns the response of the exception's handler. Raises ``error`` if there is none, or what the exception
        handler raises, which nobody handles."""
        if found := self._exception_handlers.find(error):
            return await self._call_exception_handler(found, request, error)
        if isinstance(error, HTTPException):
            return make_response(error)
        if last_resort := self._exception_handlers.find_last_resort():
            response = await self._call_exception_handler(last_resort, request, error)
            self._log_failure(handler, request, error)
            return response
        raise error

    async def _call_exception_handler(
        self, handler: ExceptionHandler, connection: Request | WebSocketConnection, error: Exception
    ) -> Response:
        return to_response(await handler.call(connection, error, self.pool))

    # ---- WebSocket ----

    async def _run_websocket(self, connection: WebSocketConnection, handler: Handler) -> None:
        try:
            if handler.needs_resolution:
                await super()._run_websocket(connection, handler)
            else:
                await handler.call(connection)
        except Exception as error:
            if connection.accepted or connection.closed or relevant(error) is None:
                raise
            found = self._exception_handlers.find(error)
            if found is None and not isinstance(error, HTTPException):
                found = self._exception_handlers.find_last_resort()
                if found is not None:
                    logger.error("%s: the handler %s failed", escape(connection.path), handler.name, exc_info=error)
            if found is None:
                raise
            _reject(connection, await self._call_exception_handler(found, connection, error))


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
