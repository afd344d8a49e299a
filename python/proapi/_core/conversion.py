"""From the text that a client sends in a path, a query, a header or a form to a value of the type that a parameter's
annotation names.

The kinds and texts of errors are pydantic's, because FastAPI's clients know them. Knows neither handlers nor requests.
"""

import datetime
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

import msgspec

from .markers import CONSTRAINTS

Context = Mapping[str, Any] | None

Convert = Callable[[Any], Any]
"""Takes the text, or for a list all texts. Raises ``InvalidValue``."""


class InvalidValue(ValueError):
    """A client's value is not what its parameter expects. ``errors``: kind, text and context of each fault, and the
    steps to it."""

    def __init__(self, kind: str, text: str, context: Context = None, at: tuple[Any, ...] = ()) -> None:
        super().__init__(text)
        self.errors: list[tuple[str, str, Context, tuple[Any, ...]]] = [(kind, text, context, at)]


_WORDS = {
    **dict.fromkeys(("1", "true", "on", "yes", "t", "y"), True),
    **dict.fromkeys(("0", "false", "off", "no", "f", "n"), False),
}

# The kind and text of the error of each type that msgspec reads from text.
_PARSED: dict[type, tuple[str, str]] = {
    int: ("int_parsing", "Input should be a valid integer, unable to parse string as an integer"),
    float: ("float_parsing", "Input should be a valid number, unable to parse string as a number"),
    Decimal: ("decimal_parsing", "Input should be a valid decimal"),
    UUID: ("uuid_parsing", "Input should be a valid UUID"),
    datetime.datetime: ("datetime_parsing", "Input should be a valid datetime"),
    datetime.date: ("date_parsing", "Input should be a valid date"),
    datetime.time: ("time_parsing", "Input should be a valid time"),
    datetime.timedelta: ("time_delta_parsing", "Input should be a valid timedelta"),
}

_NOT_FINITE = ("finite_number", "Input should be a finite number")

_SEQUENCES: dict[Any, Callable[[list[Any]], Any]] = {
    list: lambda items: items,
    Sequence: lambda items: items,
    set: set,
    frozenset: frozenset,
    tuple: tuple,
}


def make_conversion(annotation: Any, constraints: Mapping[str, Any]) -> tuple[Convert, bool] | None:
    """Returns how to convert text to what ``annotation`` names, and whether it is a list, which takes all values of a
    name.

    None: no text can become it; it may be a JSON type. TypeError: a constraint does not fit the type.
    """
    validated = find_validated(annotation)
    annotation, found = unwrap(annotation)
    constraints = {**found, **constraints}
    kind = get_origin(annotation) or annotation
    if kind in _SEQUENCES:
        arguments = [each for each in get_args(annotation) if each is not ...] or [str]
        if len(arguments) > 1 or (item := make_conversion(arguments[0], {})) is None or item[1]:
            return None
        convert: Convert | None = _make_list(item[0], _SEQUENCES[kind])
        kind = list
    else:
        convert, kind = _make_scalar(annotation), annotation
    if convert is None:
        return None
    if validated is not None:
        convert = _make_validation(validated)
    return _with_checks(convert, kind, constraints), kind is list


def takes_list(annotation: Any) -> bool:
    """Whether it is a list, a set or a tuple, which takes all values of a name."""
    annotation, _ = unwrap(annotation)
    return (get_origin(annotation) or annotation) in _SEQUENCES


def is_named_type(annotation: Any) -> bool:
    """Whether it is a name of a type: ``type Name = ...`` (Python 3.12) or ``typing_extensions.TypeAliasType``."""
    return type(annotation).__name__ == "TypeAliasType"


def unwrap(annotation: Any) -> tuple[Any, dict[str, Any]]:
    """Returns the annotation without ``Annotated``, names of types and ``None``, and its constraints: those of msgspec,
    annotated_types and pydantic's ``Field``."""
    constraints: dict[str, Any] = {}
    while True:
        if get_origin(annotation) is Annotated:
            for each in annotation.__metadata__:
                constraints.update(_read_constraints(each))
            annotation = annotation.__origin__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif is_named_type(annotation):
            annotation = annotation.__value__
        elif isinstance(annotation, TypeVar):
            annotation = annotation.__bound__ or str
        elif get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
            rest = tuple(each for each in get_args(annotation) if each is not NoneType)
            annotation = Union[rest]  # noqa: UP007 (a tuple of alternatives)
        else:
            return annotation, constraints


