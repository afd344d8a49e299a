"""How a process ends: what it says, its exit status, and a forked child that must not go on serving."""

import contextlib
import os
import signal
import sys
from typing import NoReturn


def report(error: BaseException) -> int:
    """Says on stderr what the interpreter says of an exception that ends a program, and gives the exit status."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    sys.excepthook(type(error), error, error.__traceback__)
    return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1


def end_process(status: int) -> NoReturn:
    """At once: neither threads nor exit handlers are waited for."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def end_forked_child(error: BaseException | None) -> NoReturn:
    """Ends a child that a handler forked in a thread and did not end: server and threads are the parent's.

    Args:
        error: What left the handler in the child; a SystemExit decides the exit status.
    """
    if error is None:
        print(
            "proapi: a process that was forked from the server can't go on serving: end it with os._exit(), or exec",
            file=sys.stderr,
        )
    end_process(1 if error is None else report(error))
