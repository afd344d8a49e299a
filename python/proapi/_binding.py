"""The only importer of the compiled engine: gives it what is written in Python, and the package what it exports."""

import asyncio
from contextvars import ContextVar
from typing import Any

from . import _engine, _json
from ._engine import (
    Engine,
    Exchange,
    RequestInfo,
    Site,
    WebSocketBridge,
    WebSocketConnection,
)
from .datastructures import Headers, QueryParams
from .errors import WebSocketDisconnect, WebSocketMessageError, WebSocketStateError

__all__ = ["Engine", "Exchange", "RequestInfo", "Site", "WebSocketBridge", "WebSocketConnection", "owner", "version"]

version: str = _engine.version

owner: ContextVar[WebSocketConnection] = ContextVar("proapi_owner")
"""The connection whose handler runs, in it and in the tasks it starts: there its end raises, elsewhere sends drop."""


class _NoLoop:
    def get_debug(self) -> bool:
        return False


def _make_done_future() -> "asyncio.Future[None]":
    """What the engine wakes tasks with; that it is done is all that it tells."""
    no_loop: Any = _NoLoop()
    future: asyncio.Future[None] = asyncio.Future(loop=no_loop)
    future.set_result(None)
    return future


_json.may_hide_non_finite = _engine.may_hide_non_finite
_engine.register(
    headers_type=Headers,
    query_params_type=QueryParams,
    disconnect_error=WebSocketDisconnect,
    state_error=WebSocketStateError,
    message_error=WebSocketMessageError,
    encode_json=_json.encode,
    decode_json=_json.decode,
    owner=owner,
    done_future=_make_done_future(),
)
