"""The package's log. Lines that peers can cause at will are limited to a few a second; the rest are counted."""

import asyncio
import contextlib
import logging
import os
import select
import traceback
from collections import Counter
from typing import Any, TextIO

_logger = logging.getLogger("proapi")


class _ContainedLogger(logging.LoggerAdapter[logging.Logger]):
    """If a handler or filter of the program raises, only the line is lost, not a connection or the server."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        try:
            super().log(level, msg, *args, stacklevel=kwargs.pop("stacklevel", 1) + 1, **kwargs)
        except Exception:
            if logging.raiseExceptions:  # the way logging reports an exception of a handler's emit()
                with contextlib.suppress(Exception):
                    traceback.print_exc()


logger = _ContainedLogger(_logger)

_access_logger = logging.getLogger("proapi.access")
access_logger = _ContainedLogger(_access_logger)
"""A line for each request, and two for each WebSocket."""

_LINES_A_SECOND = 10
_MAX_TEXT = 200


class LimitedLog:
    """Lines about peers' faults, of one event loop. The engine limits the lines about faults that it sees itself."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._second: asyncio.TimerHandle | None = None
        self._written: Counter[int] = Counter()  # by level, since the second began
        self._left_out: Counter[int] = Counter()

    def write(self, level: int, line: str) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # kept, since no loop runs in a forked child
        if self._second is None:
            self._second = self._loop.call_later(1, self.end_second)
        if self._written[level] < _LINES_A_SECOND:
            self._written[level] += 1
            logger.log(level, "%s", line)
        else:
            self._left_out[level] += 1

    def end_second(self) -> None:
        """Logs how many lines were left out. Called when the second is over, or when no more lines will come."""
        if self._second is not None:
            self._second.cancel()
            self._second = None
        for level, count in self._left_out.items():
            logger.log(level, "%d lines like the last ones were left out", count)
        self._written.clear()
        self._left_out.clear()


def escape(text: str) -> str:
    """Returns a peer's text as one printable line of bounded length."""
    shown = text[:_MAX_TEXT].encode("unicode_escape").decode("ascii")
    return shown + ("..." if len(text) > _MAX_TEXT else "")


class _NonBlockingHandler(logging.StreamHandler[TextIO]):
    """Writes to stderr, but leaves a line out if stderr is a full pipe.

    A reader that stops reading loses lines, but does not block the server.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record) + self.terminator
            if self._left_out:
                text = f"proapi: {self._left_out} log lines were dropped: nobody read standard error\n" + text
            if self._write(text):
                self._left_out = 0
            else:
                self._left_out += 1
        except Exception:
            self.handleError(record)

    def _write(self, text: str) -> bool:
        try:
            descriptor = self.stream.fileno()
        except (OSError, ValueError):  # a captured stream has no descriptor
            self.stream.write(text)
            return True
        self.stream.flush()
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        octets = text.encode(errors="backslashreplace")
        while octets:
            if not poll.poll(0):
                return False
            # A writable pipe takes PIPE_BUF octets without blocking (POSIX).
            octets = octets[os.write(descriptor, octets[: select.PIPE_BUF]) :]
        return True


def configure() -> None:
    """Sets up logging to stderr, with the time, unless the program has set up logging."""
    if logging.getLogger().handlers or _logger.handlers:
        return
    handler = _NonBlockingHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    _logger.addHandler(handler)
    if _logger.level == logging.NOTSET:
        _logger.setLevel(logging.INFO)
    _logger.propagate = False
    if not _access_logger.handlers:  # access lines have their own time, for tools that read them
        access_handler = _NonBlockingHandler()
        access_handler.setFormatter(logging.Formatter("%(message)s"))
        _access_logger.addHandler(access_handler)
        _access_logger.propagate = False
