"""``app.task``, ``app.spawn``, ``websocket.spawn``: tasks that live as long as one server serves. Knows no handlers."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import Context, copy_context
from typing import Any, TypeVar

from msgspec import Struct

from ..errors import WebSocketDisconnect
from .log import logger

_T = TypeVar("_T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0

_WHERE = "spawn in a handler or in a start-up function, or inside of `async with app.serving()`"


class AppTask(Struct, frozen=True):
    """What ``app.task`` registers."""

    function: Callable[[], Coroutine[Any, Any, Any]]
    name: str
    restart: bool

    async def run(self) -> None:
        """Calls the function; again, after a pause, each time it fails if ``restart`` is set."""
        pause_s = _FIRST_PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self.function()
                return
            except Exception as error:
                if not self.restart:
                    raise
                if asyncio.get_running_loop().time() - began > _LONGEST_PAUSE_S:
                    pause_s = _FIRST_PAUSE_S
                text = "the task %s of app.task failed; it is started again in %g s"
                logger.error(text, self.name, pause_s, exc_info=error)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


class ServerTasks:
    """The tasks of one server, or of one event loop of an ASGI server. Used on that loop's thread alone."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], str] = {}
        """Each with the call that has started it."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: Context | None = None
        self._pid = 0

    def open(self) -> None:
        """Allows tasks to be spawned on the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()

    def keep_context(self) -> None:
        """Tasks spawned from now on get the context variables of this moment. Earlier ones have those of their
        spawner."""
        self._context = copy_context()

    def is_open_on(self, loop: asyncio.AbstractEventLoop) -> bool:
        return self._loop is loop

    def start_all(self, tasks: Iterable[AppTask]) -> None:
        """Starts the application's own tasks, after its start-up."""
        for each in tasks:
            self.start(each.run(), each.name, started_by="app.task")

    def start(
        self,
        coroutine: Coroutine[Any, Any, _T],
        name: str | None,
        *,
        started_by: str = "app.spawn",
        context: Context | None = None,
    ) -> asyncio.Task[_T]:
        """Starts a task in ``context``, or else in that of ``keep_context``. A failure is logged with ``started_by``
        and its name."""
        assert self._loop is not None
        if context is None:
            context = copy_context() if self._context is None else self._context.copy()
        task = self._loop.create_task(coroutine, name=name or _find_name(coroutine), context=context)
        self._tasks[task] = started_by
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        started_by = self._tasks.pop(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, (SystemExit, KeyboardInterrupt)):  # the loop raises these two
            return
        if isinstance(error, WebSocketDisconnect) and started_by == "websocket.spawn":
            return
        if error is not None:
            logger.error("the task %s of %s failed", task.get_name(), started_by, exc_info=error)

    async def end(self, deadline: float) -> None:
        """Cancels every task and waits for them until ``deadline``, on the loop's clock.

        Nothing can be spawned any more. Does nothing when called again.
        """
        loop, self._loop = self._loop, None
        if loop is None or os.getpid() != self._pid:  # in a forked child the tasks are the parent's
            return
        for task in self._tasks:
            task.cancel()
        while self._tasks and (left := deadline - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        for _ in range(3):  # even after the deadline, tasks that end at once when cancelled can do so
            await asyncio.sleep(0)
        if self._tasks:
            names = ", ".join(sorted(task.get_name() for task in self._tasks))
            logger.warning(
                "%d tasks of the application ignored their cancellation and were left running: %s",
                len(self._tasks),
                names,
            )


def spawn(
    servers: Sequence[ServerTasks],
    preferred: ServerTasks | None,
    coroutine: Coroutine[Any, Any, _T],
    name: str | None,
) -> asyncio.Task[_T]:
    """Starts the task in ``preferred``, or else in the last of ``servers``, among those on the running loop.

    TypeError: not a coroutine. RuntimeError: no server is on the running loop.
    """
    if not asyncio.iscoroutine(coroutine):
        hint = ": call it" if callable(coroutine) else ""
        raise TypeError(f"app.spawn: expected a coroutine, as an `async def` function returns, got {coroutine!r}{hint}")
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        coroutine.close()
        raise RuntimeError(
            "app.spawn: expected the thread of the event loop that serves the application, got a thread where no loop"
            f" runs: {_WHERE}; a handler that is not `async def` runs in another thread"
        ) from None
    here = [each for each in servers if each.is_open_on(loop)]
    if not here:
        coroutine.close()
        raise RuntimeError(
            "app.spawn: expected an event loop that serves the application, got one that does not serve, or no longer"
            f" does: {_WHERE}"
        )
    tasks = preferred if preferred is not None and preferred in here else here[-1]
    return tasks.start(coroutine, name)


def _find_name(coroutine: Coroutine[Any, Any, Any]) -> str:
    name = getattr(coroutine, "__qualname__", None)
    return name if isinstance(name, str) else type(coroutine).__qualname__
