"""JSON in and out: what browsers can read, and no other exception than those documented."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, NamedTuple, NewType, Optional, Protocol, TypedDict, TypeVar

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


class Markup(str):
    __slots__ = ()


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


class Plain: ...


class Validating:
    """As pydantic's models are."""

    @classmethod
    def model_validate_json(cls, data: bytes) -> "Validating": ...  # type: ignore[empty-body]


class Shape(Protocol):
    sides: int


T = TypeVar("T")


@dataclass
class HoldsPlain:
    plain: Plain


class MayHoldPlain(msgspec.Struct):
    name: str = ""
    plain: Plain | None = None


class GenericStruct(msgspec.Struct, Generic[T]):
    value: T


class Tree(msgspec.Struct):
    children: list["Tree"] = []
    leaf: Optional[HoldsPlain] = None  # noqa: UP045


class Dictionary(TypedDict):
    plain: Plain


class Named(NamedTuple):
    plain: Plain


NewPlain = NewType("NewPlain", Plain)


@pytest.mark.parametrize(
    "type",
    [
        *(Plain, Validating, Shape, HoldsPlain, MayHoldPlain, GenericStruct[Plain], Tree, Dictionary, Named, NewPlain),
        *(list[Plain], dict[str, Plain], dict[Markup, int], tuple[Plain, ...], tuple[int, Plain], set[Plain]),
        *(Plain | None, Annotated[Plain, 1], Annotated[list[Plain], msgspec.Meta(extra={"a": []})], list[Tree]),
        *(Markup, complex, Plain | int, Counter, "Plain", Plain(), 7),
    ],
)
def test_a_type_that_json_can_not_become_is_no_fault_of_the_json(type: Any) -> None:
    for data in (b"{}", b'{"name":"x"}', b"[]", b"1", b'"text"', b"null", b"{", b"\xff"):
        with pytest.raises(TypeError):
            _json.decode(data, type)


def test_says_what_to_write_instead() -> None:
    with pytest.raises(TypeError, match=r"^expected a type that JSON can become, got Plain: dataclasses, msgspec "):
        _json.decode(b"{}", list[Plain])
    with pytest.raises(TypeError, match=r"got Validating: Validating\.model_validate_json\(\) takes the text"):
        _json.decode(b"{}", Validating)


@pytest.mark.parametrize(
    ("type", "data"),
    [(object, b'{"a":[1]}'), (Iterable, b"[1]"), (Hashable, b'"x"'), (GenericStruct[int], b'{"value":1}')],
)
def test_types_that_jsons_own_are_instances_of(type: Any, data: bytes) -> None:
    assert _json.encode(_json.decode(data, type)) == data


@dataclass
class Checked:
    x: int
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.x == 0:
            raise ValueError("x must not be 0")
        if self.x == 1:
            self.x = None + 1  # type: ignore[operator]


def test_a_class_may_refuse_values_and_may_fail() -> None:
    assert _json.decode(b'{"x":2}', Checked) == Checked(2)
    with pytest.raises(ValueError, match="got another: x must not be 0"):
        _json.decode(b'{"x":0}', Checked)
    with pytest.raises(TypeError, match="unsupported operand"):
        _json.decode(b'{"x":1}', Checked)


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
