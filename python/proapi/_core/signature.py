"""A handler's parameters, checked once at registration, so that no request can meet a wrong signature.

A handler takes the connection or the request, and the path's parameters. Any other parameter is refused, even with a
default: it looks like a value of the query, a body or a dependency, and would silently be something else.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ..request import Request
from .annotations import admitted_classes, find_annotations, find_call
from .binding import WebSocketConnection

_CONVERTERS: dict[str, type] = {"int": int, "float": float, "uuid": UUID, "str": str, "path": str}
_USUAL_NAMES: dict[type, str] = {WebSocketConnection: "websocket", Request: "request"}
_PASSED_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Handler:
    """A handler and how to call it: every argument by name."""

    __slots__ = (
        "_connection_name",
        "_takes_path_params",
        "cancel_on_disconnect",
        "function",
        "is_async",
        "name",
        "place",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        path_parameters: Mapping[str, str],
        *,
        needs_connection: bool,
        cancel_on_disconnect: bool = False,
    ) -> None:
        """Checks the signature. ``path_parameters``: converters by name.

        ValueError says what was expected of the signature, and what came.
        """
        self.function = function
        self.name = find_name(function)
        self.place = find_place(function)
        self.is_async = is_async(function)
        self.cancel_on_disconnect = cancel_on_disconnect
        if not isinstance(cancel_on_disconnect, bool):
            raise ValueError(f"cancel_on_disconnect: expected True or False, got {cancel_on_disconnect!r}")
        if cancel_on_disconnect and not self.is_async:
            raise ValueError(
                f"cancel_on_disconnect: expected an 'async def' handler, got {self.name}, which is not async: it runs"
                " in a thread, and a thread can't be cancelled"
            )
        annotations = find_annotations(function)
        admitted = {name: admitted_classes(each) for name, each in annotations.items()}
        self._takes_path_params = bool(path_parameters)
        self._connection_name = _find_connection(
            function, list(path_parameters), admitted, needs_connection=needs_connection
        )
        _check_converters(admitted, path_parameters)
        if (name := self._connection_name) is not None:
            _check_connection(annotations.get(name, Any), name, needs_connection=needs_connection)

    def call(self, connection: Any) -> Any:
        """``connection`` is the WebSocketConnection or the Request."""
        arguments: dict[str, Any] = dict(connection.path_params) if self._takes_path_params else {}
        if self._connection_name is not None:
            arguments[self._connection_name] = connection
        return self.function(**arguments)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether the function is ``async def``; also for partials, methods and objects with an ``async def __call__``."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(find_call(function))


def find_name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def find_place(function: Callable[..., Any]) -> str:
    """Returns the file and line, as far as Python knows them."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(find_call(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else f"<{find_name(function)}>"


def _find_connection(
    function: Callable[..., Any],
    path_parameters: Sequence[str],
    admitted: Mapping[str, Sequence[type] | None],
    *,
    needs_connection: bool,
) -> str | None:
    """Returns the name of the one parameter that is not a path parameter. None: the handler takes no connection."""
    parameters = inspect.signature(function).parameters.values()
    listed = ", ".join(str(parameter.replace(annotation=inspect.Parameter.empty)) for parameter in parameters)
    got = f"got ({listed})"
    in_path = ", ".join(path_parameters) or "none"
    bound = _bound_by_partial(function)
    takes_rest = False
    names: list[str] = []
    free: list[inspect.Parameter] = []
    for parameter in parameters:
        if parameter.name in bound:
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            takes_rest = True
        elif parameter.kind in _PASSED_BY_NAME:
            names.append(parameter.name)
            if parameter.name not in path_parameters:
                free.append(parameter)
        else:
            what = f"*{parameter.name}" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else parameter.name
            raise ValueError(f"expected parameters that can be passed by name, but {what!r} can't be; {got}")

    what, wanted = ("connection", WebSocketConnection) if needs_connection else ("request", Request)
    connection = _choose_connection(free, admitted, wanted)
    others = [parameter.name for parameter in free if parameter.name != connection]
    missing = [name for name in path_parameters if name not in names]
    if others:
        is_one = connection is not None and _lets_in(admitted.get(connection), wanted)
        holder = connection if is_one else _USUAL_NAMES[wanted]
        raise ValueError(
            f"expected parameters for the {what} and the path's ({in_path}) alone, but {_listed(others)}"
            f" {'is' if len(others) == 1 else 'are'} not in the path: a parameter of the path is written"
            f" {{{others[0]}}}, a value of the query is {holder}.query_params.get({_quoted(others[0])}),"
            f"{'' if needs_connection else f' a body is await {holder}.json(),'} a value of your own is bound with"
            f" functools.partial(handler, {others[0]}=...); {got}"
        )
    if missing and not takes_rest:
        raise ValueError(
            f"expected a parameter for each of the path's ({in_path}), but {_listed(missing)} is missing; {got}"
        )
    if connection is None and needs_connection:
        raise ValueError(f"expected one parameter for the {what} beside the path's ({in_path}); {got}")
    return connection


