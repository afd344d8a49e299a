"""Bounded pools of threads: one for sync handlers, one for the sync iterators of streams, one for files (ASGI)."""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from .processes import end_forked_child

_P = ParamSpec("_P")
_T = TypeVar("_T")

MAX_THREADS = min(32, (os.cpu_count() or 1) + 4)


class ThreadPool:
    """A bounded pool. Threads are started when they are first needed."""

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self._executor = ThreadPoolExecutor(max_threads, thread_name_prefix="proapi")
        self._futures: set[Future[Any]] = set()

    @property
    def running(self) -> int:
        """How many calls are running or waiting for a thread."""
        return len(self._futures)

    async def run(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """As ``submit``, but waits for the result. Cancelling the wait does not end the call."""
        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    def submit(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Calls the function in a thread, with the caller's context variables.

        If the future is cancelled before the call begins, the arguments are released. RuntimeError: the pool is closed.
        """
        pid = os.getpid()
        work = [partial(copy_context().run, function, *args, **kwargs)]

        def call() -> _T:
            try:
                return work.pop()()
            except StopIteration as error:  # a future can't carry StopIteration
                raise RuntimeError("StopIteration left a function that ran in a thread") from error
            finally:
                if os.getpid() != pid:  # a forked child: its thread would wait for calls, and the parent for the child
                    end_forked_child(sys.exception())

        def forget(future: Future[_T]) -> None:
            self._futures.discard(future)
            work.clear()  # the executor keeps the call until a thread is free

        future = self._executor.submit(call)
        self._futures.add(future)
        future.add_done_callback(forget)
        return future

    def close(self) -> None:
        """Starts no more calls. Does not wait for those that run."""
        self._executor.shutdown(wait=False, cancel_futures=True)
