"""What a handler's result becomes: a response with its return annotation's fields and no others, and its status.

An instance of a subclass, a row of a database or a dict may have fields that clients must not see. Knows no requests.
"""

import dataclasses
import sys
import typing
from collections.abc import Callable, Collection, Iterable, MutableSequence, Sequence, Set
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from ..response import JSONResponse, Response, to_response
from . import json
from .body import is_json_type, needs_pydantic
from .conversion import is_named_type, unwrap

ToResponse = Callable[[Any], Response]

_COLLECTIONS = (Iterable, Collection, Sequence, MutableSequence, Set)
"""Which JSON has as arrays, like a list."""


def make_to_response(annotation: Any, status_code: int | None) -> ToResponse:
    """Returns how a handler's result becomes its response.

    Args:
        annotation: What the handler is annotated to return.
        status_code: Of results that are not a Response. None: 200, or 204 for None.

    Raises:
        ValueError: The status is not possible, or JSON can't hold the annotation's type.
    """
    convert = _make_filter(annotation)
    if convert is None and status_code is None:
        return to_response
    if status_code is not None and not 200 <= status_code <= 599:
        raise ValueError(f"expected a status_code from 200 to 599, got {status_code!r}")

    def make(result: Any) -> Response:
        if isinstance(result, Response):
            return result
        response = to_response(result if convert is None or result is None else convert(result))
        if status_code is not None:
            response.status_code = status_code
        return response

    return make


def _make_filter(annotation: Any) -> Callable[[Any], Any] | None:
    """None: the annotation names no type with fields."""
    inner, _ = unwrap(annotation)
    if get_origin(inner) in (Union, UnionType):
        inner = _without_responses(inner)
    if get_origin(inner) in _COLLECTIONS:
        inner = list[get_args(inner)[0]]  # type: ignore[misc]
    if inner in (int, float, bool):
        return JSONResponse
    if not is_json_type(inner) or not _has_fields(inner):
        return None
    return _make_model_filter(inner) if needs_pydantic(inner) else _make_msgspec_filter(inner)


def _without_responses(union: Any) -> Any:
    kinds = tuple(each for each in get_args(union) if not (isinstance(each, type) and issubclass(each, Response)))
    return Union[kinds] if kinds else Any  # noqa: UP007 (a tuple of alternatives)


def _make_msgspec_filter(annotation: Any) -> Callable[[Any], Any]:
    try:
        json.make_decoder(annotation)
    except TypeError as error:
        raise ValueError(f"return annotation: {error}") from None
    is_flat = isinstance(annotation, type) and _is_flat(annotation)

    def convert(result: Any) -> JSONResponse:
        if is_flat and type(result) is annotation:
            return JSONResponse(result)
        try:
            try:
                plain = msgspec.to_builtins(result, enc_hook=json.plain)
            except TypeError:  # an object that only has attributes, such as a row of a database
                return JSONResponse(msgspec.convert(result, annotation, from_attributes=True))
            return JSONResponse(msgspec.convert(plain, annotation, str_keys=True))
        except msgspec.ValidationError as error:
            raise TypeError(f"the handler's result is not what its return annotation says: {error}") from None

    return convert


def _make_model_filter(annotation: Any) -> Callable[[Any], Any]:
    pydantic = sys.modules["pydantic"]
    adapter = pydantic.TypeAdapter(annotation)

    def convert(result: Any) -> Response:
        valid = adapter.validate_python(result, from_attributes=True)
        return Response(adapter.dump_json(valid, by_alias=True, warnings="error"), media_type=JSONResponse.media_type)

    return convert


def _has_fields(annotation: Any, seen: tuple[int, ...] = ()) -> bool:
    """Whether the annotation names a class with fields, at any depth of its arguments. ``seen``: names of types that it
    is a part of."""
    if is_named_type(annotation):
        return id(annotation) not in seen and _has_fields(annotation.__value__, (*seen, id(annotation)))
    if get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    if arguments := get_args(annotation):
        return any(_has_fields(each, seen) for each in arguments)
    return isinstance(annotation, type) and annotation is not dict and is_json_type(annotation)


def _is_flat(kind: type) -> bool:
    """Whether no field can hold an object with fields of its own."""
    try:
        if issubclass(kind, msgspec.Struct):
            types = [each.type for each in msgspec.structs.fields(kind)]
        elif dataclasses.is_dataclass(kind):
            types = list(typing.get_type_hints(kind, include_extras=True).values())
        else:
            return False
    except Exception:  # evaluating the application's annotations may raise anything
        return False
    return not any(each in (Any, object) or _has_fields(each) for each in types)
