"""The only importer of the compiled engine.

Registers the package's Python types and functions with the engine, and exports the engine's to the package.
"""

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .. import _engine
from .._engine import (
    AsgiExchange,
    AsgiService,
    Cors,
    Engine,
    Exchange,
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

if TYPE_CHECKING:
    from .dispatch import Dispatcher

__all__ = [
    "AsgiExchange",
    "AsgiService",
    "Cors",
    "Engine",
    "Exchange",
    "ListeningSockets",
    "RequestInfo",
    "Site",
    "TlsOptions",
    "WebSocketBridge",
    "WebSocketConnection",
    "serving",
    "version",
]

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
