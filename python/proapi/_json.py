"""JSON as browsers read it: compact UTF-8 out, never NaN or Infinity; typed values in, by msgspec."""

import builtins
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

_encoder = msgspec.json.Encoder()


# ---- out ----


def encode(value: Any) -> bytes:
    """ValueError: not a number, infinite, circular, or text with lone surrogates; TypeError: no JSON type."""
    try:
        encoded = _encoder.encode(value)
        # NaN and Infinity come out as null, so only where there is a null can there be one.
        if b"null" in encoded:
            _refuse_non_finite(msgspec.to_builtins(value), "$")
    except RecursionError:
        raise ValueError("expected a value that JSON can hold, got one that is circular or nested too deeply") from None
    return encoded


def _refuse_non_finite(value: Any, path: str) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number, got {value} at {path}: JSON has no NaN and no Infinity")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{path}.{key}")
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{path}[{index}]")


# ---- in ----


def decode(data: Any, type: Any = None) -> Any:
    """``data`` is str or bytes-like. ValueError: not JSON, or not of ``type``; the text
    says which. TypeError: ``type`` is one that no JSON can become."""
    decode_it = _decode_any if type is None else _decoder_of(type)
    if not len(data):
        raise ValueError("expected JSON, got nothing")
    try:
        return decode_it(data)
    except RecursionError:
        raise ValueError("expected JSON, got one that is nested too deeply") from None
    except ValueError as error:
        if isinstance(error.__cause__, TypeError):  # a fault of the class's own __post_init__
            raise error.__cause__ from None
        is_json = type is not None and isinstance(error, msgspec.ValidationError)
        expected = "expected JSON of the given type, got another" if is_json else "expected JSON, got what is none"
        raise ValueError(f"{expected}: {error}") from None


_decode_any = msgspec.json.Decoder().decode


def _decoder_of(type: Any) -> Callable[[Any], Any]:
    try:
        hash(type)
    except TypeError:  # say, Annotated with a list
        return _make_decoder(type)
    return _cached_decoder(type)


@lru_cache(maxsize=512)
def _cached_decoder(type: Any) -> Callable[[Any], Any]:
    return _make_decoder(type)


def _make_decoder(type: Any) -> Callable[[Any], Any]:
    """TypeError: msgspec can't make one of JSON. Found here, since the decoder would call it a fault of the JSON."""
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
    """The classes in it that msgspec knows nothing of: it takes for them what JSON gives, if it is an instance."""
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
