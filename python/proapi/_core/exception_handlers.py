"""Which of an application's exception handlers answers an exception.

The most specific one: that of the exception's class or of its nearest base; of an HTTPException, that of its status
before that of HTTPException. Those of Exception and of 500 are the last resort, for exceptions that nobody foresaw.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import HTTPException
from ..request import Request
from .binding import WebSocketConnection
from .names import find_name, find_place, is_async
from .threads import ThreadPool

Key = int | type[Exception]
Function = Callable[[Any, Any], Any]

_INTERNAL_ERROR = 500
REFUSAL_STATUSES = range(400, 600)


class ExceptionHandler:
    """A function ``(connection, error)`` that returns a response, and how to call it."""

    __slots__ = ("_function", "_is_async", "name")

    def __init__(self, function: Function) -> None:
        """TypeError: it can't be called with a connection and an exception."""
        self._function = function
        self.name = find_name(function)
        self._is_async = is_async(function)
        try:
            inspect.signature(function).bind(None, None)
        except TypeError:
            raise TypeError(
                f"{find_place(function)}: expected a function that takes the request and the exception, got {self.name}"
            ) from None

    def call(self, connection: Request | WebSocketConnection, error: Exception, pool: ThreadPool) -> Awaitable[Any]:
        if self._is_async:
            result: Awaitable[Any] = self._function(connection, error)
            return result
        return pool.run(self._function, connection, error)


class ExceptionHandlers:
    """The exception handlers of one application."""

    def __init__(self) -> None:
        self._by_class: dict[type[Exception], ExceptionHandler] = {}
        self._by_status: dict[int, ExceptionHandler] = {}

    def __bool__(self) -> bool:
        return bool(self._by_class or self._by_status)

    def add(self, key: Key, function: Function) -> None:
        """Adds a handler, or replaces that of the same key.

        Args:
            key: A class of exceptions, or a status.
            function: What answers them; ``async def`` or ``def``, which runs in a thread.

        Raises:
            TypeError: The key is neither, or ``function`` does not take two arguments.
            ValueError: No refusal has the status.
        """
        if not callable(function):
            raise TypeError(f"exception_handler: expected a function, got {function!r}")
        if isinstance(key, int) and not isinstance(key, bool):
            if key not in REFUSAL_STATUSES:
                raise ValueError(f"exception_handler: expected a status from 400 to 599, got {key}")
            self._by_status[key] = ExceptionHandler(function)
        elif isinstance(key, type) and issubclass(key, Exception):
            self._by_class[key] = ExceptionHandler(function)
        else:
            raise TypeError(f"exception_handler: expected a subclass of Exception or a status, got {key!r}")

    def find(self, error: Exception) -> ExceptionHandler | None:
        """Returns the handler of what the program foresaw: anything but Exception and, unless raised as such, 500."""
        for kind in type(error).__mro__:
            if kind is HTTPException:
                assert isinstance(error, HTTPException)
                return self._by_status.get(error.status_code) or self._by_class.get(HTTPException)
            if kind is Exception:
                break
            if handler := self._by_class.get(kind):
                return handler
        return None

    def find_last_resort(self) -> ExceptionHandler | None:
        return self._by_class.get(Exception) or self._by_status.get(_INTERNAL_ERROR)


def answered_refusals(key: Key) -> list[int]:
    """Returns the statuses of the engine's own refusals that a handler with this key answers."""
    if isinstance(key, int):
        return [key]
    return list(REFUSAL_STATUSES) if key is HTTPException else []
