"""Server-sent events (HTML Standard section 9.2): a response that goes on as long as its client listens."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from datetime import timedelta
from typing import Any, Unpack

from ._core import json
from ._core.exchange import Exchange
from ._core.heartbeat import Heartbeat
from .response import ResponseOptions, StreamingResponse, await_first_part
from .settings import Seconds

_NO_BREAK = ("\r", "\n", "\0")
_MISSING: Any = object()


class ServerSentEvent:
    """One event, as an ``EventSource`` of a browser gets it.

    ``data`` is text, or any other value, which is sent as JSON. Without data it is no event for the browser: an ``id``
    or a ``retry`` still counts, and a ``comment`` only keeps the connection busy.
    """

    __slots__ = ("comment", "data", "event", "id", "retry")

    def __init__(
        self,
        data: Any = _MISSING,
        event: str | None = None,
        id: str | None = None,
        retry: int | None = None,
        comment: str | None = None,
    ) -> None:
        """Checks the fields.

        Args:
            data: str, or a value for JSON. None is null.
            event: The type that the browser's listeners wait for. None: "message".
            id: What the browser sends as Last-Event-ID when it connects again.
            retry: How many milliseconds the browser waits before it connects again.
            comment: Text that the browser ignores.

        Raises:
            ValueError: ``event`` or ``id`` has a line break or a NUL, ``retry`` is negative, or nothing is given.
            TypeError: A field has another type.
        """
        for name, text in (("event", event), ("id", id), ("comment", comment)):
            if text is not None and not isinstance(text, str):
                raise TypeError(f"ServerSentEvent: expected str as {name}, got {type(text).__name__}")
        for name, text in (("event", event), ("id", id)):
            if text is not None and any(each in text for each in _NO_BREAK):
                raise ValueError(f"ServerSentEvent: expected no line break and no NUL in {name}, got {text!r}")
        if retry is not None and (isinstance(retry, bool) or not isinstance(retry, int)):
            raise TypeError(f"ServerSentEvent: expected an int of milliseconds as retry, got {type(retry).__name__}")
        if retry is not None and retry < 0:
            raise ValueError(f"ServerSentEvent: expected milliseconds from 0 on as retry, got {retry}")
        if data is _MISSING and all(each is None for each in (event, id, retry, comment)):
            raise ValueError("ServerSentEvent: expected data, event, id, retry or comment, got none of them")
        self.data, self.event, self.id, self.retry, self.comment = data, event, id, retry, comment

    def encode(self) -> bytes:
        """Returns the event's lines and the empty line after them.

        Raises:
            TypeError: ``data`` is a value that JSON can't hold.
            ValueError: NaN, Infinity, or a circular value.
        """
        lines = [f": {line}" for line in _split(self.comment)] if self.comment is not None else []
        for name in ("event", "id", "retry"):
            if (value := getattr(self, name)) is not None:
                lines.append(f"{name}: {value}")
        if self.data is not _MISSING:
            text = self.data if isinstance(self.data, str) else json.encode(self.data).decode()
            lines += [f"data: {line}" for line in _split(text)]
        return ("\n".join(lines) + "\n\n").encode()


def _split(text: str) -> list[str]:
    """Splits at what ends a line of an event stream, and at nothing else."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


class EventSourceResponse(StreamingResponse):
    """Events, as an iterator yields them: each a ``ServerSentEvent``, or data for one (str, or a value for JSON).

    As for ``StreamingResponse``, the iterator waits while the client is slow, and is closed when the client leaves; a
    sync iterator runs in a thread. Whenever nothing was sent for ``ping`` seconds, a comment is, so that proxies keep
    the connection; not while the client is slow. The head is sent at once, unless the iterator fails at once.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        *,
        ping: Seconds | None = 15,
        **options: Unpack[ResponseOptions],
    ) -> None:
        """Creates the response.

        Args:
            content: Yields the events.
            status_code: 200 to 599. Browsers connect again after a 200 that ends, and give up after any other.
            headers: A mapping or pairs. ``Cache-Control: no-store`` and ``X-Accel-Buffering: no``, with which nginx
                passes events on at once, are added unless they are there.
            ping: Seconds or a timedelta. None: no comments.
            **options: As for ``Response``.

        Raises:
            TypeError: ``content`` is not an iterable.
            ValueError: ``ping`` is not a positive time, or the status or a header is not valid.
        """
        super().__init__(content, status_code, headers, **options)
        seconds = ping.total_seconds() if isinstance(ping, timedelta) else ping
        if seconds is not None and not seconds > 0:
            raise ValueError(f"EventSourceResponse: expected a time above 0 as ping, or None, got {ping!r}")
        self._ping_s = seconds
        for name, value in (("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")):
            self.headers.setdefault(name, value)

    async def _write_parts(self, exchange: Exchange, parts: AsyncIterator[Any]) -> None:
        if exchange.request.method == "HEAD":
            await await_first_part(parts)
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(0, self._start, exchange)
        heartbeat = Heartbeat(exchange, self._ping_s)
        try:
            async for part in parts:
                octets = _encode(part)
                self._start(exchange)
                if not await heartbeat.write(octets):
                    break
        finally:
            timer.cancel()
            heartbeat.stop()


def _encode(part: Any) -> bytes:
    return (part if isinstance(part, ServerSentEvent) else ServerSentEvent(part)).encode()
