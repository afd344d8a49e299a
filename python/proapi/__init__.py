"""ProAPI: a real-time web framework. ``from proapi import ProAPI``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ._core import habits
from ._core.binding import Site, WebSocketConnection, version
from ._serving.running import RunningServer
from .app import ProAPI
from .background import BackgroundTask, BackgroundTasks
from .datastructures import Client, FormData, FormFiles, Headers, MutableHeaders, QueryParams, State
from .errors import (
    ClientDisconnect,
    EventError,
    HTTPException,
    MissingFieldError,
    NoMatchFound,
    RequestBodyError,
    RequestValidationError,
    RouteError,
    WebSocketDisconnect,
    WebSocketError,
    WebSocketMessageError,
    WebSocketStateError,
)
from .events import Events
from .middleware import CORS
from .params import Body, Cookie, Depends, File, Form, Header, Path, Query, Security
from .request import Request
from .response import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from .router import Router
from .sse import EventSourceResponse, ServerSentEvent
from .uploads import UploadFile

__version__ = version

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(dict(Site.security_headers()))
"""For ``ProAPI(response_headers=...)``: fields for every response that does not set its own. With them, browsers must
not guess content types, let other sites frame the page, or reveal its address or its window to other sites."""

WebSocket = WebSocketConnection
"""Starlette's name for ``WebSocketConnection``."""

APIRouter = Router
"""FastAPI's name for ``Router``."""

if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> None:
        habits.refuse_module_attribute(name)


__all__ = [
    "CORS",
    "SECURITY_HEADERS",
    "APIRouter",
    "BackgroundTask",
    "BackgroundTasks",
    "Body",
    "Client",
    "ClientDisconnect",
    "Cookie",
    "Depends",
    "EventError",
    "EventSourceResponse",
    "Events",
    "File",
    "FileResponse",
    "Form",
    "FormData",
    "FormFiles",
    "HTMLResponse",
    "HTTPException",
    "Header",
    "Headers",
    "JSONResponse",
    "MissingFieldError",
    "MutableHeaders",
    "NoMatchFound",
    "Path",
    "PlainTextResponse",
    "ProAPI",
    "Query",
    "QueryParams",
    "RedirectResponse",
    "Request",
    "RequestBodyError",
    "RequestValidationError",
    "Response",
    "RouteError",
    "Router",
    "RunningServer",
    "Security",
    "ServerSentEvent",
    "State",
    "StreamingResponse",
    "UploadFile",
    "WebSocket",
    "WebSocketConnection",
    "WebSocketDisconnect",
    "WebSocketError",
    "WebSocketMessageError",
    "WebSocketStateError",
    "__version__",
]
