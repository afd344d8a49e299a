"""JSON in and out: output that browsers can read, and no exceptions but the documented ones."""

import datetime
import enum
import math
import uuid
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, NewType, Optional, Protocol, TypedDict, TypeVar

import msgspec
import pytest
from promises import promise

from proapi._core import json


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
    assert json.encode(value) == text.encode()


class Price(float):
    def __str__(self) -> str:
        return "a price"

    __float__ = __repr__ = None  # type: ignore[assignment]


class Markup(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "a markup"


class Number(int):
    __int__ = __index__ = None  # type: ignore[assignment]


class Amount(Decimal): ...


class Timestamp(datetime.datetime): ...


class Day(datetime.date): ...


class Hour(datetime.time): ...


class Span(datetime.timedelta): ...


class Octets(bytes): ...


class Buffer(bytearray): ...


class Id(uuid.UUID): ...


class Rows(list[Any]): ...


class Pair(NamedTuple):
    a: Any
    b: Any


class Mean(float, enum.Enum):
    half = 0.5
    none = math.nan


class Kind(enum.StrEnum):
    text = "t"


class Bits(enum.IntFlag):
    a = 1
    b = 2


class Boxed(enum.Enum):
    """The value of a member is of a subclass of float."""

    price = Price(1.5)


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    of_any: Any


@dataclass(frozen=True, slots=True)
class Slotted:
    value: Any


@promise("json-subclasses")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Price(1.5), "1.5"),
        (Markup("<b>"), '"<b>"'),
        (Number(7), "7"),
        (Number(10**30), "1" + "0" * 30),
        (Amount("1.50"), '"1.50"'),
        (Timestamp(2026, 1, 2, 3, 4, 5, 6), '"2026-01-02T03:04:05.000006"'),
        (Timestamp(2026, 1, 2, tzinfo=datetime.UTC), '"2026-01-02T00:00:00Z"'),
        (Day(2026, 1, 2), '"2026-01-02"'),
        (Hour(3, 4), '"03:04:00"'),
        (Span(seconds=1), '"PT1S"'),
        (Octets(b"a"), '"YQ=="'),
        (Buffer(b"a"), '"YQ=="'),
        (Id(int=3), '"00000000-0000-0000-0000-000000000003"'),
        (Counter("a"), '{"a":1}'),
        (OrderedDict(a=1), '{"a":1}'),
        (defaultdict(int, a=1), '{"a":1}'),
        (Rows([Price(1)]), "[1.0]"),
        (Pair(Price(1), Markup("x")), '[1.0,"x"]'),
        ({Number(1)}, "[1]"),
        ([Mean.half, Kind.text, Bits.a | Bits.b, Boxed.price], '[0.5,"t",3,1.5]'),
        (Struct({"a": Price(1.5)}), '{"ofAny":{"a":1.5}}'),
        (Slotted(Price(1.5)), '{"value":1.5}'),
        ({Price(1.5): 1, Markup("m"): 2, Number(3): 4}, '{"1.5":1,"m":2,"3":4}'),
        ([Slotted({Day(2026, 1, 2): None})], '[{"value":{"2026-01-02":null}}]'),
        ({"a": msgspec.Raw(b'{"b":[null]}'), "c": None}, '{"a":{"b":[null]},"c":null}'),
        (["nan", "inf", "NaN", "Infinity", {"nan": "null", "inf": 1, "Infinity": "NaN"}, Decimal("1.5")], None),
    ],
)
def test_what_inherits_from_jsons_types_is_written_as_these(value: Any, text: str | None) -> None:
    expected = text or '["nan","inf","NaN","Infinity",{"nan":"null","inf":1,"Infinity":"NaN"},"1.5"]'
    assert json.encode(value) == expected.encode()


@pytest.mark.parametrize("key", [None, True, (1, 2), frozenset()])
def test_what_can_not_be_a_key(key: Any) -> None:
    with pytest.raises(TypeError, match="expected text or a number as a key of JSON, got "):
        json.encode({key: 1})


@promise("send-json")
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_refuses_what_browsers_cannot_parse(number: float) -> None:
    decimal = Decimal(number)
    for value in (
        *(number, [1, [number]], {"a": {"b": number}}, Point(number), (1, number), {"a": None, "b": {number}}),
        *(Price(number), [Price(number)], {number: 1}, {Price(number): 1}, [{"a": {number: None}}], Pair(1, number)),
        *(Struct([number]), Slotted(number), Slotted({number: 1}), frozenset([number]), decimal, {decimal: 1}),
        *({"a": msgspec.Raw(b"null"), "b": number}, Mean.none, {Mean.none: 1}),
    ):
        with pytest.raises(ValueError, match="NaN"):
            json.encode(value)


class Limits(msgspec.Struct, omit_defaults=True):
    most: float = math.inf
    note: str | None = ""


def test_what_is_not_written_is_not_refused() -> None:
    assert json.encode([Limits(note=None)]) == b'[{"note":null}]'
    assert json.encode({"limits": Limits(), "next": None}) == b'{"limits":{},"next":null}'
    with pytest.raises(ValueError, match=r"got -inf at \$\.most"):
        json.encode(Limits(-math.inf))


