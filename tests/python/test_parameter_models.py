"""Classes whose fields are values of the query, headers, cookies and forms."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import msgspec
import pydantic
import pytest
from carriers import CARRIERS, ask, handshake
from promises import promise

from proapi import Cookie, Depends, Form, Header, ProAPI, Query, UploadFile, WebSocketConnection

carriers = pytest.mark.parametrize("carrier", CARRIERS)
INT = {
    "type": "int_parsing",
    "msg": "Input should be a valid integer, unable to parse string as an integer",
    "input": "x",
}


class OfStruct(msgspec.Struct):
    token: str
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10
    tags: list[int] = []


@dataclass
class OfDataclass:
    token: str
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10
    tags: list[int] = field(default_factory=list)


class OfTypedDict(TypedDict):
    token: str
    limit: NotRequired[Annotated[int, msgspec.Meta(ge=1)]]
    tags: NotRequired[list[int]]


class OfNamedTuple(NamedTuple):
    token: str
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10
    tags: Sequence[int] = ()


class OfPydantic(pydantic.BaseModel):
    token: str
    limit: int = pydantic.Field(10, ge=1)
    tags: list[int] = []


@pydantic.dataclasses.dataclass
class OfPydanticDataclass:
    token: str
    limit: Annotated[int, pydantic.Field(ge=1)] = 10
    tags: list[int] = pydantic.Field(default_factory=list)


KINDS = [OfStruct, OfDataclass, OfTypedDict, OfNamedTuple, OfPydantic, OfPydanticDataclass]
kinds = pytest.mark.parametrize("kind", KINDS)


def show(value: Any) -> dict[str, Any]:
    """The fields; those that a TypedDict lacks have their default."""
    if not isinstance(value, dict):
        value = {name: getattr(value, name) for name in ("token", "limit", "tags")}
    return {"limit": 10, "tags": [], **value}


def app_of(kind: Any, marker: Any) -> ProAPI:
    app = ProAPI()

    async def handler(filter: Any) -> dict[str, Any]:
        if kind is not OfTypedDict:
            assert type(filter) is kind
        return show(filter)

    handler.__annotations__["filter"] = Annotated[kind, marker]
    app.route("/", methods=["GET", "POST"])(handler)
    return app


@promise("parameter-models")
@kinds
@carriers
async def test_query(carrier: str, kind: Any) -> None:
    app = app_of(kind, Query())
    assert await ask(carrier, app, "/?token=a&unknown=1") == (200, {"token": "a", "limit": 10, "tags": []})
    given = "/?token=a&token=b&limit=5&tags=1&tags=2"
    assert await ask(carrier, app, given) == (200, {"token": "b", "limit": 5, "tags": [1, 2]})


@promise("parameter-models")
@kinds
async def test_what_is_missing_or_wrong(kind: Any) -> None:
    app = app_of(kind, Query())
    status, answer = await ask("asgi", app, "/?limit=x&tags=1&tags=x")
    assert status == 422
    faults = {tuple(each["loc"]): each for each in answer["detail"]}
    assert faults.keys() == {("query", "token"), ("query", "limit"), ("query", "tags", 1)}
    missing = {"type": "missing", "loc": ["query", "token"], "msg": "Field required", "input": None}
    assert faults["query", "token"] == missing  # not all of the query, for each field
    assert faults["query", "limit"] == {"loc": ["query", "limit"], **INT}
    assert faults["query", "tags", 1] == {"loc": ["query", "tags", 1], **INT}
    status, answer = await ask("asgi", app, "/?token=a&limit=0")
    assert (status, answer["detail"][0]["type"]) == (422, "greater_than_equal")


@promise("parameter-models")
async def test_defaults_are_not_shared() -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(filter: Annotated[OfStruct, Query()]) -> list[int]:
        filter.tags.append(1)
        return filter.tags

    for _ in range(2):
        assert await ask("asgi", app, "/?token=a") == (200, [1])


class Headers(msgspec.Struct):
    host: str
    save_data: bool
    x_tag: list[str] = []


class HeadersOfPydantic(pydantic.BaseModel):
    host: str
    save_data: bool
    x_tag: list[str] = []


@promise("parameter-models")
@pytest.mark.parametrize("kind", [Headers, HeadersOfPydantic])
@carriers
async def test_headers(carrier: str, kind: Any) -> None:
    app = ProAPI()

    async def handler(headers: Any) -> Any:
        return [bool(headers.host), headers.save_data, headers.x_tag]

    handler.__annotations__["headers"] = Annotated[kind, Header()]
    app.get("/")(handler)
    given = {"host": "localhost"} if carrier == "asgi" else {}
    assert await ask(carrier, app, "/", **given, Save_Data="on", x_tag="a") == (200, [True, True, ["a"]])
    status, answer = await ask(carrier, app, "/", **given)
    assert (status, answer["detail"][0]["loc"]) == (422, ["header", "save-data"])
    status, answer = await ask(carrier, app, "/", **given, save_data="x")
    assert (status, answer["detail"][0]["loc"]) == (422, ["header", "save-data"])


async def test_header_names_as_they_are() -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(headers: Annotated[Headers, Header(convert_underscores=False)]) -> None: ...

    status, answer = await ask("asgi", app, "/", host="localhost")
    assert (status, answer["detail"][0]["loc"]) == (422, ["header", "save_data"])


@promise("parameter-models")
@kinds
@carriers
async def test_cookies(carrier: str, kind: Any) -> None:
    app = app_of(kind, Cookie())
    answer = await ask(carrier, app, "/", cookie="token=a; limit=7; tags=1; other=x")
    assert answer == (200, {"token": "a", "limit": 7, "tags": [1]})
    status, answer = await ask(carrier, app, "/", cookie="limit=x; token=a")
    assert (status, answer["detail"]) == (422, [{"loc": ["cookie", "limit"], **INT}])


@promise("parameter-models")
@kinds
@carriers
async def test_forms(carrier: str, kind: Any) -> None:
    app = app_of(kind, Form())
    form = {"content_type": "application/x-www-form-urlencoded"}
    answer = await ask(carrier, app, "/", method="POST", body=b"token=a&tags=1&tags=2", **form)
    assert answer == (200, {"token": "a", "limit": 10, "tags": [1, 2]})
    status, answer = await ask(carrier, app, "/", method="POST", body=b"limit=x&token=a", **form)
    assert (status, answer["detail"]) == (422, [{"loc": ["body", "limit"], **INT}])
    status, answer = await ask(carrier, app, "/", method="POST")
    assert (status, answer["detail"][0]["type"]) == (422, "missing")


MULTIPART = b"".join(
    b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair
    for pair in ((b"token", b"a"), (b'tags"; filename="t', b"1"), (b'file"; filename="f', b"content"))
)


@promise("parameter-models")
async def test_a_form_beside_files() -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(filter: Annotated[OfStruct, Form()], file: UploadFile) -> list[Any]:
        return [filter.token, filter.tags, (await file.read()).decode()]

    answer = await ask(
        "asgi", app, "/", method="POST", body=MULTIPART + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    assert answer == (200, ["a", [], "content"])  # a file is not a text field


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 10


class StrictOfPydantic(pydantic.BaseModel):
    model_config = {"extra": "forbid"}
    limit: int = 10


@promise("parameter-models")
@pytest.mark.parametrize("kind", [Strict, StrictOfPydantic])
async def test_unknown_names_are_refused(kind: Any) -> None:
    app = ProAPI()

    async def handler(filter: Any) -> int:
        limit: int = filter.limit
        return limit

    handler.__annotations__["filter"] = Annotated[kind, Query()]
    app.get("/")(handler)
    assert await ask("asgi", app, "/?limit=5") == (200, 5)
    status, answer = await ask("asgi", app, "/?limit=5&tool=hammer&tool=plumbus")
    assert status == 422
    assert answer["detail"] == [
        {
            "type": "extra_forbidden",
            "loc": ["query", "tool"],
            "msg": "Extra inputs are not permitted",
            "input": "plumbus",
        }
    ]
    status, answer = await ask("asgi", app, "/?" + "&".join(f"n{number}=" for number in range(200)))
    assert (status, len(answer["detail"])) == (422, 100)


@promise("parameter-models")
async def test_unknown_headers_cookies_and_fields_are_refused() -> None:
    for marker, given in (
        (Header(), {"x_limit": "5"}),
        (Cookie(), {"cookie": "other=1; limit=5"}),
        (Form(), {"body": MULTIPART + b"--x--\r\n", "content_type": "multipart/form-data; boundary=x"}),
    ):
        app = ProAPI()

        async def handler(filter: Any) -> None: ...

        handler.__annotations__["filter"] = Annotated[Strict, marker]
        app.post("/")(handler)
        fields: dict[str, Any] = {"method": "POST", **given}
        status, answer = await ask("asgi", app, "/", **fields)
        assert status == 422
        assert {each["type"] for each in answer["detail"]} == {"extra_forbidden"}


class Lenient(pydantic.BaseModel):
    model_config = {"extra": "allow"}
    limit: int = 10


@promise("parameter-models")
async def test_unknown_names_may_be_kept() -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(filter: Annotated[Lenient, Query()]) -> dict[str, Any]:
        return filter.model_dump()

    assert await ask("asgi", app, "/?a=1&b=2&b=3") == (200, {"limit": 10, "a": "1", "b": ["2", "3"]})


class Renamed(msgspec.Struct, rename="camel"):
    first_name: str


class Aliased(pydantic.BaseModel):
    first_name: str = pydantic.Field(alias="firstName")


@promise("parameter-models")
@pytest.mark.parametrize("kind", [Renamed, Aliased])
async def test_names_of_the_class(kind: Any) -> None:
    app = ProAPI()

    async def handler(filter: Any) -> str:
        name: str = filter.first_name
        return name

    handler.__annotations__["filter"] = Annotated[kind, Query()]
    app.get("/")(handler)
    assert await ask("asgi", app, "/?firstName=ada") == (200, "ada")
    status, answer = await ask("asgi", app, "/?first_name=ada")
    assert (status, answer["detail"][0]["loc"]) == (422, ["query", "firstName"])


class Range(msgspec.Struct):
    first: int
    last: int

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError("expected first before last")


class RangeOfPydantic(pydantic.BaseModel):
    first: int
    last: int

    @pydantic.model_validator(mode="after")
    def check(self) -> "RangeOfPydantic":
        if self.first > self.last:
            raise ValueError("expected first before last")
        return self


@promise("parameter-models")
@pytest.mark.parametrize("kind", [Range, RangeOfPydantic])
async def test_checks_of_the_class(kind: Any) -> None:
    app = ProAPI()

    async def handler(filter: Any) -> None: ...

    handler.__annotations__["filter"] = Annotated[kind, Query()]
    app.get("/")(handler)
    status, answer = await ask("asgi", app, "/?first=2&last=1")
    assert (status, answer["detail"][0]["loc"], answer["detail"][0]["type"]) == (422, ["query"], "value_error")
    assert "expected first before last" in answer["detail"][0]["msg"]


@promise("parameter-models")
async def test_websockets_and_dependencies() -> None:
    app = ProAPI()

    async def who(cookies: Annotated[OfDataclass, Cookie()]) -> str:
        return cookies.token

    @app.websocket("/")
    async def handler(
        websocket: WebSocketConnection, filter: Annotated[OfStruct, Query()], who: Annotated[str, Depends(who)]
    ) -> None:
        await websocket.accept()
        await websocket.send_json([filter.token, filter.tags, who])

    assert await handshake(app, "/?token=a&tags=1", cookie="token=ada") == (101, ["a", [1], "ada"])
    status, answer = await handshake(app, "/?limit=x")
    assert status == 422
    assert [each["loc"] for each in answer["detail"]] == [["cookie", "token"], ["query", "token"], ["query", "limit"]]


@promise("parameter-models")
async def test_beside_other_values_of_the_query() -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(filter: Annotated[OfStruct, Query()], page: int, other: Annotated[Range, Query()]) -> list[Any]:
        return [filter.token, page, other.last]

    assert await ask("asgi", app, "/?token=a&page=2&first=1&last=3") == (200, ["a", 2, 3])


class Late(TypedDict):
    kind: Literal["a", "b"]
    size: "NotRequired[int]"


@promise("parameter-models")
async def test_annotations_as_text() -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(filter: Annotated[Late, Query()]) -> Any:
        return filter

    assert await ask("asgi", app, "/?kind=a") == (200, {"kind": "a"})
    assert await ask("asgi", app, "/?kind=b&size=3") == (200, {"kind": "b", "size": 3})
