"""What an HTTP handler returns. Headers are checked when they are set, so the traceback points into the handler."""

import asyncio
import dataclasses
import inspect
import mimetypes
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

import msgspec

from ._core import json
from ._core.cookies import Expiry, SameSite, write_cookie
from ._core.exchange import Exchange, Pairs
from ._core.thread_iterator import ThreadIterator
from ._core.threads import ThreadPool
from .background import BackgroundTask, BackgroundTasks
from .datastructures import MutableHeaders
from .errors import check_status
from .settings import Seconds

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_ENGINE_FIELDS = ("connection", "content-length", "transfer-encoding", "date")
_NO_CONTENT = 204
_HTML, _TEXT, _OCTETS, _JSON = "text/html", "text/plain", "application/octet-stream", "application/json"
# Fields that need no check.
_OWN_FIELDS: dict[str | None, Pairs] = {
    _HTML: [("Content-Type", "text/html; charset=utf-8")],
    _TEXT: [("Content-Type", "text/plain; charset=utf-8")],
    _OCTETS: [("Content-Type", _OCTETS)],
    _JSON: [("Content-Type", _JSON)],
}
_BODILESS = (204, 304)
_MISSING = object()
_NOTHING: Any = None  # the default of content, which may be passed by an older name instead
FIRST_PART_S = 0.5
"""How long the head of a streamed response waits for the first part. Until then, an exception of the iterator still
decides the response."""


_Text = str | bytes | bytearray | memoryview


class ResponseOptions(TypedDict, total=False):
    """What any response may be given by name. All but ``background`` are keywords from before ``content``,
    ``status_code`` and ``media_type``; ``content_type`` is sent unchanged."""

    background: BackgroundTask | BackgroundTasks | None
    """A ``BackgroundTask`` or ``BackgroundTasks``, to be called after the response was sent."""
    body: _Text
    value: Any
    parts: AsyncIterable[str | bytes] | Iterable[str | bytes]
    status: int
    content_type: str | None


class OlderKey(TypedDict, total=False):
    """The keyword from before ``key``."""

    name: str


