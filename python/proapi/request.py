"""The request as an HTTP handler sees it. ``max_body_size`` bounds its body."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ._core import habits, json
from ._core.binding import RequestInfo
from ._core.exchange import Exchange
from ._core.form import FormCall, read_form, read_whole_form
from ._core.request_body import read_more_than, read_parts, read_whole
from ._core.session import find_session
from .datastructures import Client, FormData, FormFiles, Headers, QueryParams, State
from .errors import RequestBodyError
from .uploads import UploadFile

if TYPE_CHECKING:
    from .app import ProAPI

_T = TypeVar("_T")

_MOST_FILES = 1000
_MOST_FIELDS = 1000
_MOST_TEXT_BYTES = 1024 * 1024


class Request:
    """One HTTP request; handlers receive it.

    An ``async def`` handler is called as soon as the head has arrived. It reads the body whole, with ``body()``,
    ``json()`` or ``form()``, or in parts, with ``stream()``; until then, a client that waits for "100-continue" sends
    none. A ``def`` handler is called once the body is whole, and reads ``content``.
    """

    __slots__ = ("_app", "_exchange", "_form", "_has_taken_files", "_headers", "_info", "_query_params", "_state")

    def __init__(self, info: RequestInfo, exchange: Exchange | None = None, app: "ProAPI | None" = None) -> None:
        self._info = info
        self._exchange = exchange
        self._form: FormData | None = None
        self._has_taken_files = False
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

    def form(
        self,
        *,
        max_files: int = _MOST_FILES,
        max_fields: int = _MOST_FIELDS,
        max_part_size: int = _MOST_TEXT_BYTES,
    ) -> FormCall:
        """Reads an application/x-www-form-urlencoded or multipart/form-data body (RFC 7578): ``await request.form()``,
        or ``async with request.form() as form:``, which closes the files.

        A multipart body is read while it arrives: files of more than 1 MiB together are kept in a temporary file.
        Later calls return the same, but after ``files()`` the text fields alone.

        Args:
            max_files: Files of a multipart form, 1000 by default.
            max_fields: Text fields of a multipart form, 1000 by default.
            max_part_size: Octets of all text fields together, 1 MiB by default.

        Returns:
            Text fields as ``str`` and files as ``UploadFile``, as a mapping like ``query_params``.

        Raises:
            RequestBodyError: 415: another type of body. 400: a malformed multipart body, or too many fields or files.
                413: too much text. Otherwise as for ``body()``.
            ClientDisconnect: As for ``body()``.
            OSError: A file can't be kept: the disk is full, for example.
            RuntimeError: ``stream()`` has taken the body.
        """
        return FormCall(self._read_rest_of_form(max_fields, max_files, max_part_size))

    async def _read_rest_of_form(self, max_fields: int, max_files: int, max_text: int) -> FormData:
        form = await self._read_form(max_fields, max_files, max_text)
        if self._has_taken_files:
            return FormData((name, value) for name, value in form.multi_items() if isinstance(value, str))
        return form

    async def _read_form(self, max_fields: int, max_files: int, max_text: int) -> FormData:
        if self._form is not None:
            return self._form
        status, wrong, reader = self._info.read_form(max_fields, max_files, max_text)
        if status:
            raise RequestBodyError(f"The body: {wrong}", status)
        if reader is None:
            body = self._info.body
            if body is None:
                body = await read_more_than(max_text, self._take_stream("form()"))
            status, wrong, fields = self._info.parse_form(body, max_text)
            if status:
                raise RequestBodyError(f"The body: {wrong}", status)
            self._info.body = body
            self._form = FormData(fields)
        elif self._info.is_body_read and (body := self._info.body) is not None:
            self._form = FormData(await read_whole_form(reader, body))
        else:
            exchange = self._take_stream("form()")
            # Whether the body came with the head makes no difference: it is gone afterwards.
            arrived = self._info.take_body()
            pairs = await (
                read_form(reader, read_parts(exchange)) if arrived is None else read_whole_form(reader, arrived)
            )
            self._form = FormData(pairs)
        return self._form

    async def _whole_form(self) -> FormData:
        """As ``form()``, with the files in any case."""
        return await self._read_form(_MOST_FIELDS, _MOST_FILES, _MOST_TEXT_BYTES)

    async def files(self) -> FormFiles:
        """Takes the files out of the form, as a mapping: ``[]`` and ``get()`` return the last UploadFile of a name,
        ``getlist(name)`` all of them. Empty for a urlencoded form. ``form()`` then has the text fields alone. Raises as
        ``form()``."""
        form = await self._whole_form()
        self._has_taken_files = True
        return FormFiles((name, value) for name, value in form.multi_items() if isinstance(value, UploadFile))

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
