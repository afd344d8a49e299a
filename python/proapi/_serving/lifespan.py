"""What an application does before it serves and after: a lifespan context manager, start-up and shutdown functions."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

Hook = Callable[[], Any]


class Lifespan:
    """Start-up functions in the order of registration, shutdown functions in the opposite order, each async or not."""

    def __init__(self, app: object, manager: Callable[[Any], AbstractAsyncContextManager[Any]] | None) -> None:
        if manager is not None and not callable(manager):
            raise TypeError(f"lifespan: expected an async context manager function of the app, got {manager!r}")
        self._app = app
        self._manager = manager
        self.startup: list[Hook] = []
        self.shutdown: list[Hook] = []

    @asynccontextmanager
    async def run(self, end_tasks: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Once all has started, every shutdown function runs, even where another one raises. ``end_tasks`` comes before
        whatever ends what tasks use, and is called more than once."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(end_tasks)
            if self._manager is not None:
                await stack.enter_async_context(self._manager(self._app))
                stack.push_async_callback(end_tasks)
            for hook in self.startup:
                await _call(hook)
            for hook in self.shutdown:
                stack.push_async_callback(_call, hook)
            stack.push_async_callback(end_tasks)
            yield


def require_function(where: str, hook: object) -> None:
    """TypeError: it can't be called."""
    if not callable(hook):
        raise TypeError(f"{where}: expected a function without parameters, got {hook!r}")


async def _call(hook: Hook) -> None:
    result = hook()
    # A task that it has started goes on by itself: `app.on_startup(lambda: app.spawn(tell()))`.
    if inspect.isawaitable(result) and not isinstance(result, asyncio.Task):
        await result
