"""Fast mode: an asyncio loop whose selector is the engine's reactor, so that one wait serves both.

All of asyncio keeps working: what it watches (its own wake-up pipe, sockets, pipes) the reactor watches too.
"""

import asyncio
import contextlib
import math
import select
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple, cast

from .._core.binding import Engine

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_File = Any  # a descriptor, or an object with fileno()
# asyncio drops cancelled timers once both thresholds are exceeded.
_MIN_SCHEDULED, _MIN_CANCELLED_SHARE = 100, 0.5
_NO_HANDLE = cast(asyncio.Handle, None)  # for a task, which does not look at what call_soon() returns


class EngineSelector(selectors.BaseSelector):
    """asyncio's view of the reactor. Handlers run inside ``select``."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Engine | None = engine
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._map = _KeysByFile(self._keys)
        self._loop: FastLoop
        self.deadline = -math.inf
        """The time on the loop's clock at which a running select will end; -inf if none is running."""

    def attach(self, loop: "FastLoop") -> None:
        self._loop = loop

    def register(self, fileobj: _File, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = self._map.descriptor(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} (descriptor {fd}) is registered already")
        self._watch(fd, events, known=False)
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def modify(self, fileobj: _File, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._map[fileobj]
        if events != key.events:
            self._watch(key.fd, events, known=True)
        key = self._keys[key.fd] = key._replace(events=events, data=data)
        return key

    def unregister(self, fileobj: _File) -> selectors.SelectorKey:
        key = self._map[fileobj]
        del self._keys[key.fd]
        with contextlib.suppress(OSError):  # if the descriptor is closed, the kernel has forgotten it
            self._watch(key.fd, 0, known=True)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert self._engine is not None
        loop = self._loop
        self.deadline = math.inf if timeout is None else loop.time() + timeout
        try:
            found = self._engine.select(timeout, loop._ready, loop)
        finally:
            self.deadline = -math.inf
        ready = []
        for fd, mask in found:
            if key := self._keys.get(fd):
                # An error or hang-up wakes readers and writers.
                events = (selectors.EVENT_READ if mask & ~select.EPOLLOUT else 0) | (
                    selectors.EVENT_WRITE if mask & ~select.EPOLLIN else 0
                )
                ready.append((key, events & key.events))
        return ready

    def close(self) -> None:
        self._keys.clear()
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def get_map(self) -> Mapping[_File, selectors.SelectorKey]:
        return self._map

    def _watch(self, fd: int, events: int, *, known: bool) -> None:
        assert self._engine is not None
        mask = (select.EPOLLIN if events & selectors.EVENT_READ else 0) | (
            select.EPOLLOUT if events & selectors.EVENT_WRITE else 0
        )
        self._engine.watch(fd, mask, known)


class _KeysByFile(Mapping[_File, selectors.SelectorKey]):
    """Keys by descriptor, or by the object that was registered, even after that object is closed."""

    def __init__(self, keys: dict[int, selectors.SelectorKey]) -> None:
        self._keys = keys

    def descriptor(self, fileobj: _File) -> int:
        fd = fileobj if isinstance(fileobj, int) else -1
        if fd < 0 and not isinstance(fileobj, int):
            try:
                fd = int(fileobj.fileno())
            except (AttributeError, TypeError, ValueError):
                raise ValueError(f"expected a descriptor or a file, got {fileobj!r}") from None
        if fd < 0:
            fd = next((key.fd for key in self._keys.values() if key.fileobj is fileobj), -1)
        if fd < 0:
            raise ValueError(f"expected an open descriptor, got {fileobj!r}")
        return fd

    def __getitem__(self, fileobj: _File) -> selectors.SelectorKey:
        try:
            return self._keys[self.descriptor(fileobj)]
        except ValueError:
            raise KeyError(fileobj) from None
        except KeyError:
            raise KeyError(f"{fileobj!r} is not registered") from None

    def __iter__(self) -> Iterator[_File]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class FastLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that waits in the engine."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int
    _debug: bool
    _task_factory: Any

    def __init__(self, engine: Engine) -> None:
        self._engine_selector = EngineSelector(engine)
        self._first_steps: list[Callable[[], object]] | None = None
        self._engine_selector.attach(self)
        super().__init__(self._engine_selector)

    def start_task(self, coroutine: Coroutine[Any, Any, _T], name: str, context: Context) -> asyncio.Task[_T]:
        """Creates a task and runs its first step at once, so that what does not wait takes no turn of the loop.

        CPython 3.12 calls that an eager task. Inside another task, in debug mode (which reports slow steps) and with a
        task factory it is an ordinary one.

        Raises:
            SystemExit, KeyboardInterrupt: The step has raised it.
        """
        if self._task_factory is not None or self._debug or asyncio.current_task(self) is not None:
            return self.create_task(coroutine, name=name, context=context)
        steps = self._first_steps = []
        try:
            task = asyncio.Task(coroutine, loop=self, name=name, context=context)
        finally:
            self._first_steps = None
        try:
            context.run(steps[0])
        except (SystemExit, KeyboardInterrupt):
            task.exception()  # marks it as retrieved
            raise
        return task

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._first_steps is not None:  # the new task asks for its first step
            self._first_steps.append(callback)
            return _NO_HANDLE
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        # A handler inside select() has set a timer that is due before select() ends: end it now.
        if when < self._engine_selector.deadline:
            self._end_select()
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        super()._timer_handle_cancelled(handle)  # type: ignore[misc]  # abstract to typeshed, but it is not
        # asyncio drops cancelled timers between two selects, and the select of a busy engine need not end by itself.
        count = len(self._scheduled)
        if (
            count > _MIN_SCHEDULED
            and self._timer_cancelled_count > count * _MIN_CANCELLED_SHARE
            and self._engine_selector.deadline > -math.inf
        ):
            self._end_select()

    def _end_select(self) -> None:
        """Ends the running select soon, once."""
        self._engine_selector.deadline = -math.inf
        self.call_soon(_do_nothing)


def _do_nothing() -> None:
    pass
