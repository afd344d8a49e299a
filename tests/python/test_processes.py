"""How a process reports the exception that ends it."""

import sys
from typing import Any

import pytest

from proapi._core.processes import report


class Refusing:
    """A stderr that takes nothing."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_traceback_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Collecting:
        def write(self, text: str) -> int:
            return written.append(text) or len(text)

    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(sys, "stderr", Collecting())
    assert report(KeyError("a")) == 1
    assert len(written) == 1
    assert written[0].endswith("KeyError: 'a'\n")


@pytest.mark.parametrize("stderr", [None, Refusing()], ids=["none", "refusing"])
def test_a_stderr_that_takes_nothing_costs_only_the_text(monkeypatch: pytest.MonkeyPatch, stderr: Any) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(sys, "stderr", stderr)
    assert report(KeyError("a")) == 1
    assert report(KeyboardInterrupt()) == 130


def test_a_hook_of_the_application_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "excepthook", lambda *details: seen.append(details[1]))
    error = KeyError("a")
    assert report(error) == 1
    assert seen == [error]