def test_names_the_place_of_a_number_it_refuses() -> None:
    with pytest.raises(ValueError, match=r"\$\.a\[1\]\.b"):
        json.encode({"a": [0, {"b": math.nan}]})

    with pytest.raises(ValueError, match=r"got inf at \$\.a\.value as a key: "):
        json.encode({"a": Slotted({math.inf: 1})})


def test_encode_errors() -> None:
    circular: list[Any] = []
    circular.append(circular)
    for value in (circular, "\ud800"):
        with pytest.raises(ValueError):  # noqa: PT011
            json.encode(value)
    with pytest.raises(TypeError):
        json.encode(object())


@pytest.mark.parametrize("data", ['{"a":[1,null]}', b'{"a":[1,null]}', bytearray(b'{"a":[1,null]}')])
def test_decodes_text_and_octets(data: Any) -> None:
    assert json.decode(data) == {"a": [1, None]}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"NaN", b"Infinity", b"[1,]", b'"\xff"', b"1 2", b"[" * 200_000, "'a'", b'{"a":1e999}']
)
def test_bad_json_is_a_value_error(data: Any) -> None:
    with pytest.raises(ValueError, match=r"^(invalid JSON: |expected JSON, got )"):
        json.decode(data)


def test_a_byte_order_mark_is_skipped() -> None:
    for data in ('\ufeff{"a":"ä"}', '\ufeff{"a":"ä"}'.encode(), memoryview('\ufeff{"a":"ä"}'.encode())):
        assert json.decode(data) == {"a": "ä"}
        assert json.decode(data, dict[str, str]) == {"a": "ä"}
    for data in ("\ufeff", b"\xef\xbb\xbf", "\ufeff\ufeff1", b"\xef\xbb\xbf\xef\xbb\xbf1", " \ufeff1", b"\xef\xbb1"):
        with pytest.raises(ValueError, match=r"^(invalid JSON: |expected JSON, got )"):
            json.decode(data)


@promise("json-integers")
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**30, -(10**400)])
def test_integers_are_exact(number: int) -> None:
    assert json.encode([number]) == f"[{number}]".encode()
    assert json.decode(f"[{number}]") == [number]
    assert json.decode(f"[{number}]", list[int]) == [number]


@promise("json-integers")
def test_integers_that_python_does_not_read_are_refused() -> None:
    for type in (None, int):
        with pytest.raises(ValueError, match="out of range"):
            json.decode("1" * 5000, type)


class Plain: ...


class Validating:
    """Has the method of pydantic's models."""

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


@promise("json-impossible-type")
@pytest.mark.parametrize(
    "type",
    [
        *(Plain, Validating, Shape, HoldsPlain, MayHoldPlain, GenericStruct[Plain], Tree, Dictionary, Named, NewPlain),
        *(list[Plain], dict[str, Plain], dict[Markup, int], tuple[Plain, ...], tuple[int, Plain], set[Plain]),
        *(Plain | None, Annotated[Plain, 1], Annotated[list[Plain], msgspec.Meta(extra={"a": []})], list[Tree]),
        *(Price, Markup, Timestamp, complex, Plain | int, Counter, "Plain", Plain(), 7),
    ],
)
def test_a_type_that_json_can_not_become_is_no_fault_of_the_json(type: Any) -> None:
    for data in (b"{}", b'{"name":"x"}', b"[]", b"1", b'"text"', b"null", b"{", b"\xff"):
        with pytest.raises(TypeError):
            json.decode(data, type)


def test_says_what_to_write_instead() -> None:
    with pytest.raises(TypeError, match=r"^expected a type that JSON can become, got Plain: dataclasses, msgspec "):
        json.decode(b"{}", list[Plain])
    with pytest.raises(TypeError, match=r"got Validating: Validating\.model_validate_json\(\) takes the text"):
        json.decode(b"{}", Validating)


@pytest.mark.parametrize(
    ("type", "data"),
    [(object, b'{"a":[1]}'), (Iterable, b"[1]"), (Hashable, b'"x"'), (GenericStruct[int], b'{"value":1}')],
)
def test_types_that_jsons_own_are_instances_of(type: Any, data: bytes) -> None:
    assert json.encode(json.decode(data, type)) == data


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
    assert json.decode(b'{"x":2}', Checked) == Checked(2)
    with pytest.raises(ValueError, match="the JSON is not of the given type: x must not be 0"):
        json.decode(b'{"x":0}', Checked)
    with pytest.raises(TypeError, match="unsupported operand"):
        json.decode(b'{"x":1}', Checked)


def test_decodes_types() -> None:
    assert json.decode(b'{"x":1,"more":2}', Point) == Point(1.0)
    assert json.decode(b"[1,2]", list[int]) == [1, 2]
    with pytest.raises(ValueError, match=r"^(invalid JSON: |expected JSON, got )"):
        json.decode(b'{"x":', Point)
    with pytest.raises(ValueError, match=r"^the JSON is not of the given type: Expected `float`"):
        json.decode(b'{"x":"1"}', Point)
    unhashable = Annotated[int, msgspec.Meta(ge=1, extra={"a": []})]
    assert json.decode(b"1", unhashable) == 1
    with pytest.raises(ValueError, match=">= 1"):
        json.decode(b"0", unhashable)