class Response:
    """A complete response. ``str`` is sent as UTF-8 HTML and bytes as octets unless ``media_type`` says otherwise.

    Subclasses may set ``media_type`` and override ``render``.
    """

    media_type: str | None = None
    background: BackgroundTask | BackgroundTasks | None = None
    """What is called after the response was sent."""

    def __init__(
        self,
        content: _Text | None = None,
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        media_type: str | None = None,
        **options: Unpack[ResponseOptions],
    ) -> None:
        """Builds and checks the whole response, so that every error is raised here.

        Args:
            content: str or bytes-like; None is an empty body.
            status_code: 200 to 599.
            headers: A mapping or pairs.
            media_type: Text types get ``; charset=utf-8`` unless they name a charset. A Content-Type in ``headers``
                takes precedence.
            **options: ``background``: a ``BackgroundTask`` or ``BackgroundTasks``, called after the response was sent;
                and older names of these arguments.

        Raises:
            TypeError: ``content`` is neither str nor bytes-like, or a keyword is unknown.
            ValueError: The status is out of range, or ``add_header`` refuses a header.
        """
        if options:
            _check_options(type(self).__name__, options)
            content = options.get("body", content)
            status_code = options.get("status", status_code)
            self.background = options.get("background")
        self.body = self.render(content)
        check_status(status_code)
        self.status_code = int(status_code)
        field = options.get("content_type") if options else None
        if media_type := field or media_type or self.media_type:
            self.media_type = media_type
        elif isinstance(content, str):
            self.media_type = media_type = _HTML
        elif self.body:
            self.media_type = media_type = _OCTETS
        if not headers and not field and media_type in _OWN_FIELDS:
            self._fields: Pairs = _OWN_FIELDS[media_type].copy()
            return
        self._fields = []
        given = headers.items() if isinstance(headers, Mapping) else headers or ()
        for name, value in given:
            self.add_header(name, value)
        if media_type and not any(name.lower() == "content-type" for name, _ in self._fields):
            self.add_header("Content-Type", field or _with_charset(media_type))

    @property
    def headers(self) -> MutableHeaders:
        """The header fields, names in any case. A field is checked when it is set, as by ``add_header``."""
        return MutableHeaders(self._fields, self.add_header)

    @headers.setter
    def headers(self, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        self._fields = []
        for name, value in fields.items() if isinstance(fields, Mapping) else fields:
            self.add_header(name, value)

    @property
    def status(self) -> int:
        """The older name of ``status_code``."""
        return self.status_code

    @status.setter
    def status(self, status: int) -> None:
        self.status_code = status

    def render(self, content: Any) -> bytes:
        """Returns the body for ``content``.

        Args:
            content: str, bytes-like or None; subclasses may take other values.

        Raises:
            TypeError: Another type.
        """
        if content is None:
            return b""
        if isinstance(content, str):
            return content.encode()
        if isinstance(content, (bytes, bytearray, memoryview)):
            return bytes(content)
        raise TypeError(f"expected str or bytes as body, got {type(content).__name__}; JSONResponse takes other values")

    def add_header(self, name: str, value: str) -> None:
        """Adds a header field; a name may be added more than once.

        Args:
            name: A token (RFC 9110 section 5.6.2).
            value: Visible ASCII; spaces and tabs only inside.

        Raises:
            ValueError: HTTP does not allow the field, or the server writes it itself.
            TypeError: The name or the value is not a str.
        """
        for text in (name, value):
            if not isinstance(text, str):
                raise TypeError(f"expected str as name and value of a header, got {text!r}")
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"expected a token as header name, got {name!r}")
        if name.lower() in _ENGINE_FIELDS:
            raise ValueError(f"the header {name} is written by the server itself")
        if not _FIELD_VALUE.fullmatch(value):
            raise ValueError(
                f"expected visible ASCII, inner spaces and tabs as value of the header {name}, got {value!r}"
            )
        self._fields.append((name, value))

    def set_cookie(
        self,
        key: str | None = None,
        value: str = "",
        *,
        max_age: Seconds | None = None,
        expires: Expiry | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        **older: Unpack[OlderKey],
    ) -> None:
        """Adds a Set-Cookie header.

        Args:
            key: The cookie's name.
            value: The cookie's value: visible ASCII without spaces, quotes, comma, semicolon and backslash.
            max_age: How long the cookie lives: seconds or a timedelta; 0 or less ends it.
            expires: When the cookie ends: a datetime with a time zone, seconds from now, a timedelta, or an HTTP date.
            path: The path that the cookie is for; "" leaves the attribute out.
            domain: The domain that the cookie is for; None leaves the attribute out.
            secure: Whether browsers send the cookie over TLS alone.
            httponly: Whether scripts can't read the cookie.
            samesite: "lax", "strict" or "none", which needs ``secure``; None leaves the attribute out.
            **older: ``name``, the older name of ``key``.

        Raises:
            ValueError: A cookie can't carry the name, the value or an attribute.
            TypeError: ``max_age`` or ``expires`` is not a time, the key is missing, or a keyword is unknown.
        """
        cookie = write_cookie(
            _require_key("set_cookie", key, older),
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )
        self.add_header("Set-Cookie", cookie)

    def delete_cookie(
        self,
        key: str | None = None,
        *,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        **older: Unpack[OlderKey],
    ) -> None:
        """Adds a Set-Cookie header that tells the client to forget a cookie.

        Args:
            key: The cookie's name.
            path: The path that the cookie was set with.
            domain: The domain that the cookie was set with.
            secure: Must be true if the key begins with ``__Secure-`` or ``__Host-``.
            httponly: As for ``set_cookie``.
            samesite: As for ``set_cookie``.
            **older: ``name``, the older name of ``key``.

        Raises:
            ValueError: As for ``set_cookie``.
            TypeError: The key is missing, or a keyword is unknown.
        """
        self.set_cookie(
            _require_key("delete_cookie", key, older),
            max_age=0,
            expires=datetime(1970, 1, 1, tzinfo=UTC),
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )

    async def send_to(self, exchange: Exchange, pool: ThreadPool) -> None:
        """Internal: called by the dispatcher."""
        exchange.respond(self.status_code, self._fields, self.body)


