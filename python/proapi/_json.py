"""JSON as browsers read it: compact UTF-8 out, never NaN or Infinity; typed values in, by msgspec."""

import math
from functools import lru_cache
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decode_any = msgspec.json.Decoder().decode


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


def decode(data: Any, type: Any = None) -> Any:
    """``data`` is str or bytes-like. ValueError: not JSON, or not of ``type``; the text says which."""
    if not len(data):
        raise ValueError("expected JSON, got nothing")
    try:
        return _decode_any(data) if type is None else _decoder_of(type).decode(data)
    except RecursionError:
        raise ValueError("expected JSON, got one that is nested too deeply") from None
    except ValueError as error:
        is_json = type is not None and isinstance(error, msgspec.ValidationError)
        expected = "expected JSON of the given type, got another" if is_json else "expected JSON, got what is none"
        raise ValueError(f"{expected}: {error}") from None


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


@lru_cache(maxsize=512)
def _cached_decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type)


def _decoder_of(type: Any) -> msgspec.json.Decoder[Any]:
    try:
        hash(type)
    except TypeError:  # say, Annotated with a list
        return msgspec.json.Decoder(type)
    return _cached_decoder(type)
