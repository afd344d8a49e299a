"""The request as an HTTP handler sees it. ``max_body_size`` bounds its body."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ._core import habits, json
from ._core.binding import RequestInfo
from ._core.exchange import Exchange
from ._core.request_body import read_parts, read_whole
from ._core.session import find_session
from .datastructures import Client, FormData, FormFiles, Headers, QueryParams, State, UploadFile
from .errors import RequestBodyError

if TYPE_CHECKING:
    from .app import ProAPI

_T = TypeVar("_T")


class Request:
    """One HTTP request; handlers receive it.

    An ``async def`` handler is called as soon as the head has arrived. It reads the body whole, with ``body()``,
    ``json()`` or ``form()``, or in parts, with ``stream()``; until then, a client that waits for "100-continue" sends
    none. A ``def`` handler is called once the body is whole, and reads ``content``.
    """

    __slots__ = ("_app", "_exchange", "_headers", "_info", "_query_params", "_state")

    def __init__(self, info: RequestInfo, exchange: Exchange | None = None, app: "ProAPI | None" = None) -> None:
        self._info = info
        self._exchange = exchange
        self._headers: Headers | None = None
        self._query_params: QueryParams | None = None
        self._state: State | None = None
        self._app = app

    @property
    def method(self) -> str:
        """The method in capitals, such as ``GET``."""
        return self._info.method

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return self._info.path

    @property
    def path_params(self) -> dict[str, Any]:
        """The path's parameters by name, converted as the route says: str, int, float or uuid.UUID."""
        return self._info.path_params

    @property
    def headers(self) -> Headers:
        """The header fields as a mapping, names in any case.

        ``[]`` and ``get()`` return the last value of a name, ``getlist(name)`` all of them.
        """
        if self._headers is None:
            self._headers = Headers(self._info.headers)
        return self._headers

    @property
    def query_params(self) -> QueryParams:
        """The query as a mapping, decoded.

        ``[]`` and ``get()`` return the last value of a name, ``getlist(name)`` all of them.
        """
        if self._query_params is None:
            self._query_params = QueryParams(self._info.query_params)
        return self._query_params

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return self._info.cookies

    @property
    def client(self) -> Client | None:
        """Address and port of the peer, or as a trusted proxy names them (port 0: it names none).

        None for a Unix socket's peer, and under an ASGI server that does not report them.
        """
        return self._info.client

    @property
    def client_certificate(self) -> str | None:
        """The certificate that the client has proved to own, as PEM; None if it presented none.

        It is presented only if the server asks for it (``ssl_cert_reqs``), and is then signed by one of
        ``ssl_ca_certs``.
        """
        return self._info.client_certificate

    @property
    def url(self) -> str:
        """The whole URL: http://host/path?query."""
        return self._info.url

    def url_for(self, name: str, /, **path_params: Any) -> str:
        """Returns the whole URL of a route, at the host of this request. As ``ProAPI.url_path_for``."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}{self.app.url_path_for(name, **path_params)}"

    @property
    def app(self) -> "ProAPI":
        """The ProAPI that serves the request."""
        assert self._app is not None
        return self._app

    @property
    def state(self) -> State:
        """The application's own attributes, such as ``request.state.user = "Ada"``. They live as long as the request,
        and begin with what the lifespan has yielded."""
        if self._state is None:
            self._state = State({} if self._app is None else dict(self._app.lifespan.state))
        return self._state

    @property
    def session(self) -> dict[str, Any]:
        """What the application keeps of this client between its requests, in a signed cookie: JSON by name.

        RuntimeError: the application has no ``SessionMiddleware``.
        """
        return find_session(self)

    @property
    def content(self) -> bytes:
        """The body, without waiting for it.

        A handler that is not async, or that reads ``content`` in its own code, is called when the body is whole.

        Raises:
            RuntimeError: An async handler has called another function that reads it, and has not awaited the body yet.
        """
        if not self._info.is_body_read or (body := self._info.body) is None:
            raise RuntimeError(
                "content: expected a handler that is not async or reads content in its own code; elsewhere,"
                " await request.body() first"
            )
        return body

    async def body(self) -> bytes:
        """Waits for the whole body and returns its octets. Later calls return the same.

        Raises:
            ClientDisconnect: The client has left before the body was complete.
            RequestBodyError: 413: the body is longer than ``max_body_size``. 408: it came too slowly. 400: it is
                malformed.
            RuntimeError: ``stream()`` has taken the body.
        """
        body = self._info.body
        if body is None:
            body = self._info.body = await read_whole(self._take_stream("body()"))
        return body

    async def stream(self) -> AsyncIterator[bytes]:
        """Yields the body's octets in parts, as they arrive. The body is not kept.

        While the handler does not ask for the next part, the client is held back. Read once, or after ``body()``.

        Raises:
            ClientDisconnect: As for ``body()``, also if it breaks off in the middle.
            RequestBodyError: As for ``body()``.
            RuntimeError: As for ``body()``.
        """
        body = self._info.body
        if body is None:
            async for part in read_parts(self._take_stream("stream()")):
                yield part
        elif body:
            yield body

    def _take_stream(self, call: str) -> Exchange:
        assert self._exchange is not None
        if self._info.is_streamed:
            raise RuntimeError(f"{call}: expected a body that nobody has begun to read, but it was read in parts")
        self._info.is_streamed = True
        return self._exchange

    @overload
    async def json(self) -> Any: ...
    @overload
    async def json(self, type: type[_T]) -> _T: ...
    @overload
    async def json(self, type: Any) -> Any: ...
    async def json(self, type: Any = None) -> Any:
        """Parses the body as JSON.

        Args:
            type: What to convert the JSON to, such as a dataclass or a msgspec structure. None: dicts and lists.

        Returns:
            The value, of ``type`` if one is given.

        Raises:
            RequestBodyError: 400: the body is not JSON, or not of ``type``. Otherwise as for ``body()``.
            ClientDisconnect: As for ``body()``.
            TypeError: JSON can't be converted to ``type`` at all.
        """
        body = self._info.body
        if body is None:
            body = await self.body()
        try:
            return json.decode(body, type)
        except ValueError as error:
            raise RequestBodyError(f"The body: {error}") from None

    async def form(self) -> FormData:
        """Parses an application/x-www-form-urlencoded or multipart/form-data body (RFC 7578).

        Returns:
            The text fields, as a mapping like ``query_params``.

        Raises:
            RequestBodyError: 415: another type of body. 400: a malformed multipart body. Otherwise as for ``body()``.
            ClientDisconnect: As for ``body()``.
        """
        await self.body()
        status, wrong, fields = self._info.parse_form()
        if status:
            raise RequestBodyError(f"The body: {wrong}", status)
        return FormData(fields)

    async def files(self) -> FormFiles:
        """Parses a multipart/form-data body (RFC 7578).

        Returns:
            The files as a mapping: ``[]`` and ``get()`` return the last UploadFile of a name, ``getlist(name)`` all of
                them. Empty for a urlencoded form.

        Raises:
            RequestBodyError: As for ``form()``.
            ClientDisconnect: As for ``body()``.
        """
        await self.body()
        status, wrong, files = self._info.parse_files()
        if status:
            raise RequestBodyError(f"The body: {wrong}", status)
        return FormFiles(
            (name, UploadFile(filename, content_type, data)) for name, filename, content_type, data in files
        )

    async def is_disconnected(self) -> bool:
        """Returns whether the client has left: it has disconnected, or has ended its side of the connection.

        A client that has ended its side may still read; there is no way to know. Unless the client has left, each call
        lets the event loop turn once, so a loop that only calls this does not block other tasks.
        """
        if self._exchange is None:
            return False
        if not self._exchange.client_left:
            await asyncio.sleep(0)
        return self._exchange.client_left

    if not TYPE_CHECKING:  # a type checker would accept any name

        def __getattr__(self, name: str) -> Any:
            habits.refuse_attribute(self, name, habits.REQUEST)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path!r}>"
