"""What an HTTP handler gives back. Headers are checked when they are given: the handler's traceback shows them."""

import asyncio
import dataclasses
import mimetypes
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from . import _json
from .cookies import SameSite, write_cookie
from .exchange import Exchange, Pairs
from .log import logger
from .threads import ThreadPool

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_ENGINE_FIELDS = ("connection", "content-length", "transfer-encoding", "date")
_NO_CONTENT = 204
_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_OCTETS = "application/octet-stream"


class Response:
    """A whole response. ``str`` is sent as UTF-8 HTML and bytes as octets unless ``content_type`` says otherwise."""

    def __init__(
        self,
        body: str | bytes | bytearray | memoryview = b"",
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        content_type: str | None = None,
    ) -> None:
        if isinstance(body, str):
            self.body = body.encode()
            content_type = content_type or _HTML
        elif isinstance(body, (bytes, bytearray, memoryview)):
            self.body = bytes(body)
            content_type = content_type or (_OCTETS if self.body else None)
        else:
            raise TypeError(
                f"expected str or bytes as body, got {type(body).__name__}; JSONResponse takes other values"
            )
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"expected a status from 200 to 599, got {status!r}")
        self.status = int(status)
        self.headers: Pairs = []
        given = headers.items() if isinstance(headers, Mapping) else headers or ()
        for name, value in given:
            self.add_header(name, value)
        if content_type and not any(name.lower() == "content-type" for name, _ in self.headers):
            self.add_header("Content-Type", content_type)

    def add_header(self, name: str, value: str) -> None:
        """ValueError: one that HTTP does not allow, or that the server writes itself."""
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"expected a token as header name, got {name!r}")
        if name.lower() in _ENGINE_FIELDS:
            raise ValueError(f"the header {name} is written by the server itself")
        if not _FIELD_VALUE.fullmatch(value):
            raise ValueError(
                f"expected visible ASCII, inner spaces and tabs as value of the header {name}, got {value!r}"
            )
        self.headers.append((name, value))

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
    ) -> None:
        """ValueError: a name, value or attribute that a Set-Cookie field can't carry."""
        cookie = write_cookie(
            name,
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

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Name, path and domain must be those it was set with."""
        self.set_cookie(name, max_age=0, expires=datetime(1970, 1, 1, tzinfo=UTC), path=path, domain=domain)

    async def send_to(self, exchange: Exchange, pool: ThreadPool) -> None:
        exchange.respond(self.status, self.headers, self.body)


class HTMLResponse(Response):
    """HTML from ``str``."""


class PlainTextResponse(Response):
    """Plain text from ``str``."""

    def __init__(self, body: str = "", status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body, status, headers, _TEXT)


class JSONResponse(Response):
    """JSON of whatever msgspec encodes; ValueError for NaN and Infinity."""

    def __init__(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(_json.encode(value), status, headers, "application/json")


class RedirectResponse(Response):
    """Sends the client to ``url``; 307 keeps the method."""

    def __init__(self, url: str, status: int = 307, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(b"", status, headers)
        self.add_header("Location", quote(url, safe=":/%#?=@[]!$&'()*+,;~"))


class FileResponse(Response):
    """A file; ``filename`` makes browsers save it under that name. The path is trusted: never one from a request."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
        filename: str | None = None,
    ) -> None:
        self.path = os.fspath(path)
        super().__init__(b"", status, headers, content_type or _content_type_of(filename or self.path))
        if filename is not None:
            self.add_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(filename, safe='')}")

    async def send_to(self, exchange: Exchange, pool: ThreadPool) -> None:
        exchange.respond_with_file(self.status, self.headers, self.path)


class StreamingResponse(Response):
    """Parts of str or bytes as an iterator gives them; a sync one runs in a thread. It waits while the client is slow,
    and the iterator is closed when the client is gone."""

    def __init__(
        self,
        parts: AsyncIterable[str | bytes] | Iterable[str | bytes],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str = _TEXT,
    ) -> None:
        if isinstance(parts, (str, bytes)) or not isinstance(parts, (AsyncIterable, Iterable)):
            raise TypeError(f"expected an iterator of str or bytes, got {type(parts).__name__}")
        super().__init__(b"", status, headers, content_type)
        self.parts = parts

    async def send_to(self, exchange: Exchange, pool: ThreadPool) -> None:
        exchange.start(self.status, self.headers, None)
        if isinstance(self.parts, AsyncIterable):
            parts = aiter(self.parts)
        else:
            parts = _iterate_in_thread(iter(self.parts), pool)
        try:
            # The answer to HEAD, and 204 and 304, have no body: nobody waits for parts.
            if exchange.has_body:
                await _while_wanted(exchange, _write_all(exchange, parts))
        finally:
            if close := getattr(parts, "aclose", None):
                await close()
        exchange.finish()


async def _write_all(exchange: Exchange, parts: AsyncIterator[str | bytes]) -> None:
    async for part in parts:
        if not await exchange.write(part.encode() if isinstance(part, str) else bytes(part)):
            break


async def _while_wanted(exchange: Exchange, work: Awaitable[None]) -> None:
    """Cancels the work, which may wait for something else than its client, once the client is gone."""
    task = asyncio.current_task()
    assert task is not None
    exchange.on_end(task.cancel)
    try:
        await work
    except asyncio.CancelledError:
        # As asyncio.timeout() tells its own cancellation from another's.
        if not exchange.ended or task.uncancel() > 0:
            raise
    finally:
        exchange.on_end(None)


async def _iterate_in_thread(parts: Iterator[str | bytes], pool: ThreadPool) -> AsyncIterator[str | bytes]:
    end = object()
    call: Future[Any] | None = None
    try:
        while True:
            call = pool.submit(next, parts, end)
            part = await asyncio.wrap_future(call)
            if part is end:
                break
            yield part
    finally:
        if close := getattr(parts, "close", None):
            if call is None or call.done():
                await pool.run(close)
            else:
                # Cancelled while the iterator runs: it can be closed once it has given its part.
                _close_after(call, partial(copy_context().run, close), pool)


def _close_after(call: "Future[Any]", close: Callable[[], object], pool: ThreadPool) -> None:
    def close_iterator() -> None:
        try:
            close()
        except Exception:
            logger.exception("the iterator of a response failed when it was closed")

    def on_done(_: "Future[Any]") -> None:
        try:
            pool.submit(close_iterator)
        except RuntimeError:  # the pool has been closed meanwhile: here, in the call's own thread
            close_iterator()

    call.add_done_callback(on_done)


def to_response(result: Any) -> Response:
    """A handler's result as response."""
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status=_NO_CONTENT)
    if isinstance(result, (str, bytes, bytearray, memoryview)):
        return Response(result)
    if isinstance(result, (dict, list, msgspec.Struct)) or dataclasses.is_dataclass(result):
        return JSONResponse(result)
    raise TypeError(
        f"expected a Response, dict, list, str, bytes or None from the handler, got {type(result).__name__};"
        " JSONResponse takes any other value"
    )


def _content_type_of(path: str) -> str:
    guessed, encoding = mimetypes.guess_type(path)
    if guessed is None or encoding is not None:
        return _OCTETS
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed
