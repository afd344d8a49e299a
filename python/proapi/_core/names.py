"""What a function is called, where it is written, and whether it is async: for error texts, logs and calls."""

import functools
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any

from .annotations import find_call


def is_async(function: Callable[..., Any]) -> bool:
    """Whether the function is ``async def``; also for partials, methods and objects with an ``async def __call__``."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(find_call(function))


def find_name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def find_used_names(function: Callable[..., Any]) -> set[str]:
    """Returns the names of globals and attributes in the function's own code, and in functions defined in it."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(find_call(function), "__code__", None)
    found: set[str] = set()
    codes = [] if code is None else [code]
    while codes:
        each = codes.pop()
        found.update(each.co_names)
        codes += [constant for constant in each.co_consts if isinstance(constant, CodeType)]
    return found


def find_place(function: Callable[..., Any]) -> str:
    """Returns the file and line, as far as Python knows them."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(find_call(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else f"<{find_name(function)}>"
