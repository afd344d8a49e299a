"""What an HTTP handler is told of its request. The body is there whole, bounded by ``max_body_size``."""

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ._core import habits, json
from ._core.binding import RequestInfo
from ._core.exchange import Exchange
from .datastructures import Client, FormData, FormFiles, Headers, QueryParams, State, UploadFile
from .errors import RequestBodyError

if TYPE_CHECKING:
    from .app import ProAPI

_T = TypeVar("_T")


class Request:
    """One HTTP request; handlers receive it. Its body is there whole, bounded by ``max_body_size``."""

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
        """In capitals, as ``GET``."""
        return self._info.method

    @property
    def path(self) -> str:
        """Percent-decoded."""
        return self._info.path

    @property
    def path_params(self) -> dict[str, Any]:
        """By name, converted as the route says: str, int, float or uuid.UUID."""
        return self._info.path_params

    @property
    def headers(self) -> Headers:
        """A mapping, names in any case; [] and get() give the last value, getlist(name) all."""
        if self._headers is None:
            self._headers = Headers(self._info.headers)
        return self._headers

    @property
    def query_params(self) -> QueryParams:
        """A mapping, decoded; [] and get() give the last value, getlist(name) all."""
        if self._query_params is None:
            self._query_params = QueryParams(self._info.query_params)
        return self._query_params

    @property
    def cookies(self) -> dict[str, str]:
        """By name."""
        return self._info.cookies

    @property
    def client(self) -> Client | None:
        """Address and port of the peer; None under an ASGI server that does not tell."""
        return self._info.client

    @property
    def url(self) -> str:
        """The whole address: http://host/path?query."""
        return self._info.url

    @property
    def app(self) -> "ProAPI":
        """The ProAPI that serves the request."""
        assert self._app is not None
        return self._app

    @property
    def state(self) -> State:
        """Attributes of the application's own, as ``request.state.user = "Ada"``."""
        if self._state is None:
            self._state = State()
        return self._state

    @property
    def content(self) -> bytes:
        """The body, for handlers that are not async."""
        return self._info.body

    async def body(self) -> bytes:
        """The body's octets; it never waits."""
        return self._info.body

    @overload
    async def json(self) -> Any: ...
    @overload
    async def json(self, type: type[_T]) -> _T: ...
    @overload
    async def json(self, type: Any) -> Any: ...
    async def json(self, type: Any = None) -> Any:
        """The body as JSON, of ``type`` where one is given. RequestBodyError, a 400: it is not."""
        try:
            return json.decode(self._info.body, type)
        except ValueError as error:
            raise RequestBodyError(f"The body: {error}") from None

    async def form(self) -> FormData:
        """The text fields of an application/x-www-form-urlencoded or multipart/form-data body (RFC 7578): a mapping, as
        ``query_params``. RequestBodyError: a 415 for another type, a 400 for a multipart body that is malformed."""
        status, wrong, fields = self._info.parse_form()
        if status:
            raise RequestBodyError(f"The body: {wrong}", status)
        return FormData(fields)

    async def files(self) -> FormFiles:
        """The files of a multipart/form-data body: a mapping, [] and get() give the last UploadFile of a name,
        getlist(name) all; empty for a urlencoded form. RequestBodyError: as ``form()``."""
        status, wrong, files = self._info.parse_files()
        if status:
            raise RequestBodyError(f"The body: {wrong}", status)
        return FormFiles(
            (name, UploadFile(filename, content_type, data)) for name, filename, content_type, data in files
        )

    async def is_disconnected(self) -> bool:
        """Whether the client has left: it is gone, or has ended its side, after which nobody can tell whether it still
        reads. Lets the event loop turn once, so that a loop around it holds up nobody."""
        if self._exchange is None:
            return False
        if not self._exchange.client_left:
            await asyncio.sleep(0)
        return self._exchange.client_left

    if not TYPE_CHECKING:  # a type checker would take any name

        def __getattr__(self, name: str) -> Any:
            habits.refuse_attribute(self, name, habits.REQUEST)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path!r}>"
