"""What an application does before and after it serves: a lifespan context manager, start-up and shutdown functions."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

Hook = Callable[[], Any]


class Lifespan:
    """Start-up functions run in the order of registration, shutdown functions in reverse. Each may be async."""

    def __init__(self, app: object, manager: Callable[[Any], AbstractAsyncContextManager[Any]] | None) -> None:
        if manager is not None and not callable(manager):
            raise TypeError(f"lifespan: expected an async context manager function of the app, got {manager!r}")
        self._app = app
        self._manager = manager
        self.state: Mapping[str, Any] = {}
        """What the manager has yielded: the attributes that every request's and connection's ``state`` begins with."""
        self.startup: list[Hook] = []
        self.shutdown: list[Hook] = []

    @asynccontextmanager
    async def run(self, end_tasks: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Runs the application's start-up, the body, and its shutdown.

        Once everything has started, every shutdown function runs, even if another one raises. ``end_tasks`` runs before
        anything that ends what tasks use, and is called more than once.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(end_tasks)
            if self._manager is not None:
                self.state = _read_state(await stack.enter_async_context(self._manager(self._app)))
                stack.push_async_callback(end_tasks)
            for hook in self.startup:
                await _call(hook)
            for hook in self.shutdown:
                stack.push_async_callback(_call, hook)
            stack.push_async_callback(end_tasks)
            yield


def require_function(where: str, hook: object) -> None:
    """Raises TypeError if ``hook`` is not callable."""
    if not callable(hook):
        raise TypeError(f"{where}: expected a function without parameters, got {hook!r}")


def _read_state(yielded: object) -> Mapping[str, Any]:
    if yielded is None:
        return {}
    if not isinstance(yielded, Mapping) or not all(isinstance(name, str) for name in yielded):
        raise TypeError(f"lifespan: expected it to yield nothing or a dict of attributes by name, got {yielded!r}")
    return yielded


async def _call(hook: Hook) -> None:
    result = hook()
    # A task that the hook has started is not awaited: `app.on_startup(lambda: app.spawn(tell()))`.
    if inspect.isawaitable(result) and not isinstance(result, asyncio.Task):
        await result
