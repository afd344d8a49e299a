"""The classes that an annotation admits, as far as that can be known when a handler is registered.

Knows neither handlers nor routes. An annotation that is text (`from __future__ import annotations`) is evaluated by
itself, so that a name that only a type checker knows hides no other annotation.
"""

import builtins
import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

from ..request import Request
from .binding import WebSocketConnection

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_STRING = re.compile(r"""(['"]).*?\1""")
# What a name stands for if it can't be looked up, for example one imported under `if TYPE_CHECKING`.
_KNOWN: dict[str, type] = {"UUID": UUID, "Request": Request, "WebSocketConnection": WebSocketConnection}


def find_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Returns the annotations by parameter. Parameters without one are left out; what can't be evaluated stays text."""
    namespace = _find_globals(function)
    return {
        name: _evaluate(parameter.annotation, namespace)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.annotation is not parameter.empty
    }


def find_return_annotation(function: Callable[..., Any]) -> Any:
    """Returns what the function is annotated to return; Any if it is not.

    ValueError: it can't be evaluated, and so can't decide what clients see.
    """
    annotation = inspect.signature(function).return_annotation
    if annotation is inspect.Signature.empty:
        return Any
    found = _evaluate(annotation, _find_globals(function))
    if not isinstance(found, str):
        return found
    if "Response" in found:  # imported for type checkers alone, most likely
        return Any
    raise ValueError(
        f"expected a return annotation that is known where the handler is defined, got {found!r}: it decides which"
        " fields are sent"
    )


def _evaluate(annotation: Any, namespace: dict[str, Any]) -> Any:
    try:
        if isinstance(annotation, str):
            annotation = eval(annotation, namespace)
        if _has_text(annotation):
            holder = types.SimpleNamespace(__annotations__={"it": annotation})
            annotation = typing.get_type_hints(holder, namespace, include_extras=True)["it"]
    except Exception:  # the text is the application's, so evaluating it may raise anything
        pass
    return annotation


def _has_text(annotation: Any) -> bool:
    """Whether a part of the annotation is text: ``list["Item"]``."""
    if get_origin(annotation) is Literal:
        return False
    parts = (annotation.__origin__,) if get_origin(annotation) is Annotated else get_args(annotation)
    return any(isinstance(each, (str, typing.ForwardRef)) or _has_text(each) for each in parts)


def admitted_classes(annotation: Any) -> Sequence[type] | None:
    """Returns the classes that the annotation names. None: any class, or one that only a type checker knows."""
    if annotation is Any:
        return None
    if annotation is None:
        return (types.NoneType,)
    if isinstance(annotation, (str, typing.ForwardRef)):
        return _classes_in_text(annotation if isinstance(annotation, str) else annotation.__forward_arg__)
    if isinstance(annotation, NewType):
        return admitted_classes(annotation.__supertype__)
    if isinstance(annotation, TypeVar):
        return _classes_of_all(annotation.__constraints__ or (annotation.__bound__ or Any,))
    if type(annotation).__name__ == "TypeAliasType":  # Python 3.12: type Name = str | None
        return admitted_classes(annotation.__value__)
    origin = get_origin(annotation)
    if origin is Annotated:
        return admitted_classes(annotation.__origin__)
    if origin in (Union, types.UnionType):
        return _classes_of_all(get_args(annotation))
    if origin is Literal:
        return tuple(type(each) for each in get_args(annotation))
    kind = annotation if origin is None else origin  # dict, for dict[str, int]
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return None
    return (kind,)


def _classes_of_all(annotations: Sequence[Any]) -> Sequence[type] | None:
    classes: list[type] = []
    for each in annotations:
        if (some := admitted_classes(each)) is None:
            return None
        classes.extend(some)
    return tuple(classes)


def _classes_in_text(text: str) -> Sequence[type] | None:
    """For text that can't be evaluated: its classes, if it names only classes that are known without a look-up."""
    classes: list[type] = []
    for name in _IDENTIFIER.findall(_STRING.sub("", text)):
        kind = _KNOWN.get(name) or getattr(builtins, name, None)
        if name == "None":
            classes.append(types.NoneType)
        elif isinstance(kind, type):
            classes.append(kind)
        elif name not in ("typing", "uuid", "proapi", "Optional", "Union", "Annotated"):
            return None
    return tuple(classes) or None


def find_call(function: Callable[..., Any]) -> Any:
    """Returns what runs when an object is called: the function ``__call__`` of its class. None: it is not callable."""
    return inspect.getattr_static(type(function), "__call__", None)


def _find_globals(function: Any) -> dict[str, Any]:
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            break
    if isinstance(function, type):
        return _find_globals_of_class(function)
    if not hasattr(function, "__globals__"):  # an object with a method __call__
        function = find_call(function)
    return getattr(inspect.unwrap(function), "__globals__", {}) if function is not None else {}


def _find_globals_of_class(kind: type) -> dict[str, Any]:
    """Returns the names around the constructor, which may be inherited from another module."""
    for maker in (kind.__init__, kind.__new__):  # type: ignore[misc]
        found: dict[str, Any] | None = getattr(inspect.unwrap(maker), "__globals__", None)
        if found is not None:
            return found
    return vars(sys.modules.get(kind.__module__, builtins))