def find_validated(annotation: Any) -> Any:
    """Returns the Annotated whose metadata is for pydantic: ``AfterValidator``, ``StringConstraints`` and their like.
    None: there is none. ``Field`` is not one; ``unwrap`` reads its constraints."""
    if is_named_type(annotation):
        return find_validated(annotation.__value__)
    if get_origin(annotation) is Annotated:
        if any(is_for_pydantic(each) and not hasattr(each, "metadata") for each in annotation.__metadata__):
            return annotation
        return find_validated(annotation.__origin__)
    if isinstance(annotation, NewType):
        return find_validated(annotation.__supertype__)
    if get_origin(annotation) in (Union, UnionType):
        rest = [each for each in get_args(annotation) if each is not NoneType]
        return find_validated(rest[0]) if len(rest) == 1 else None
    return None


def is_for_pydantic(metadata: Any) -> bool:
    """Whether pydantic alone knows what the metadata of Annotated means."""
    return hasattr(metadata, "__get_pydantic_core_schema__") or type(metadata).__module__.startswith("pydantic.")


def _read_constraints(metadata: Any) -> dict[str, Any]:
    found = {}
    for each in (metadata, *getattr(metadata, "metadata", ())):
        for name in CONSTRAINTS:
            if (value := getattr(each, name, None)) is not None:
                found[name] = value
    return found


# ---- scalars ----


def _make_scalar(annotation: Any) -> Convert | None:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _make_union(get_args(annotation))
    if origin is Literal:
        return _make_choice({str(each): each for each in get_args(annotation)}, "literal_error")
    if annotation is Any or annotation is str or annotation is object:
        return _as_it_is
    if annotation is bool:
        return _read_bool
    if annotation is float:
        return _read_float
    if annotation is bytes:
        return str.encode
    if not isinstance(annotation, type):
        return None
    if annotation in _PARSED:
        return _make_parsed(annotation)
    if issubclass(annotation, Path):
        return annotation
    if issubclass(annotation, Enum):
        return _make_choice({str(each.value): each for each in annotation}, "enum")
    return _make_by_pydantic(annotation)


def _as_it_is(text: str) -> str:
    return text


def _read_bool(text: str) -> bool:
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise InvalidValue("bool_parsing", "Input should be a valid boolean, unable to interpret input") from None


def _read_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InvalidValue(*_PARSED[float]) from None
    if not math.isfinite(value):
        raise InvalidValue(*_NOT_FINITE)
    return value


def _make_parsed(kind: type) -> Convert:
    error = _PARSED[kind]

    def convert(text: str) -> Any:
        try:
            value: Any = msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError:
            raise InvalidValue(*error) from None
        if kind is Decimal and not value.is_finite():
            raise InvalidValue(*_NOT_FINITE)
        return value

    return convert


def _make_choice(values: Mapping[str, Any], kind: str) -> Convert:
    names = [repr(each.value if isinstance(each, Enum) else each) for each in values.values()]
    expected = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"

    def convert(text: str) -> Any:
        try:
            return values[text]
        except KeyError:
            raise InvalidValue(kind, f"Input should be {expected}", {"expected": expected}) from None

    return convert


def _make_union(alternatives: Sequence[Any]) -> Convert | None:
    """The first alternative that takes the text, in the order of the annotation; str takes any text, so it is last."""
    ordered = sorted(alternatives, key=lambda each: each is str)
    converts = []
    for each in ordered:
        made = make_conversion(each, {})
        if made is None or made[1]:
            return None
        converts.append(made[0])

    def convert(text: str) -> Any:
        first: InvalidValue | None = None
        for each in converts:
            try:
                return each(text)
            except InvalidValue as error:
                first = first or error
        assert first is not None
        raise first

    return convert


def _make_by_pydantic(annotation: type) -> Convert | None:
    """For pydantic's own types of text, such as EmailStr and HttpUrl. A model is not one: it is JSON."""
    if not hasattr(annotation, "__get_pydantic_core_schema__") or hasattr(annotation, "model_validate"):
        return None
    return _make_validation(annotation)


def _make_validation(annotation: Any) -> Convert:
    pydantic = sys.modules["pydantic"]
    validate = pydantic.TypeAdapter(annotation).validate_python

    def convert(text: str) -> Any:
        try:
            return validate(text)
        except pydantic.ValidationError as error:
            found = InvalidValue("", "")
            found.errors = [(each["type"], each["msg"], None, each["loc"]) for each in error.errors(include_url=False)]
            raise found from None

    return convert


def _make_list(convert: Convert, collect: Callable[[list[Any]], Any]) -> Convert:
    def convert_all(texts: list[str]) -> Any:
        items = []
        failed: InvalidValue | None = None
        for index, text in enumerate(texts):
            try:
                items.append(convert(text))
            except InvalidValue as error:
                errors = [(kind, message, context, (index, *at)) for kind, message, context, at in error.errors]
                if failed is None:
                    failed = error
                    failed.errors = errors
                else:
                    failed.errors += errors
        if failed is not None:
            raise failed
        return collect(items)

    return convert_all


