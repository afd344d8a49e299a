"""Classes whose fields can't be values of a request: refused at registration, with what to write."""

from dataclasses import InitVar, dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from promises import promise

from proapi import Body, File, Form, Header, ProAPI, Query, RouteError, UploadFile, WebSocketConnection


class OfStruct(msgspec.Struct):
    token: str


class OfPydantic(pydantic.BaseModel):
    token: str


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 10


class Nested(msgspec.Struct):
    inner: OfStruct


class NestedOfPydantic(pydantic.BaseModel):
    inner: list[OfPydantic]


class Marked(msgspec.Struct):
    token: Annotated[str, Header()]


@dataclass
class WithInitVar:
    token: str
    secret: InitVar[str]


class Choices(pydantic.BaseModel):
    token: str = pydantic.Field(validation_alias=pydantic.AliasChoices("a", "b"))


class Root(pydantic.RootModel[list[int]]):
    pass


async def with_default(filter: Annotated[OfStruct, Query()] = OfStruct("a")) -> None: ...  # noqa: B008
async def with_none(filter: Annotated[OfStruct | None, Query()] = None) -> None: ...
async def with_factory(filter: Annotated[OfStruct, Query(default_factory=dict)]) -> None: ...
async def with_name(filter: Annotated[OfStruct, Query("f")]) -> None: ...
async def with_alias(filter: Annotated[OfStruct, Query(alias="f")]) -> None: ...
async def with_constraint(filter: Annotated[OfStruct, Query(min_length=1)]) -> None: ...
async def nested(filter: Annotated[Nested, Query()]) -> None: ...
async def nested_of_pydantic(filter: Annotated[NestedOfPydantic, Query()]) -> None: ...
async def marked(filter: Annotated[Marked, Query()]) -> None: ...
async def with_init_var(filter: Annotated[WithInitVar, Query()]) -> None: ...
async def choices(filter: Annotated[Choices, Query()]) -> None: ...
async def root(filter: Annotated[Root, Query()]) -> None: ...
async def forbids(filter: Annotated[Strict, Query()], page: int = 1) -> None: ...
async def forbids_files(filter: Annotated[Strict, Form()], file: UploadFile) -> None: ...
async def a_file(filter: Annotated[OfStruct, File()]) -> None: ...
async def form_and_body(filter: Annotated[OfStruct, Form()], body: Annotated[OfStruct, Body()]) -> None: ...


@promise("registration-refusals")
@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (with_default, "expected no default of 'filter': the fields of OfStruct have their own"),
        (with_none, "expected no default of 'filter'"),
        (with_factory, "expected no default of 'filter'"),
        (with_name, "expected Query() without arguments for 'filter': each field of OfStruct is a value of its own"),
        (with_alias, "expected Query() without arguments for 'filter'"),
        (with_constraint, "expected Query() without arguments for 'filter'"),
        (nested, "filter: Nested: expected a type that text can become, or a list of one, as field 'inner', got OfSt"),
        (nested_of_pydantic, "NestedOfPydantic: expected a type that text can become, or a list of one, as field 'in"),
        (marked, "filter: Marked: expected a field without a marker, got one at 'token': the parameter has it"),
        (with_init_var, "expected a constructor that takes the fields, but it needs 'secret' too"),
        (choices, "expected one name as validation_alias of 'token', got AliasChoices"),
        (root, "expected a type that text can become, or a list of one, for 'filter' (query), got Root"),
        (forbids, "expected 'filter' as the only Query parameter, because its class forbids other names, got 'page'"),
        (forbids_files, "expected 'filter' as the only Form parameter"),
        (a_file, "expected UploadFile or bytes for 'filter', got OfStruct"),
        (form_and_body, "expected a body of JSON or of a form, got parameters of both"),
    ],
)
def test_what_is_not_possible_is_refused_at_registration(handler: Any, expected: str) -> None:
    with pytest.raises(RouteError) as caught:
        ProAPI().post("/")(handler)
    assert expected in str(caught.value)
    assert "test_impossible_models.py:" in str(caught.value)


@promise("registration-refusals")
def test_a_handshake_has_no_form() -> None:
    async def of_form(websocket: WebSocketConnection, filter: Annotated[OfStruct, Form()]) -> None: ...
    async def unmarked(websocket: WebSocketConnection, filter: OfStruct) -> None: ...

    for handler in (of_form, unmarked):
        with pytest.raises(RouteError, match=r"has no body; .*; the query is Annotated\[OfStruct, Query\(\)\]"):
            ProAPI().websocket("/")(handler)