def _choose_connection(
    free: Sequence[inspect.Parameter], admitted: Mapping[str, Sequence[type] | None], wanted: type
) -> str | None:
    """Returns the parameter annotated as ``wanted``, else the one with the usual name, else the first.

    Its only possible default is None, and only in the first two cases.
    """
    candidates = [each for each in free if each.default is each.empty or each.default is None]
    for parameter in candidates:
        if wanted in (admitted.get(parameter.name) or ()):
            return parameter.name
    for parameter in candidates:
        if parameter.name == _USUAL_NAMES[wanted] and admitted.get(parameter.name) is None:
            return parameter.name
    needed = [each.name for each in candidates if each.default is each.empty]
    return next((name for name in needed if _lets_in(admitted.get(name), wanted)), next(iter(needed), None))


def _lets_in(classes: Sequence[type] | None, wanted: type) -> bool:
    return classes is None or any(issubclass(wanted, each) for each in classes)


def _bound_by_partial(function: Any) -> set[str]:
    """Returns the names that ``functools.partial`` has bound, also below decorators."""
    bound: set[str] = set()
    while True:
        if isinstance(function, functools.partial):
            bound.update(function.keywords)
            function = function.func
        elif hasattr(function, "__wrapped__") and not hasattr(function, "__signature__"):
            function = function.__wrapped__
        else:
            return bound


def _check_converters(admitted: Mapping[str, Sequence[type] | None], path_parameters: Mapping[str, str]) -> None:
    """ValueError: a converter does not produce what the parameter's annotation admits. An int will do for a float."""
    for name, converter in path_parameters.items():
        given = _CONVERTERS[converter]
        classes = admitted.get(name)
        if _lets_in(classes, given) or classes is None or (given is int and float in classes):
            continue
        annotated = f"the parameter {name!r}, which is annotated {_join_names(classes)}"
        if fitting := [text for text, kind in _CONVERTERS.items() if kind in classes]:
            raise ValueError(
                f"expected the converter {fitting[0]} for {annotated}, got {converter}: write {{{name}:{fitting[0]}}}"
            )
        raise ValueError(
            f"expected {given.__name__}, which the converter {converter} gives, for {annotated}: annotate it"
            f" {given.__name__} and make of it what you need"
        )


def _check_connection(annotation: Any, name: str, *, needs_connection: bool) -> None:
    """ValueError: the annotation is another class.

    With such an annotation, the author expects something else, such as the body or a value of the query.
    """
    wanted, other = (WebSocketConnection, Request) if needs_connection else (Request, WebSocketConnection)
    classes = admitted_classes(annotation)
    if classes is None and isinstance(annotation, str):
        if name == _USUAL_NAMES[wanted] or wanted.__name__ in annotation:
            return
        got, body = f"{annotation!r}, a name that is not known where the handler is defined", "..."
    elif classes is None or _lets_in(classes, wanted):
        return
    else:
        got, body = _join_names(classes), classes[0].__name__
    value = f"a value of the query is {_USUAL_NAMES[wanted]}.query_params.get({_quoted(name)})"
    if classes is not None and other in classes:
        hint = "another decorator is for the other kind of handlers"
    else:
        hint = value if needs_connection else f"a body is await request.json({body}), {value}"
    raise ValueError(f"expected {wanted.__name__} as annotation of {name!r}, got {got}: {hint}")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _join_names(classes: Sequence[type]) -> str:
    return " or ".join(each.__name__ for each in classes)


def _quoted(name: str) -> str:
    return f'"{name}"'
