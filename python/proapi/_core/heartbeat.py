"""Keeps a response in parts busy: writes a comment when nothing else was written for some time. It must not know what
the parts are.
"""

import asyncio

from .exchange import Exchange

COMMENT = b": ping\n\n"


class Heartbeat:
    """The writer of one response, in the task of its handler."""

    def __init__(self, exchange: Exchange, interval_s: float | None) -> None:
        """``interval_s`` None: no comments."""
        self._exchange = exchange
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._written_at = self._loop.time()
        self._is_writing = False
        self._comment: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if interval_s is not None:
            self._timer = self._loop.call_later(interval_s, self._on_time, interval_s)

    async def write(self, octets: bytes) -> bool:
        """As the exchange's ``write``, and counts as a sign of life."""
        if self._comment is not None:  # the client takes the comment first
            await self._comment
            self._comment = None
        self._is_writing = True
        try:
            return await self._exchange.write(octets)
        finally:
            self._is_writing = False
            self._written_at = self._loop.time()

    def stop(self) -> None:
        """Writes no more comments."""
        if self._timer is not None:
            self._timer.cancel()
        if self._comment is not None:
            self._comment.cancel()

    def _on_time(self, interval_s: float) -> None:
        silent_s = self._loop.time() - self._written_at
        if self._exchange.ended:
            return
        # While a write waits for a slow client, octets are on their way.
        is_free = not self._is_writing and (self._comment is None or self._comment.done())
        if is_free and silent_s >= interval_s and self._exchange.started:
            self._comment = asyncio.ensure_future(self._exchange.write(COMMENT))
            self._written_at = self._loop.time()
            silent_s = 0.0
        left_s = interval_s - silent_s
        self._timer = self._loop.call_later(left_s if left_s > 0 else interval_s, self._on_time, interval_s)
