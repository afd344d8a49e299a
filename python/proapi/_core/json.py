"""JSON as browsers read it: compact UTF-8 out, never NaN or Infinity; typed values in, by msgspec.

A subclass of a type that JSON can hold is written as that type, keys of dictionaries included. Integers are exact or
refused, in both directions.
"""

import builtins
import dataclasses
import datetime
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec
import msgspec.structs
from msgspec import inspect

_TEXT_MARK, _OCTETS_MARK = "\ufeff", b"\xef\xbb\xbf"
_ROOM = 50  # levels around a value of the client in an answer, and calls on the stack when it is written
_NO_KEYS = (bool, type(None), tuple, frozenset)  # msgspec writes these as values, but not as keys
_FINITE = frozenset({str, int, bool, type(None)})

may_hide_non_finite: Callable[[bytes], bool] = bool
"""Whether msgspec may have written a number that JSON does not have. ``binding`` sets this to the engine's function."""


# ---- out ----


def encode(value: Any) -> bytes:
    """ValueError: NaN, infinite, circular, or text with lone surrogates. TypeError: JSON can't hold the type."""
    try:
        encoded = _encode(value)
        if may_hide_non_finite(encoded) and (found := _find_non_finite(value)):
            raise ValueError(
                f"expected a finite number, got {found[1]} at ${found[0]}: JSON has no NaN and no Infinity"
            )
    except RecursionError:
        raise ValueError("expected a value that JSON can hold, got one that is circular or nested too deeply") from None
    return encoded


def can_be_nested(value: Any) -> bool:
    """Whether JSON that contains the value can be written: what is nested as deeply as can be read can't."""
    for _ in range(_ROOM):
        value = [value]
    try:
        encode(value)
    except ValueError:
        return False
    return True


def plain(value: Any) -> Any:
    """Converts what msgspec does not know: a subclass becomes its base, whatever methods it overrides."""
    if isinstance(value, _NO_KEYS):
        raise TypeError(f"expected text or a number as a key of JSON, got {value!r}")
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, datetime.datetime):
        return datetime.datetime.combine(_plain_date(value), _plain_time(value))
    if isinstance(value, datetime.date):
        return _plain_date(value)
    if isinstance(value, datetime.time):
        return _plain_time(value)
    if isinstance(value, datetime.timedelta):
        return datetime.timedelta(value.days, value.seconds, value.microseconds)
    if isinstance(value, (bytes, bytearray)):
        return bytes(memoryview(value))
    if hasattr(value, "model_dump"):  # a pydantic model
        return value.model_dump(mode="json", by_alias=True)
    hint = "; is an await missing?" if isinstance(value, Awaitable) else ""
    raise TypeError(f"expected a value that JSON can hold, got {type(value).__name__}{hint}")


def _plain_date(value: datetime.date) -> datetime.date:
    return datetime.date(value.year, value.month, value.day)


def _plain_time(value: datetime.datetime | datetime.time) -> datetime.time:
    return datetime.time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)


_encode = msgspec.json.Encoder(enc_hook=plain).encode


def _field_names(value: Any) -> list[str]:
    """Returns the fields of a structure, a dataclass or an attrs object that are set and that msgspec writes."""
    if isinstance(value, msgspec.Struct):
        if not value.__struct_config__.omit_defaults:
            return list(value.__struct_fields__)
        return [
            field.name for field in msgspec.structs.fields(value) if getattr(value, field.name) is not field.default
        ]
    names: Iterable[str] = ()
    if dataclasses.is_dataclass(value):
        names = (field.name for field in dataclasses.fields(value))
    elif not isinstance(value, type):
        names = (attribute.name for attribute in getattr(value, "__attrs_attrs__", ()))
    return [name for name in names if hasattr(value, name)]


