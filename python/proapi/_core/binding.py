"""The only importer of the compiled engine.

Registers the package's Python types and functions with the engine, and exports the engine's to the package.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _engine
from .._engine import (
    AsgiExchange,
    AsgiService,
    Cors,
    Engine,
    Exchange,
    FormReader,
    FoundFile,
    ListeningSockets,
    RequestInfo,
    Site,
    TlsOptions,
    WebSocketBridge,
    WebSocketConnection,
)
from ..datastructures import Client, Headers, QueryParams, State
from ..errors import WebSocketDisconnect, WebSocketMessageError, WebSocketStateError
from . import habits, json
from .session import find_session

if TYPE_CHECKING:
    from .dispatch import Dispatcher

__all__ = [
    "AsgiExchange",
    "AsgiService",
    "Cors",
    "Engine",
    "Exchange",
    "FormReader",
    "FoundFile",
    "ListeningSockets",
    "RequestInfo",
    "Site",
    "TlsOptions",
    "WebSocketBridge",
    "WebSocketConnection",
    "serving",
    "version",
]

_T = TypeVar("_T")

version: str = _engine.version

serving: ContextVar["Dispatcher"] = ContextVar("proapi_serving")
"""The dispatcher of the server that serves: set in its start-up functions and handlers, and in the tasks they start."""


def _is_own_task(connection: WebSocketConnection) -> bool:
    """Whether the running task is that of the connection's own handler.

    A send after the connection's end raises in that task; in any other task it is dropped.
    """
    dispatcher = serving.get(None)
    return dispatcher is not None and dispatcher.is_own_task(connection)


class _NoLoop:
    def get_debug(self) -> bool:
        return False


def _make_done_future() -> "asyncio.Future[None]":
    """The future that the engine wakes tasks with. It only says that it is done."""
    no_loop: Any = _NoLoop()
    future: asyncio.Future[None] = asyncio.Future(loop=no_loop)
    future.set_result(None)
    return future


json.may_hide_non_finite = _engine.may_hide_non_finite
_engine.register(
    headers_type=Headers,
    query_params_type=QueryParams,
    client_type=Client,
    state_type=State,
    disconnect_error=WebSocketDisconnect,
    state_error=WebSocketStateError,
    message_error=WebSocketMessageError,
    encode_json=json.encode,
    decode_json=json.decode,
    is_own_task=_is_own_task,
    done_future=_make_done_future(),
)
habits.answer(WebSocketConnection, habits.CONNECTION)


def _find_session(self: WebSocketConnection) -> dict[str, Any]:
    """The session that the handshake's cookie has; changes of it are not kept. RuntimeError: the application has no
    SessionMiddleware."""
    return find_session(self)


WebSocketConnection.session = property(_find_session)  # type: ignore[assignment,method-assign]


def _spawn(
    self: WebSocketConnection, coroutine: Coroutine[Any, Any, _T], *, name: str | None = None
) -> "asyncio.Task[_T]":
    """Starts a task that ends with the connection: it is cancelled when the connection has ended or its handler has.

    The application keeps the task alive and logs its failure; WebSocketDisconnect is none.

    Args:
        coroutine: What the task runs.
        name: The task's name. None: the name of the coroutine's function.

    Returns:
        The task.

    Raises:
        TypeError: ``coroutine`` is not a coroutine.
        WebSocketDisconnect: The connection has ended.
        RuntimeError: Called from a thread or a loop that does not serve the connection.
    """
    if not asyncio.iscoroutine(coroutine):
        hint = ": call it" if callable(coroutine) else ""
        raise TypeError(f"websocket.spawn: expected a coroutine, got {coroutine!r}{hint}")
    dispatcher = serving.get(None)
    if dispatcher is None or not dispatcher.serves_here():
        coroutine.close()
        raise RuntimeError(
            "websocket.spawn: expected a task of the event loop that serves the connection, got another or a thread"
        )
    return dispatcher.spawn_for(self, coroutine, name)


_spawn.__name__, _spawn.__qualname__ = "spawn", "WebSocketConnection.spawn"
WebSocketConnection.spawn = _spawn  # type: ignore[method-assign]