class HTMLResponse(Response):
    """HTML from a ``str``."""

    media_type = _HTML


class PlainTextResponse(Response):
    """Plain text from a ``str``."""

    media_type = _TEXT


class JSONResponse(Response):
    """JSON of any value that msgspec encodes.

    Raises:
        ValueError: NaN, Infinity, or a circular value.
        TypeError: A value that JSON can't hold, or no content.
    """

    media_type = _JSON

    def __init__(
        self,
        content: Any = _MISSING,
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        media_type: str | None = None,
        **options: Unpack[ResponseOptions],
    ) -> None:
        content = options.pop("value", content)
        if content is _MISSING:
            raise TypeError("JSONResponse: expected content, got none; JSONResponse(None) is null")
        super().__init__(content, status_code, headers, media_type, **options)

    def render(self, content: Any) -> bytes:
        return json.encode(content)


class RedirectResponse(Response):
    """Redirects the client to ``url``; 307 keeps the method. Characters that a URL can't have are percent-encoded."""

    def __init__(
        self,
        url: str,
        status_code: int = 307,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        **options: Unpack[ResponseOptions],
    ) -> None:
        super().__init__(b"", status_code, headers, **options)
        self.add_header("Location", quote(url, safe=":/%#?=@[]!$&'()*+,;~"))


