"""A request's body as JSON of a type: msgspec's types, and pydantic's models where pydantic is installed.

Errors have the steps to the fault, as in FastAPI's answers. Knows neither handlers nor requests.
"""

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

import msgspec

from . import json
from .conversion import InvalidValue, is_for_pydantic, is_named_type, unwrap

Decode = Callable[[bytes], Any]
"""Takes the octets of JSON. Raises ``InvalidValue``."""

_MOST_READ = 1000  # pydantic takes longer to report a fault than to find it

_AT = re.compile(r"(.*?) - at `\$?(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(.*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$")
_WRONG_TYPE = re.compile(r"Expected `(\w+)`(?:, got `\w+`)?$")
_TYPES = {
    "int": ("int_type", "Input should be a valid integer"),
    "float": ("float_type", "Input should be a valid number"),
    "str": ("string_type", "Input should be a valid string"),
    "bool": ("bool_type", "Input should be a valid boolean"),
    "array": ("list_type", "Input should be a valid list"),
    "object": ("dict_type", "Input should be a valid dictionary"),
}


def is_json_type(annotation: Any) -> bool:
    """Whether the annotation names a type that is a JSON object, or an array or a union of such types."""
    annotation, _ = unwrap(annotation)
    kind = get_origin(annotation) or annotation
    if kind in (typing.Union, types.UnionType):
        return any(is_json_type(each) for each in get_args(annotation))
    if kind is dict or kind is Mapping:
        return True
    if kind in (list, tuple, set, frozenset):
        return any(is_json_type(each) for each in get_args(annotation))
    return isinstance(kind, type) and (
        issubclass(kind, (msgspec.Struct, Mapping))
        or dataclasses.is_dataclass(kind)
        or typing.is_typeddict(kind)
        or hasattr(kind, "__attrs_attrs__")
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
        or _is_model(kind)
    )


def _is_model(kind: object) -> bool:
    return hasattr(kind, "model_validate_json") or hasattr(kind, "__pydantic_validator__")


def needs_pydantic(annotation: Any, seen: tuple[int, ...] = ()) -> bool:
    """Whether the annotation names a pydantic model, or contains one, or has metadata that only pydantic knows.
    ``seen``: names of types that it is a part of."""
    if is_named_type(annotation):
        return id(annotation) not in seen and needs_pydantic(annotation.__value__, (*seen, id(annotation)))
    if get_origin(annotation) is Annotated:
        is_needed = any(is_for_pydantic(each) and getattr(each, "metadata", True) for each in annotation.__metadata__)
        return is_needed or needs_pydantic(annotation.__origin__, seen)
    return _is_model(annotation) or any(needs_pydantic(each, seen) for each in get_args(annotation))


def make_decode(annotation: Any, constraints: Mapping[str, Any] | None = None) -> Decode:
    """TypeError: JSON can't be converted to what the annotation names, or a constraint does not fit it."""
    if needs_pydantic(annotation):
        pydantic = sys.modules["pydantic"]
        if constraints:
            annotation = Annotated[annotation, pydantic.Field(**constraints)]
        try:
            validate = pydantic.TypeAdapter(annotation).validate_json
        except pydantic.errors.PydanticUserError as error:  # for example, a msgspec structure with a validator
            raise TypeError(error.message) from None

        def decode_model(data: bytes) -> Any:
            try:
                return validate(json.without_mark(data))
            except pydantic.ValidationError as error:
                raise from_pydantic(error) from None

        return decode_model

    if constraints:
        annotation = Annotated[annotation, msgspec.Meta(**constraints)]
    decode_it = json.make_decoder(annotation)

    def decode(data: bytes) -> Any:
        try:
            return decode_it(json.without_mark(data))
        except msgspec.ValidationError as error:
            if isinstance(error.__cause__, TypeError):  # raised by the class's own __post_init__
                raise error.__cause__ from None
            raise _from_msgspec(str(error)) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise invalid_json(str(error)) from None

    return decode


def invalid_json(why: str) -> InvalidValue:
    return InvalidValue("json_invalid", "JSON decode error", {"error": why})


def from_pydantic(error: Any) -> InvalidValue:
    """``error``: pydantic's ValidationError."""
    if (count := error.error_count()) > _MOST_READ:
        return InvalidValue("too_many_errors", f"Input has {count} faults: too many to report each")
    found = InvalidValue("", "")
    found.errors = []
    for each in error.errors(include_url=False, include_input=False):
        context = {name: str(value) for name, value in each.get("ctx", {}).items()}
        found.errors.append((each["type"], each["msg"], context or None, each["loc"]))
    return found


def _from_msgspec(text: str) -> InvalidValue:
    match = _AT.match(text)
    message, at = (match[1], tuple(_steps(match[2]))) if match else (text, ())
    if missing := _MISSING.match(message):
        return InvalidValue("missing", "Field required", at=(*at, missing[1]))
    if unknown := _UNKNOWN.match(message):
        return InvalidValue("extra_forbidden", "Extra inputs are not permitted", at=(*at, unknown[1]))
    if (wrong := _WRONG_TYPE.match(message)) and wrong[1] in _TYPES:
        return InvalidValue(*_TYPES[wrong[1]], at=at)
    return InvalidValue("value_error", message.replace("`", "'"), at=at)


def _steps(path: str) -> Iterator[str | int]:
    for name, index in _STEP.findall(path):
        yield name or (int(index) if index.isdigit() else index)
