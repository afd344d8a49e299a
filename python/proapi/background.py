"""``BackgroundTask`` and ``BackgroundTasks``: work that a handler leaves to be done after its response was sent."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, ParamSpec

from ._core.binding import serving
from ._core.log import logger
from ._core.names import find_name, is_async

_P = ParamSpec("_P")


class BackgroundTask:
    """A call to make after the response was sent: ``Response(..., background=BackgroundTask(notify, "ada"))``.

    The server waits for it when it stops, as for a handler. A function that is not async runs in a thread.
    """

    def __init__(self, func: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Keeps the call.

        Args:
            func: The function.
            *args: Its arguments.
            **kwargs: Its arguments by name.

        Raises:
            TypeError: ``func`` is not callable.
        """
        if not callable(func):
            hint = "; pass the function and its arguments, without calling it" if inspect.isawaitable(func) else ""
            raise TypeError(f"BackgroundTask: expected a function, got {func!r}{hint}")
        self.func = func
        self.args = args
        self.kwargs = kwargs

    async def __call__(self) -> None:
        """Makes the call, in a context where an application serves. A failure is logged with the function's name."""
        try:
            if is_async(self.func):
                await self.func(*self.args, **self.kwargs)
            else:
                result = await serving.get().pool.run(self.func, *self.args, **self.kwargs)
                if asyncio.iscoroutine(result):  # a decorator or a lambda around an `async def` function
                    await result
        except Exception as error:
            logger.error("the background task %s failed", find_name(self.func), exc_info=error)


class BackgroundTasks:
    """Calls to make one after the other after the response was sent. If one fails, the others are still made.

    A handler, and each of its dependencies, may take it as a parameter: ``tasks: BackgroundTasks``. It is the same
    object for all of them.
    """

    def __init__(self) -> None:
        self.tasks: list[BackgroundTask] = []

    def add_task(self, func: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Adds a call. As ``BackgroundTask``."""
        self.tasks.append(BackgroundTask(func, *args, **kwargs))

    async def __call__(self) -> None:
        """Makes the calls."""
        for task in self.tasks:
            await task()


async def collect_background_tasks() -> AsyncIterator[BackgroundTasks]:
    """Internal: the dependency that a parameter annotated ``BackgroundTasks`` is."""
    tasks = BackgroundTasks()
    yield tasks
    await tasks()
