"""What a handler takes: checked once, when it is registered, so that no request can meet a wrong signature."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import Any, get_origin
from uuid import UUID

from ._binding import WebSocketConnection
from .request import Request

_CONVERTERS = ((int, "int"), (float, "float"), (UUID, "uuid"))
_PASSED_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Handler:
    """A handler and how it is called: everything by name."""

    __slots__ = ("_connection_name", "function", "is_async", "name", "place")

    def __init__(
        self, function: Callable[..., Any], path_parameters: Mapping[str, str], *, needs_connection: bool
    ) -> None:
        """``path_parameters``: converters by name. ValueError says what of the signature was expected and what came."""
        self.function = function
        self.name = name_of(function)
        self.place = place_of(function)
        self.is_async = is_async(function)
        self._connection_name = _find_connection(function, list(path_parameters), needs_connection=needs_connection)
        annotations = _annotations_of(function)
        _check_converters(annotations, path_parameters)
        if (name := self._connection_name) is not None:
            _check_connection(annotations.get(name), name, needs_connection=needs_connection)

    def call(self, connection: object, path_params: Mapping[str, Any]) -> Any:
        """``connection`` is the WebSocketConnection or the Request."""
        arguments = dict(path_params)
        if self._connection_name is not None:
            arguments[self._connection_name] = connection
        return self.function(**arguments)


def is_async(function: Callable[..., Any]) -> bool:
    """Also of partials, methods and objects with an ``async def __call__``."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(_call_of(function))


def name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def place_of(function: Callable[..., Any]) -> str:
    """File and line, as far as Python knows them."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(_call_of(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else f"<{name_of(function)}>"


def _find_connection(
    function: Callable[..., Any], path_parameters: Sequence[str], *, needs_connection: bool
) -> str | None:
    """The name of the one parameter that is no path parameter."""
    parameters = inspect.signature(function).parameters.values()
    listed = ", ".join(str(parameter.replace(annotation=inspect.Parameter.empty)) for parameter in parameters)
    got = f"got ({listed})"
    in_path = ", ".join(path_parameters) or "none"
    bound = function.keywords if isinstance(function, functools.partial) else {}
    takes_rest = False
    names: list[str] = []
    defaults: dict[str, object] = {}
    for parameter in parameters:
        if parameter.name in bound:
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            takes_rest = True
        elif parameter.kind in _PASSED_BY_NAME:
            names.append(parameter.name)
            if parameter.default is not parameter.empty:
                defaults[parameter.name] = parameter.default
        else:
            what = f"*{parameter.name}" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else parameter.name
            raise ValueError(f"expected parameters that can be passed by name, but {what!r} can't be; {got}")

    # One with a default keeps it, as in `def handler(request, number=number)`; None may stand for a request to come.
    free = [name for name in names if name not in path_parameters]
    others = [name for name in free if name not in defaults] or [name for name in free if defaults[name] is None]
    missing = [name for name in path_parameters if name not in names]
    what, holder = ("connection", "websocket") if needs_connection else ("request", "request")
    if len(others) > 1:
        raise ValueError(
            f"expected one parameter for the {what} and the path's ({in_path}), but {_listed(others)} are not in the"
            f" path: parameters of the path are written {{{others[-1]}}}, what a query gives is in"
            f" {holder}.query_params; {got}"
        )
    if missing and not takes_rest:
        raise ValueError(
            f"expected a parameter for each of the path's ({in_path}), but {_listed(missing)} is missing; {got}"
        )
    if free and not others:
        raise ValueError(
            f"expected parameters for the {what} and the path's ({in_path}) alone, but {_listed(free)} has a default:"
            f" what a query gives is in {holder}.query_params; {got}"
        )
    if not others and needs_connection:
        raise ValueError(f"expected one parameter for the {what} beside the path's ({in_path}); {got}")
    return others[0] if others else None


def _annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """By parameter; text where it names what only a type checker knows."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception:
        signature = inspect.signature(function)
    return {name: parameter.annotation for name, parameter in signature.parameters.items()}


def _check_converters(annotations: Mapping[str, Any], path_parameters: Mapping[str, str]) -> None:
    """A handler that says it takes a number or a UUID gets one. An int will do for a float."""
    for name, converter in path_parameters.items():
        annotation = annotations.get(name)
        for kind, wanted in _CONVERTERS:
            names = (kind.__name__, f"{kind.__module__}.{kind.__name__}")
            is_kind = annotation in names if isinstance(annotation, str) else annotation is kind
            if is_kind and converter != wanted and (kind, converter) != (float, "int"):
                raise ValueError(
                    f"expected the converter {wanted} for the parameter {name!r}, which is annotated"
                    f" {kind.__name__}, got {converter}: write {{{name}:{wanted}}}"
                )


def _check_connection(annotation: Any, name: str, *, needs_connection: bool) -> None:
    """Who annotates it with another class expects something else of it, such as the body or a value of the query."""
    wanted, other = (WebSocketConnection, Request) if needs_connection else (Request, WebSocketConnection)
    kind = get_origin(annotation) if isinstance(annotation, GenericAlias) else annotation  # dict of dict[str, int]
    is_class = isinstance(kind, type) and not getattr(kind, "_is_protocol", False)
    if not is_class or kind in (inspect.Parameter.empty, Any) or issubclass(wanted, kind):
        return
    if kind is other:
        hint = "another decorator is for the other kind of handlers"
    elif needs_connection:
        hint = "what a query gives is in websocket.query_params"
    else:
        hint = f"a body is await request.json({kind.__name__}), what a query gives is in request.query_params"
    raise ValueError(f"expected {wanted.__name__} as annotation of {name!r}, got {kind.__name__}: {hint}")


def _call_of(function: Callable[..., Any]) -> object:
    return getattr(type(function), "__call__", None)  # noqa: B004 (its code is asked for)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)