def _find_non_finite(value: Any) -> tuple[str, object] | None:
    """Returns where below ``value`` a non-finite number is, and the number; None if there is none."""
    steps: Iterable[tuple[str, Any]]
    if isinstance(value, (float, Decimal)):
        return None if math.isfinite(value) else ("", value)
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str and (found := _find_non_finite(key)):
                return " as a key", found[1]
            if type(item) not in _FINITE and (found := _find_non_finite(item)):
                return f".{key}{found[0]}", found[1]
        return None
    if isinstance(value, (list, tuple, set, frozenset)):
        steps = ((f"[{index}]", item) for index, item in enumerate(value) if type(item) not in _FINITE)
    elif isinstance(value, Enum):
        steps = (("", value.value),)
    else:
        steps = ((f".{name}", getattr(value, name)) for name in _field_names(value))
    for step, item in steps:
        if found := _find_non_finite(item):
            return step + found[0], found[1]
    return None


# ---- in ----


def decode(data: Any, type: Any = None) -> Any:
    """``data`` is str or bytes-like; a byte order mark is skipped.

    ValueError: not JSON, or not of ``type``; the text says which. TypeError: JSON can't be converted to ``type`` at
    all.
    """
    decode_it = _decode_any if type is None else _find_decoder(type)
    if not len(data):
        raise ValueError("expected JSON, got nothing")
    try:
        try:
            return decode_it(data)
        except msgspec.DecodeError:
            mark = _TEXT_MARK if isinstance(data, str) else _OCTETS_MARK
            if data[: len(mark)] != mark:
                raise
            return decode_it(data[len(mark) :])
    except RecursionError:
        raise ValueError("expected JSON, got one that is nested too deeply") from None
    except ValueError as error:
        if isinstance(error.__cause__, TypeError):  # raised by the class's own __post_init__
            raise error.__cause__ from None
        is_json = type is not None and isinstance(error, msgspec.ValidationError)
        expected = "the JSON is not of the given type" if is_json else "invalid JSON"
        raise ValueError(f"{expected}: {error}") from None


def without_mark(data: bytes) -> bytes:
    """Returns the octets without a byte order mark."""
    return data.removeprefix(_OCTETS_MARK)


_decode_any = msgspec.json.Decoder().decode


def _find_decoder(type: Any) -> Callable[[Any], Any]:
    try:
        hash(type)
    except TypeError:  # for example, Annotated with a list
        return make_decoder(type)
    return _cached_decoder(type)


@lru_cache(maxsize=512)
def _cached_decoder(type: Any) -> Callable[[Any], Any]:
    return make_decoder(type)


def make_decoder(type: Any) -> Callable[[Any], Any]:
    """TypeError: msgspec can't convert JSON to ``type``. Checked here, since the decoder would blame the JSON."""
    decoder = msgspec.json.Decoder(type)
    for kind in _custom_types(inspect.type_info(type), set()):
        if not any(_is_subclass(native, kind) for native in _NATIVE):
            hint = "dataclasses, msgspec structures, TypedDict and NamedTuple are such types"
            if hasattr(kind, "model_validate_json"):
                hint = f"{kind.__name__}.model_validate_json() takes the text or octets themselves"
            raise TypeError(f"expected a type that JSON can become, got {kind.__qualname__}: {hint}")
    return decoder.decode


_NATIVE = (dict, list, str, int, float, bool, type(None))


def _custom_types(info: object, seen: set[int]) -> Iterator[builtins.type]:
    """Yields the classes in ``info`` that msgspec does not know.

    For such a class, msgspec accepts a value parsed from JSON if it is an instance of the class.
    """
    if isinstance(info, inspect.CustomType):
        yield info.cls
    elif isinstance(info, tuple):
        for each in info:
            yield from _custom_types(each, seen)
    elif isinstance(info, (inspect.Type, inspect.Field)) and id(info) not in seen:
        seen.add(id(info))
        for name in info.__struct_fields__:
            yield from _custom_types(getattr(info, name), seen)


def _is_subclass(kind: builtins.type, of: builtins.type) -> bool:
    try:
        return issubclass(kind, of)
    except TypeError:  # a protocol that is not checked at run time
        return False
