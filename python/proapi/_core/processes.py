"""How a process ends: its last output, its exit status, and forked children, which must not go on serving."""

import asyncio
import atexit
import contextlib
import os
import signal
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

SignalHandler = Callable[[int, FrameType | None], Any] | int | None

_replaced: dict[int, SignalHandler] = {}  # the handlers of before, while this process handles the signals itself
_mask = threading.local()
_loops: weakref.WeakKeyDictionary[object, tuple[asyncio.AbstractEventLoop, int]] = weakref.WeakKeyDictionary()
"""For each server that is a guest of a loop: the loop and its thread."""


def report(error: BaseException) -> int:
    """Prints to stderr what the interpreter prints when an exception ends a program, and returns the exit status."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    _print_exception(error)
    return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def _print_exception(error: BaseException) -> None:
    """Calls ``sys.excepthook``, or prints what the interpreter's own prints.

    The interpreter's hook writes a traceback in many pieces, which those of other workers would be mixed with.
    """
    if sys.excepthook is sys.__excepthook__:
        with contextlib.suppress(Exception):  # stderr may be None, closed, or take nothing, as in flush_output()
            sys.stderr.write("".join(traceback.format_exception(error)))
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def flush_output() -> None:
    """Flushes stdout and stderr. A closed pipe or a full disk costs only the output."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def end_process(status: int) -> NoReturn:
    """Ends the process at once, without waiting for threads or exit handlers."""
    flush_output()
    os._exit(status)


def finish_process(status: int) -> NoReturn:
    """Ends a forked process the way the interpreter ends a program.

    Waits for threads, and calls what was registered to end them (pools of threads and processes) and with ``atexit``.
    Both hooks are private. The only other way is ``sys.exit``, which would unwind through the parent's code.
    """
    try:
        for end in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
            try:
                end()
            except BaseException as error:  # reported and otherwise ignored, as by the interpreter
                with contextlib.suppress(Exception):
                    _print_exception(error)
    finally:
        end_process(status)


def leave_parents_objects() -> None:
    """For a forked child that ends by ``finish_process``: leaves the parent's objects to the parent.

    Temporary directories, child processes and managers that were created before the fork are the parent's to remove and
    end.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    if process := sys.modules.get("multiprocessing.process"):
        process._children = set()  # type: ignore[attr-defined]
    if util := sys.modules.get("multiprocessing.util"):
        util._finalizer_registry.clear()


def end_forked_child(error: BaseException | None) -> NoReturn:
    """Ends a child that was forked from the server and has returned to it: loop, threads and sockets are the parent's.

    Args:
        error: The exception that left the handler in the child, if any. The code of a SystemExit is the exit status.
    """
    if error is None:
        print(
            "proapi: a process that was forked from the server can't continue to serve: end it with os._exit() or exec",
            file=sys.stderr,
        )
    end_process(1 if error is None else report(error))


@contextlib.contextmanager
def handling_signals(handlers: dict[int, Callable[[int, FrameType | None], object]]) -> Iterator[None]:
    """Handles signals in this process while the context lasts. Must be entered in the main thread.

    A child that this process forks, such as one of multiprocessing's, gets the previous handlers back: what stops the
    server means nothing there, and ``Process.terminate()`` or a service manager's SIGTERM to the whole group would be
    lost. Ignored signals stay ignored.
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
    """Registers ``guest``, a server on ``loop``.

    A child that is forked on the loop's thread, and that returns to the loop, is ended there.
    """
    _loops[guest] = loop, threading.get_ident()


def give_to_children(guest: object) -> None:
    """Removes a server that has ended."""
    _loops.pop(guest, None)


def _before_fork() -> None:
    """Blocks the signals until the child's hook has run.

    In a new child the interpreter drops signals that came since the fork; a blocked signal stays pending.
    """
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
