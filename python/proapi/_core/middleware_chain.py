"""How a request or a WebSocket passes through the middleware of an application: each calls the next, the last one the
handler.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from .names import find_name, find_place, is_async

Kind = Literal["http", "websocket"]
KINDS: tuple[Kind, ...] = ("http", "websocket")
Function = Callable[[Any, "CallNext"], Awaitable[Any]]


class Middleware:
    """A function ``async def (connection, call_next)``."""

    __slots__ = ("function", "name")

    def __init__(self, function: Function) -> None:
        """TypeError: it is not ``async def``, or does not take a connection and ``call_next``."""
        self.function = function
        self.name = find_name(function)
        if not is_async(function) or not _takes_two(function):
            raise TypeError(
                f"{find_place(function)}: expected 'async def {self.name}(connection, call_next)' as middleware, got"
                f" {self.name}, which is {'called differently' if is_async(function) else 'not async'}"
            )


class CallNext:
    """Goes on to the next middleware, or to the handler. To be called once.

    The result is the Response that will be sent, or None for a WebSocket whose handler has ended. Exceptions come
    through.
    """

    __slots__ = ("_handler", "_is_used", "_middleware", "_position", "_read_result")

    def __init__(
        self,
        middleware: Sequence[Middleware],
        handler: Callable[[Any], Awaitable[Any]],
        read_result: Callable[[Middleware, Any, Any], Any],
        position: int = 0,
    ) -> None:
        """``read_result(middleware, connection, result)`` makes of a result what the caller of that middleware gets."""
        self._middleware = middleware
        self._handler = handler
        self._read_result = read_result
        self._position = position
        self._is_used = False

    async def __call__(self, connection: Any) -> Any:
        """RuntimeError: it was called before."""
        if self._is_used:
            raise RuntimeError("call_next: expected one call, got another: the request has been handled")
        self._is_used = True
        if self._position == len(self._middleware):
            return await self._handler(connection)
        middleware = self._middleware[self._position]
        rest = CallNext(self._middleware, self._handler, self._read_result, self._position + 1)
        return self._read_result(middleware, connection, await middleware.function(connection, rest))


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    return True
