"""What the parameters of a handler or a dependency are, read once at registration: the connection, values of the path,
the query, the headers, the cookies, the body and forms, and what dependencies return.

What can't be told apart is refused, with what to write. Knows no requests: ``plan`` reads the values.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from enum import Enum
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

from msgspec import Struct

from ..background import BackgroundTasks, collect_background_tasks
from ..request import Request
from ..response import Response
from ..uploads import UploadFile
from .annotations import admitted_classes, find_annotations
from .binding import WebSocketConnection
from .body import is_json_type
from .conversion import Convert, find_validated, make_conversion, unwrap
from .marker_search import find_marker
from .markers import UNSET, Dependency, Marker, Source
from .models import Model, has_fields, read_model, refuse_shared_source
from .response_parameter import make_parameter

_CONVERTERS: dict[str, type] = {"int": int, "float": float, "uuid": UUID, "str": str, "path": str}
_UNCHANGING = (type(None), str, int, float, bool, bytes)
_PASSED_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class _NoConnection:
    """What no parameter is annotated as."""


class Kind(Enum):
    """What is being handled: the class of its connection, the usual name of the parameter, and how texts call it."""

    HTTP = (Request, "request", "request")
    WEBSOCKET = (WebSocketConnection, "websocket", "connection")
    NOTHING = (_NoConnection, "", "nothing")
    """A dependency is resolved for no connection."""

    def __init__(self, connection: type, usual_name: str, what: str) -> None:
        self.connection = connection
        self.usual_name = usual_name
        self.what = what


class Parameter(Struct):
    """A value that the client sends."""

    name: str
    source: Source
    key: str
    """The name that clients use."""
    annotation: Any
    convert: Convert | None
    """None: the value is passed as it is (path), or is not text (body, files, models)."""
    is_list: bool = False
    default: Any = UNSET
    default_factory: Callable[[], Any] | None = None
    embed: bool = False
    constraints: Mapping[str, Any] = {}
    model: Model | None = None
    """Set: the values are the fields of a class."""

    @property
    def is_required(self) -> bool:
        return self.default is UNSET and self.default_factory is None

    @property
    def at(self) -> tuple[str, str]:
        """The first steps of ``loc``. A form is a body."""
        is_form = self.source in (Source.FORM, Source.FILE)
        return (Source.BODY if is_form else self.source).value, self.key

    def make_default(self) -> Any:
        if self.default_factory is not None:
            return self.default_factory()
        # What a handler adds to a list must not reach the next client.
        return self.default if type(self.default) in _UNCHANGING else deepcopy(self.default)


class Parameters(Struct):
    """The parameters of one function."""

    connection: str | None = None
    """The parameter that the connection or the request is passed to."""
    values: list[Parameter] = []
    dependencies: list[tuple[str, Dependency]] = []
    takes_rest: bool = False
    """Whether all values of the path are passed, to ``**rest``."""
    path_names: set[str] = set()
    """The parameters of the path that the function takes."""


def read_parameters(
    function: Callable[..., Any], path: Mapping[str, str], kind: Kind, *, is_dependency: bool = False
) -> Parameters:
    """Reads the signature.

    Args:
        function: A handler or a dependency.
        path: The converter of each parameter of the route's path.
        kind: What is handled.
        is_dependency: Whether the function is a dependency, which may do without a connection.

    Returns:
        Its parameters.

    Raises:
        ValueError: A parameter can't be told apart, or is not possible. The text says what to write.
    """
    return _Reader(function, path, kind, is_dependency=is_dependency).read()


class _Reader:
    def __init__(
        self, function: Callable[..., Any], path: Mapping[str, str], kind: Kind, *, is_dependency: bool
    ) -> None:
        self._path = path
        self._kind = kind
        self._is_dependency = is_dependency
        self._annotations = find_annotations(function)
        signature = list(inspect.signature(function).parameters.values())
        self._signature = ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in signature)
        bound = _bound_by_partial(function)
        self._parameters = [each for each in signature if each.name not in bound]
        self._found = Parameters()

    def read(self) -> Parameters:
        named = [each for each in self._parameters if self._is_passed_by_name(each)]
        connection = self._choose_connection([each for each in named if self._may_be_connection(each)])
        for parameter in named:
            if self._kind is Kind.NOTHING and not self._is_dependency_at(parameter):
                raise ValueError(
                    f"expected parameters that are dependencies, got {parameter.name!r}: only a request or a connection"
                    " has it; write app.resolve(dependency, connection)"
                )
            if parameter is connection:
                self._check_connection(parameter)
                self._found.connection = parameter.name
            else:
                self._add(parameter)
        refuse_shared_source((each.name, each.source, each.model) for each in self._found.values)
        if self._kind is Kind.WEBSOCKET and connection is None and not self._is_dependency:
            raise ValueError(
                f"expected one parameter for the connection beside the path's ({self._in_path()}); {self._got()}"
            )
        return self._found

    def _is_passed_by_name(self, parameter: inspect.Parameter) -> bool:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            self._found.takes_rest = not self._is_dependency
            return False
        if parameter.kind in _PASSED_BY_NAME:
            return True
        what = f"*{parameter.name}" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else parameter.name
        raise ValueError(f"expected parameters that can be passed by name, but {what!r} can't be; {self._got()}")

    # ---- the connection ----

    def _classes(self, parameter: inspect.Parameter) -> Any:
        return admitted_classes(self._annotations.get(parameter.name, Any))

    def _may_be_connection(self, parameter: inspect.Parameter) -> bool:
        return (
            parameter.name not in self._path
            and self._marker(parameter) is None
            and (parameter.default is parameter.empty or parameter.default is None)
        )

    def _choose_connection(self, free: list[inspect.Parameter]) -> inspect.Parameter | None:
        """The parameter annotated as the connection, else the one of the usual name, else the only one that has neither
        an annotation nor a default."""
        wanted = self._kind.connection
        for each in free:
            if wanted in (self._classes(each) or ()):
                return each
        for each in free:
            if each.name == self._kind.usual_name and self._classes(each) is None:
                return each
        bare = [each for each in free if each.default is each.empty and self._is_unknown(each)]
        if self._is_dependency:
            return next((each for each in bare if each.name in ("connection", "conn")), None)
        return bare[0] if len(bare) == 1 else None

    def _is_unknown(self, parameter: inspect.Parameter) -> bool:
        """Whether the annotation lets the connection in and names nothing in particular."""
        annotation = self._annotations.get(parameter.name, Any)
        if isinstance(annotation, str):
            return self._kind.connection.__name__ in annotation
        classes = admitted_classes(annotation)
        return classes is None or classes == (object,)

    def _check_connection(self, parameter: inspect.Parameter) -> None:
        classes = self._classes(parameter)
        if classes is not None and not any(issubclass(self._kind.connection, each) for each in classes):
            raise ValueError(f"expected {self._kind.connection.__name__} as annotation of {parameter.name!r}")

    # ---- the others ----

    def _add(self, parameter: inspect.Parameter) -> None:
        marker = self._marker(parameter)
        made = _MADE.get(self._annotations.get(parameter.name)) if self._is_made(parameter) else None
        if made is not None:
            marker = Dependency(made)
        if isinstance(marker, Dependency):
            self._found.dependencies.append((parameter.name, self._with_call(marker, parameter)))
        elif parameter.name in self._path:
            self._add_path(parameter, marker)
        else:
            self._found.values.append(self._read_value(parameter, marker))

    def _marker(self, parameter: inspect.Parameter) -> Marker | Dependency | None:
        found = find_marker(parameter.name, self._annotations.get(parameter.name))
        if isinstance(parameter.default, (Marker, Dependency)):
            if found is not None:
                raise ValueError(f"expected one marker for {parameter.name!r}, got two: as the default too")
            found = parameter.default
        return found

    def _is_dependency_at(self, parameter: inspect.Parameter) -> bool:
        return isinstance(self._marker(parameter), Dependency)

    def _is_made(self, parameter: inspect.Parameter) -> bool:
        annotation = self._annotations.get(parameter.name)
        return isinstance(annotation, type) and parameter.name not in self._path and self._kind is Kind.HTTP

    def _with_call(self, dependency: Dependency, parameter: inspect.Parameter) -> Dependency:
        if dependency.call is not None:
            return dependency
        annotation, _ = unwrap(self._annotations.get(parameter.name))
        if not callable(annotation):
            raise ValueError(f"expected Depends(function) or an annotation with a class at {parameter.name!r}")
        return Dependency(annotation, dependency.use_cache, dependency.scope)

    def _add_path(self, parameter: inspect.Parameter, marker: Marker | None) -> None:
        name = parameter.name
        if marker is not None and marker.source is not Source.PATH:
            raise ValueError(f"expected Path for {name!r}, which is in the path, got {marker.source.capitalize()}")
        self._found.path_names.add(name)
        annotation = self._annotations.get(name, Any)
        convert = self._make_path_conversion(name, annotation, dict(marker.constraints) if marker else {})
        self._found.values.append(Parameter(name, Source.PATH, name, annotation, convert))

    def _make_path_conversion(self, name: str, annotation: Any, constraints: dict[str, Any]) -> Convert | None:
        converter = self._path[name]
        given = _CONVERTERS[converter]
        classes = admitted_classes(annotation)
        constraints = {**unwrap(annotation)[1], **constraints}
        fits = _lets_in(classes, given) or classes is None or (given is int and float in classes)
        if fits and not constraints and find_validated(annotation) is None:
            return None
        kind = given if classes is None or classes == (object,) else annotation
        made = self._make_conversion(name, kind, constraints)
        if converter == "str" or (converter == "path" and fits):
            if made is None or made[1]:
                raise ValueError(
                    f"expected a type that text can become, such as int, for the parameter {name!r} of the path, got"
                    f" {_describe(annotation)}"
                )
            return made[0]
        if not fits or made is None:
            fitting = [text for text, each in _CONVERTERS.items() if classes is not None and each in classes]
            written = f"{{{name}:{fitting[0]}}}" if fitting else f"{{{name}}}"
            raise ValueError(
                f"expected {given.__name__}, which the converter {converter} gives, for the parameter {name!r}, which"
                f" is annotated {_describe(annotation)}: write {written}"
            )
        return lambda value: made[0](str(value))

    def _make_conversion(
        self, name: str, annotation: Any, constraints: Mapping[str, Any]
    ) -> tuple[Convert, bool] | None:
        try:
            return make_conversion(annotation, constraints)
        except TypeError as error:
            raise ValueError(f"{name}: {error}") from None

    def _read_value(self, parameter: inspect.Parameter, marker: Marker | None) -> Parameter:
        name = parameter.name
        annotation = self._annotations.get(name, Any)
        if marker is None:
            marker = Marker(self._guess_source(parameter, annotation))
        default = self._find_default(parameter, marker)
        key = marker.alias or self._find_key(parameter, marker)
        found = Parameter(
            name,
            marker.source,
            key,
            annotation,
            None,
            default=default,
            default_factory=marker.default_factory,
            embed=marker.embed,
            constraints=marker.constraints,
        )
        self._refuse_impossible(found)
        if marker.source in (Source.BODY, Source.FILE):
            return found
        if has_fields(annotation):
            found.model = read_model(name, annotation, marker, parameter)
            return found
        made = self._make_conversion(name, str if annotation is Any else annotation, marker.constraints)
        if made is None:
            raise ValueError(
                f"expected a type that text can become, or a list of one, for {name!r} ({marker.source}), got"
                f" {_describe(annotation)}"
            )
        found.convert, found.is_list = made
        return found

    def _find_default(self, parameter: inspect.Parameter, marker: Marker) -> Any:
        if parameter.default is parameter.empty:
            return UNSET
        return marker.first if parameter.default is marker else parameter.default

    def _find_key(self, parameter: inspect.Parameter, marker: Marker) -> str:
        if parameter.default is not marker and marker.first is not UNSET:
            if not isinstance(marker.first, str):
                raise ValueError(
                    f"expected the name that clients use, as str, in Annotated[..., {marker.source.capitalize()}(...)],"
                    f" got {marker.first!r}: a default is written {parameter.name}: ... = {marker.first!r}"
                )
            return marker.first
        if marker.source is Source.HEADER and marker.convert_underscores:
            return parameter.name.replace("_", "-")
        return parameter.name

    def _refuse_impossible(self, found: Parameter) -> None:
        if found.source is Source.PATH:
            raise ValueError(
                f"expected {found.name!r} in the path, because it is marked Path, got the path's parameters"
                f" {self._in_path()}"
            )
        if self._kind is Kind.WEBSOCKET and found.source in (Source.BODY, Source.FORM, Source.FILE):
            described = _describe(found.annotation)
            query = f"; the query is Annotated[{described}, Query()]" if has_fields(found.annotation) else ""
            raise ValueError(
                f"expected a value of the path, the query, a header or a cookie for {found.name!r}: a handshake has no"
                f" body; a message is await {self._connection_name()}.receive_json({described}){query}"
            )
        if found.source is Source.FILE:
            item, _ = unwrap(found.annotation)
            kind = (get_args(item) or (item,))[0] if get_origin(item) is list else item
            if kind not in (UploadFile, bytes, Any):
                raise ValueError(f"expected UploadFile or bytes for {found.name!r}, got {_describe(found.annotation)}")

    def _guess_source(self, parameter: inspect.Parameter, annotation: Any) -> Source:
        name = parameter.name
        if annotation is Any or annotation is object:
            if parameter.default is None or isinstance(parameter.default, str):
                return Source.QUERY
            return self._refuse_unannotated(parameter)
        if isinstance(annotation, str):
            raise ValueError(
                f"expected an annotation that is known where the handler is defined for {name!r}, got {annotation!r}"
            )
        classes = admitted_classes(annotation)
        other = Kind.HTTP if self._kind is Kind.WEBSOCKET else Kind.WEBSOCKET
        if classes is not None and other.connection in classes:
            wanted = self._kind.connection.__name__
            raise ValueError(
                f"expected {wanted} as annotation of {name!r}, got {other.connection.__name__}: another decorator is"
                " for the other kind of handlers"
            )
        inner, _ = unwrap(annotation)
        if inner is UploadFile or (get_origin(inner) is list and get_args(inner) == (UploadFile,)):
            return Source.FILE
        if is_json_type(annotation):
            return Source.BODY
        if self._make_conversion(name, annotation, {}) is not None:
            return Source.QUERY
        raise ValueError(
            f"expected a type that a value of the query or a body can become for {name!r}, such as int, list[str] or a"
            f" dataclass, got {_describe(annotation)}; what a function makes of the request is"
            f" {name}: Annotated[{_describe(annotation)}, Depends(function)]"
        )

    def _refuse_unannotated(self, parameter: inspect.Parameter) -> Source:
        name = parameter.name
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        kind = "str" if parameter.default is parameter.empty else type(parameter.default).__name__
        body = "" if self._kind is Kind.WEBSOCKET else " or a dataclass or msgspec structure for the body"
        raise ValueError(
            f"expected an annotation at each parameter that is not in the path ({self._in_path()}), got {name!r}"
            f" without one: write {name}: {kind}{default} for a value of the query{body};"
            f" functools.partial(handler, {name}=...) binds a value of your own; {self._got()}"
        )

    def _connection_name(self) -> str:
        return self._found.connection or self._kind.usual_name

    def _in_path(self) -> str:
        return ", ".join(self._path) or "none"

    def _got(self) -> str:
        return f"got ({self._signature})"


# Parameters that are neither values of the client nor the request, by their annotation.
_MADE: dict[Any, Callable[..., Any]] = {BackgroundTasks: collect_background_tasks, Response: make_parameter}


def _lets_in(classes: Any, wanted: type) -> bool:
    return classes is None or any(issubclass(wanted, each) for each in classes)


def _describe(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


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
