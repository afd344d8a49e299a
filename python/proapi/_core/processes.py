"""How a process ends: what it says, its exit status, and forked children, which must not go on serving."""

import asyncio
import atexit
import contextlib
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

SignalHandler = Callable[[int, FrameType | None], Any] | int | None

_replaced: dict[int, SignalHandler] = {}  # by handlers of signals that are for this process alone
_mask = threading.local()
_loops: weakref.WeakKeyDictionary[object, tuple[asyncio.AbstractEventLoop, int]] = weakref.WeakKeyDictionary()
"""Of servers that are guests there, and the loops' threads."""


def report(error: BaseException) -> int:
    """Says on stderr what the interpreter says of an exception that ends a program, and gives the exit status."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    sys.excepthook(type(error), error, error.__traceback__)
    return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def flush_output() -> None:
    """Where somebody reads it: a closed pipe or a full disk costs the output and nothing else."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def end_process(status: int) -> NoReturn:
    """At once: neither threads nor exit handlers are waited for."""
    flush_output()
    os._exit(status)


def finish_process(status: int) -> NoReturn:
    """As the interpreter ends a program, in a process that was forked from it: threads are waited for, and what was
    registered to end them (pools of threads and processes) or to follow (``atexit``) is called. Both are private; there
    is no other way but ``sys.exit``, which would go up through the parent's code."""
    try:
        for end in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
            try:
                end()
            except BaseException as error:  # as the interpreter: said, and no more
                with contextlib.suppress(Exception):
                    sys.excepthook(type(error), error, error.__traceback__)
    finally:
        end_process(status)


def leave_parents_objects() -> None:
    """In a forked child that ends by ``finish_process``: temporary directories, child processes and managers that were
    made before the fork are the parent's to remove and to end."""
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    if process := sys.modules.get("multiprocessing.process"):
        process._children = set()  # type: ignore[attr-defined]
    if util := sys.modules.get("multiprocessing.util"):
        util._finalizer_registry.clear()


def end_forked_child(error: BaseException | None) -> NoReturn:
    """Ends a child that was forked from the server and has come back to it: loop, threads and sockets are the parent's.

    Args:
        error: What left the handler in the child; a SystemExit decides the exit status.
    """
    if error is None:
        print(
            "proapi: a process that was forked from the server can't go on serving: end it with os._exit(), or exec",
            file=sys.stderr,
        )
    end_process(1 if error is None else report(error))


@contextlib.contextmanager
def handling_signals(handlers: dict[int, Callable[[int, FrameType | None], object]]) -> Iterator[None]:
    """Handles signals in this process. A child that it forks, such as one of multiprocessing's, has the handlers of
    before: what stops the server means nothing there, and ``Process.terminate()`` and a service manager's SIGTERM to
    the whole group would be lost. Signals that are ignored stay so. To be entered in the main thread.
    """
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in handlers}
    for number, handler in handlers.items():
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handler)
    _replaced.update(before)
    try:
        yield
    finally:
        _replaced.clear()
        for number, previous in before.items():
            signal.signal(number, previous)


def keep_from_children(loop: asyncio.AbstractEventLoop, guest: object) -> None:
    """``guest`` is a server on it: a child that is forked on the loop's thread, and comes back, is ended there."""
    _loops[guest] = loop, threading.get_ident()


def give_to_children(guest: object) -> None:
    """The server has ended."""
    _loops.pop(guest, None)


def _before_fork() -> None:
    """The interpreter drops in a new child what came since the fork: nothing comes until the child's hook has run."""
    _mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, _replaced)


def _after_fork_in_parent() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _mask.before)


def _after_fork_in_child() -> None:
    if _replaced:
        signal.set_wakeup_fd(-1)  # it would wake the parent's loop
    for number, handler in _replaced.items():
        signal.signal(number, handler)
    _replaced.clear()
    signal.pthread_sigmask(signal.SIG_SETMASK, _mask.before)
    for loop, thread in set(_loops.values()):
        if thread == threading.get_ident() and not loop.is_closed():
            loop.call_soon(end_forked_child, None)
    _loops.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
