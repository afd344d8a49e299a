"""A sync iterator as an async one: its code, which may block, runs in threads, also when it is closed."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar, cast

from .log import logger
from .threads import ThreadPool

_T = TypeVar("_T")
_END = object()


class ThreadIterator(AsyncIterator[_T]):
    """The items of a sync iterator, each from a thread of the pool."""

    def __init__(self, parts: Iterator[_T], pool: ThreadPool) -> None:
        self._parts = parts
        self._pool = pool
        self._call: Future[Any] | None = None

    async def __anext__(self) -> _T:
        self._call = self._pool.submit(next, self._parts, _END)
        try:
            part = await asyncio.wrap_future(self._call)
        except StopAsyncIteration as error:  # here it would mean the end of the items
            raise RuntimeError("StopAsyncIteration left a sync iterator") from error
        if part is _END:
            raise StopAsyncIteration
        return cast("_T", part)

    async def aclose(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is None:
            return
        # cancel() returns False if a thread has just taken the call.
        is_free = self._call is None or self._call.cancel()
        if (
            is_free
            and inspect.isgenerator(self._parts)
            and inspect.getgeneratorstate(self._parts) == inspect.GEN_CREATED
        ):
            close()  # runs none of the generator's code
        elif self._call is None or self._call.done():
            await self._pool.run(close)
        else:
            # Cancelled while the iterator runs: it can be closed once it has returned its part.
            _close_after(self._call, partial(copy_context().run, close), self._pool)


def _close_after(call: "Future[Any]", close: Callable[[], object], pool: ThreadPool) -> None:
    def close_iterator() -> None:
        try:
            close()
        except Exception:
            logger.exception("the iterator of a response failed when it was closed")

    def on_done(_: "Future[Any]") -> None:
        try:
            pool.submit(close_iterator)
        except RuntimeError:  # the pool was closed meanwhile: close the iterator here, in the call's own thread
            close_iterator()

    call.add_done_callback(on_done)
