"""JSON in and out: what browsers can read, and no other exception than those documented."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest

from proapi import _json


@dataclass
class Point:
    x: float
    y: float | None = None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True, "é"]}, '{"a":[1,2.5,null,true,"é"]}'),
        (Point(1.0), '{"x":1.0,"y":null}'),
        ("null", '"null"'),
        ([None, float("1e308")], "[null,1e308]"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_encodes_compactly(value: Any, text: str) -> None:
    assert _json.encode(value) == text.encode()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_refuses_what_browsers_cannot_parse(number: float) -> None:
    for value in (number, [1, [number]], {"a": {"b": number}}, Point(number), (1, number), {"a": None, "b": {number}}):
        with pytest.raises(ValueError, match="NaN"):
            _json.encode(value)


def test_names_the_place_of_a_number_it_refuses() -> None:
    with pytest.raises(ValueError, match=r"\$\.a\[1\]\.b"):
        _json.encode({"a": [0, {"b": math.nan}]})


def test_encode_errors() -> None:
    circular: list[Any] = []
    circular.append(circular)
    for value in (circular, "\ud800"):
        with pytest.raises(ValueError):  # noqa: PT011
            _json.encode(value)
    with pytest.raises(TypeError):
        _json.encode(object())


@pytest.mark.parametrize("data", ['{"a":[1,null]}', b'{"a":[1,null]}', bytearray(b'{"a":[1,null]}')])
def test_decodes_text_and_octets(data: Any) -> None:
    assert _json.decode(data) == {"a": [1, None]}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"NaN", b"Infinity", b"[1,]", b'"\xff"', b"1 2", b"[" * 200_000, "'a'", b'{"a":1e999}']
)
def test_bad_json_is_a_value_error(data: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected JSON, got "):
        _json.decode(data)


def test_decodes_types() -> None:
    assert _json.decode(b'{"x":1,"more":2}', Point) == Point(1.0)
    assert _json.decode(b"[1,2]", list[int]) == [1, 2]
    with pytest.raises(ValueError, match=r"^expected JSON, got what is none: "):
        _json.decode(b'{"x":', Point)
    with pytest.raises(ValueError, match=r"^expected JSON of the given type, got another: Expected `float`"):
        _json.decode(b'{"x":"1"}', Point)
    unhashable = Annotated[int, msgspec.Meta(ge=1, extra={"a": []})]
    assert _json.decode(b"1", unhashable) == 1
    with pytest.raises(ValueError, match=">= 1"):
        _json.decode(b"0", unhashable)