# ---- constraints ----

_Check = Callable[[Any], None]
_NUMBERS = (int, float, Decimal)
_DATES = (datetime.date, datetime.time, datetime.timedelta)  # a datetime is a date


def _with_checks(convert: Convert, kind: Any, constraints: Mapping[str, Any]) -> Convert:
    checks = [_make_check(name, limit, kind) for name, limit in constraints.items()]
    if not checks:
        return convert

    def convert_and_check(text: Any) -> Any:
        value = convert(text)
        for check in checks:
            check(value)
        return value

    return convert_and_check


def _make_check(name: str, limit: Any, kind: Any) -> _Check:
    """TypeError: values of ``kind`` can't have that constraint. Of a union, every alternative must be able to."""
    classes = tuple(
        each
        for each in (get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,))
        if isinstance(each, type)
    )
    has_order = all(issubclass(each, _NUMBERS + _DATES) and each is not bool for each in classes)
    is_text = all(issubclass(each, (str, bytes)) for each in classes)
    if name in _COMPARISONS and has_order:
        return _make_comparison(name, limit)
    if name == "multiple_of" and has_order and all(issubclass(each, _NUMBERS) for each in classes):
        return _make_multiple(Decimal(str(limit)) if Decimal in classes else limit)
    if name in ("min_length", "max_length") and (is_text or list in classes):
        return _make_length(name, limit, "String" if is_text else "List")
    if name == "pattern" and is_text:
        return _make_pattern(limit)
    what = {"pattern": "text", "min_length": "text or a list", "max_length": "text or a list"}.get(name, "a number")
    raise TypeError(f"expected {name}= at a parameter that is {what}, got {getattr(kind, '__name__', kind)}")


_COMPARISONS: dict[str, tuple[str, str, Callable[[Any, Any], bool]]] = {
    "gt": ("greater_than", "greater than", lambda value, limit: bool(value > limit)),
    "ge": ("greater_than_equal", "greater than or equal to", lambda value, limit: bool(value >= limit)),
    "lt": ("less_than", "less than", lambda value, limit: bool(value < limit)),
    "le": ("less_than_equal", "less than or equal to", lambda value, limit: bool(value <= limit)),
}


_ZONES = {
    True: ("timezone_aware", "Input should have timezone info"),
    False: ("timezone_naive", "Input should not have timezone info"),
}


def _make_comparison(name: str, limit: Any) -> _Check:
    kind, words, holds = _COMPARISONS[name]
    has_zone = getattr(limit, "tzinfo", None) is not None

    def check(value: Any) -> None:
        if isinstance(value, (datetime.datetime, datetime.time)) and (value.tzinfo is not None) != has_zone:
            raise InvalidValue(*_ZONES[has_zone])  # Python can't compare the two
        if not holds(value, limit):
            raise InvalidValue(kind, f"Input should be {words} {limit}", {name: limit})

    return check


def _make_multiple(limit: Any) -> _Check:
    def check(value: Any) -> None:
        try:
            is_multiple = not value % limit
        except ArithmeticError:  # so large a number that the remainder is not known
            is_multiple = False
        if not is_multiple:
            raise InvalidValue("multiple_of", f"Input should be a multiple of {limit}", {"multiple_of": limit})

    return check


def _make_length(name: str, limit: int, what: str) -> _Check:
    is_minimum = name == "min_length"
    kind = (
        ("too_short" if is_minimum else "too_long")
        if what == "List"
        else ("string_too_short" if is_minimum else "string_too_long")
    )
    unit = ("item" if what == "List" else "character") + ("" if limit == 1 else "s")
    after = " after validation" if what == "List" else ""
    text = f"{what} should have at {'least' if is_minimum else 'most'} {limit} {unit}{after}"

    def check(value: Any) -> None:
        if len(value) < limit if is_minimum else len(value) > limit:
            end = f", not {len(value)}" if what == "List" else ""
            raise InvalidValue(kind, text + end, {name: limit})

    return check


def _make_pattern(pattern: str) -> _Check:
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise TypeError(f"expected a regular expression as pattern, got {pattern!r}: {error}") from None

    def check(value: Any) -> None:
        if search(value if isinstance(value, str) else value.decode()) is None:
            raise InvalidValue(
                "string_pattern_mismatch", f"String should match pattern '{pattern}'", {"pattern": pattern}
            )

    return check
