"""The package's log: what peers can cause at will is written at most a few times a second, the rest is counted."""

import logging
import time

logger = logging.getLogger("proapi")

_LINES_A_SECOND = 10
_MAX_TEXT = 200


class LimitedLog:
    """Lines about peers' faults."""

    def __init__(self) -> None:
        self._second = 0
        self._lines = 0
        self._suppressed = 0

    def write(self, level: int, line: str) -> None:
        now = int(time.monotonic())
        if now != self._second:
            if self._suppressed:
                logger.log(level, "%d lines about peers' faults were left out", self._suppressed)
            self._second, self._lines, self._suppressed = now, 0, 0
        if self._lines < _LINES_A_SECOND:
            self._lines += 1
            logger.log(level, "%s", line)
        else:
            self._suppressed += 1


def escape(text: str) -> str:
    """Of a peer's making: printable, one line, of bounded length."""
    shown = text[:_MAX_TEXT].encode("unicode_escape").decode("ascii")
    return shown + ("..." if len(text) > _MAX_TEXT else "")


def configure() -> None:
    """For programs that have not: warnings and above with their time, to stderr."""
    if logging.getLogger().handlers or logger.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
