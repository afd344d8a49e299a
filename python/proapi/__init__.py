"""ProAPI: a real-time web framework. ``from proapi import ProAPI``."""

from ._core.binding import WebSocketConnection, version
from ._serving.running import RunningServer
from .app import ProAPI
from .datastructures import Client, FormData, FormFiles, Headers, QueryParams, UploadFile
from .errors import (
    HTTPException,
    MissingFieldError,
    RequestBodyError,
    RouteError,
    WebSocketDisconnect,
    WebSocketError,
    WebSocketMessageError,
    WebSocketStateError,
)
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

__version__ = version

__all__ = [
    "Client",
    "FileResponse",
    "FormData",
    "FormFiles",
    "HTMLResponse",
    "HTTPException",
    "Headers",
    "JSONResponse",
    "MissingFieldError",
    "PlainTextResponse",
    "ProAPI",
    "QueryParams",
    "RedirectResponse",
    "Request",
    "RequestBodyError",
    "Response",
    "RouteError",
    "RunningServer",
    "StreamingResponse",
    "UploadFile",
    "WebSocketConnection",
    "WebSocketDisconnect",
    "WebSocketError",
    "WebSocketMessageError",
    "WebSocketStateError",
    "__version__",
]