class FileResponse(Response):
    """A file, or the part of it that the client asks for (Range); 404 if there is no such file.

    Args:
        path: The file. The path is trusted: never take it from a request.
        media_type: None: guessed from ``filename`` or the path.
        filename: The name that browsers save the file under. None: they may show it instead.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        media_type: str | None = None,
        filename: str | None = None,
        **options: Unpack[ResponseOptions],
    ) -> None:
        self.path = os.fspath(path)
        super().__init__(b"", status_code, headers, media_type or _guess_media_type(filename or self.path), **options)
        if filename is not None:
            self.add_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(filename, safe='')}")

    async def send_to(self, exchange: Exchange, pool: ThreadPool) -> None:
        exchange.respond_with_file(self.status_code, self._fields, os.fsencode(self.path))


class StreamingResponse(Response):
    """A body in parts of str or bytes, as an iterator yields them. A sync iterator runs in a thread.

    The iterator waits while the client is slow, and is closed when the client disconnects. The head is sent with the
    first part, or alone if there is no part within ``FIRST_PART_S``. An exception that the iterator raises before that
    decides the response: an HTTPException its own, any other a 500. After that, an exception cuts the connection.

    Raises:
        TypeError: ``content`` is not an iterable of parts.
    """

    media_type = _TEXT

    def __init__(
        self,
        content: AsyncIterable[str | bytes] | Iterable[str | bytes] = _NOTHING,
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        media_type: str | None = None,
        **options: Unpack[ResponseOptions],
    ) -> None:
        parts = options.pop("parts", content)
        if isinstance(parts, (str, bytes)) or not isinstance(parts, (AsyncIterable, Iterable)):
            raise TypeError(f"expected an iterator of str or bytes, got {type(parts).__name__}")
        super().__init__(b"", status_code, headers, media_type, **options)
        self.parts = parts

    async def send_to(self, exchange: Exchange, pool: ThreadPool) -> None:
        if isinstance(self.parts, AsyncIterable):
            parts: AsyncIterator[str | bytes] = aiter(self.parts)
        else:
            parts = ThreadIterator(iter(self.parts), pool)
        try:
            if self.status_code not in _BODILESS:  # a response without a body takes no parts
                await _while_wanted(exchange, self._write_parts(exchange, parts))
        finally:
            if close := getattr(parts, "aclose", None):
                await close()
        self._start(exchange)
        exchange.finish()

    def _start(self, exchange: Exchange) -> None:
        if not exchange.started:
            exchange.start(self.status_code, self._fields, None)

    async def _write_parts(self, exchange: Exchange, parts: AsyncIterator[str | bytes]) -> None:
        if exchange.request.method == "HEAD":
            await await_first_part(parts)
            return
        timer = asyncio.get_running_loop().call_later(FIRST_PART_S, self._start, exchange)
        try:
            async for part in parts:
                octets = _to_octets(part)
                self._start(exchange)
                if not await exchange.write(octets):
                    break
        finally:
            timer.cancel()


async def await_first_part(parts: AsyncIterator[str | bytes]) -> None:
    """For HEAD: its response is that to GET without the body, so the status depends on the first part too."""
    limit = asyncio.timeout(FIRST_PART_S)
    try:
        async with limit:
            _to_octets(await anext(parts, b""))
    except TimeoutError:
        if not limit.expired():
            raise


def _to_octets(part: object) -> bytes:
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, (bytes, bytearray, memoryview)):
        return bytes(part)
    raise TypeError(f"StreamingResponse: expected str or bytes as part, got {type(part).__name__}")


async def _while_wanted(exchange: Exchange, work: Awaitable[None]) -> None:
    """Cancels ``work`` when the client leaves: it may be waiting for something other than the client."""
    task = asyncio.current_task()
    assert task is not None
    exchange.end_with_client()
    exchange.on_end(task.cancel)
    try:
        await work
    except asyncio.CancelledError:
        # The way asyncio.timeout() distinguishes its own cancellation from others.
        if not exchange.ended or task.uncancel() > 0:
            raise
    finally:
        exchange.on_end(None)


def to_response(result: Any) -> Response:
    """Converts a handler's result to a response.

    Args:
        result: A Response, dataclass, Struct, pydantic model, dict, list, str, bytes-like or None (204).

    Raises:
        TypeError: Any other type, or a value that JSON can't hold.
        ValueError: NaN, Infinity, or a circular value.
    """
    kind = type(result)
    if kind is dict or kind is list:
        return _make_plain(JSONResponse, json.encode(result), _JSON)
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status_code=_NO_CONTENT)
    if kind is str:
        return _make_plain(Response, result.encode(), _HTML)
    if isinstance(result, (str, bytes, bytearray, memoryview)):
        return Response(result)
    if isinstance(result, (dict, list, msgspec.Struct)) or dataclasses.is_dataclass(result):
        return _make_plain(JSONResponse, json.encode(result), _JSON)
    if hasattr(result, "model_dump_json"):  # a pydantic model
        return Response(result.model_dump_json(by_alias=True), media_type=_JSON)
    hint = "JSONResponse takes any other value"
    if inspect.isawaitable(result):
        hint = "is an await missing?"
    elif isinstance(result, (Iterator, AsyncIterator)):
        hint = "StreamingResponse takes it"
    raise TypeError(
        "expected a Response, dataclass, Struct, dict, list, str, bytes or None from the handler, got"
        f" {type(result).__name__}; {hint}"
    )


def _make_plain(kind: type[Response], body: bytes, media_type: str) -> Response:
    """Returns what the constructor would, without the checks that need not be made of these values."""
    response = kind.__new__(kind)
    response.body = body
    response.status_code = 200
    response.media_type = media_type
    response._fields = _OWN_FIELDS[media_type].copy()
    return response


def _guess_media_type(path: str) -> str:
    guessed, encoding = mimetypes.guess_type(path)
    return _OCTETS if guessed is None or encoding is not None else guessed


def _with_charset(media_type: str) -> str:
    lower = media_type.lower()
    return f"{media_type}; charset=utf-8" if lower.startswith("text/") and "charset=" not in lower else media_type


def _check_options(response: str, given: Mapping[str, object]) -> None:
    """Raises TypeError if a keyword is not one of a response."""
    if unknown := given.keys() - ResponseOptions.__annotations__.keys():
        raise TypeError(f"{response}: expected the keywords of a response, got {', '.join(sorted(unknown))}")
    background = given.get("background")
    if background is not None and not isinstance(background, (BackgroundTask, BackgroundTasks)):
        raise TypeError(f"{response}: expected BackgroundTask(function, ...) as background, got {background!r}")


def _require_key(call: str, key: str | None, older: OlderKey) -> str:
    if unknown := older.keys() - OlderKey.__annotations__.keys():
        raise TypeError(f"{call}: expected the attributes of a cookie, got {', '.join(sorted(unknown))}")
    key = older.get("name", key)
    if key is None:
        raise TypeError(f"{call}: expected the cookie's key, got none")
    return key
