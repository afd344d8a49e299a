"""What is wrong with the values of a client, as FastAPI's answers say it. Knows no requests."""

from contextlib import suppress
from typing import Any

from . import json
from .conversion import InvalidValue

Errors = list[dict[str, Any]]
"""Each as in FastAPI's answers: type, loc, msg, input and perhaps ctx."""

# A client must not be able to make of a small request a response that is many times as large.
MOST_FAULTS = 100
_MOST_ECHOED_BYTES = 1024 * 1024


def missing(at: tuple[Any, ...]) -> dict[str, Any]:
    """``at``: the ``loc`` of the value that a client must send."""
    return {"type": "missing", "loc": list(at), "msg": "Field required", "input": None}


def describe(error: InvalidValue, at: tuple[Any, ...], given: Any) -> Errors:
    """Returns the faults as clients get them, 100 at the most."""
    found = []
    for kind, text, context, steps in error.errors[:MOST_FAULTS]:
        each: dict[str, Any] = {"type": kind, "loc": [*at, *steps], "msg": text, "input": _input_at(given, steps)}
        if context:
            each["ctx"] = dict(context)
        found.append(each)
    return found


def _input_at(given: Any, steps: tuple[Any, ...]) -> Any:
    """Follows the steps as far as they lead: a field that is missing is reported with what it is missing in."""
    for step in steps:
        try:
            given = given[step]
        except (LookupError, TypeError):
            break
    return given


def describe_json(error: InvalidValue, at: tuple[Any, ...], data: bytes) -> Errors:
    """As ``describe``, with each ``input`` from the JSON, unless the sum could be large: a fault in each of many nested
    objects would repeat the innermost as often."""
    given = None
    if len(data) * min(len(error.errors), MOST_FAULTS) <= _MOST_ECHOED_BYTES:
        with suppress(ValueError):
            given = json.decode(data)
    return describe(error, at, given if json.can_be_nested(given) else None)
