"""What a handler's return annotation does to its result: no other fields leave the server."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest
from carriers import CARRIERS, ask
from promises import promise
from typing_extensions import TypeAliasType

from proapi import JSONResponse, ProAPI, Response, RouteError


class Public(msgspec.Struct):
    name: str


class Private(Public):
    password: str = "secret"


class Team(msgspec.Struct):
    members: list[Public]


@dataclass
class Card:
    name: str
    owner: Public | None = None
    tags: list[str] = field(default_factory=list)


class Named(TypedDict):
    name: str


class Model(pydantic.BaseModel):
    name: str
    shown: int = pydantic.Field(default=1, alias="Shown")


class PrivateModel(Model):
    password: str = "secret"


class Row:
    """As a database returns it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.password = "secret"


ADA = {"name": "ada", "password": "secret"}


@promise("return-annotations")
@pytest.mark.parametrize(
    ("annotation", "result", "sent"),
    [
        (Public, Public("ada"), {"name": "ada"}),
        (Public, Private("ada"), {"name": "ada"}),
        (Public, ADA, {"name": "ada"}),
        (Public, Row("ada"), {"name": "ada"}),
        (list[Public], [Private("ada"), ADA], [{"name": "ada"}, {"name": "ada"}]),
        (list[Public], [Row("ada")], [{"name": "ada"}]),
        (dict[str, Public], {"a": Private("ada")}, {"a": {"name": "ada"}}),
        (Team, Team([Private("ada")]), {"members": [{"name": "ada"}]}),
        (Card, Card("a", Private("ada")), {"name": "a", "owner": {"name": "ada"}, "tags": []}),
        (Named, ADA, {"name": "ada"}),
        (Public | None, None, None),
        (Annotated[Public, "text"], Private("ada"), {"name": "ada"}),
        (Model, Model(name="ada"), {"name": "ada", "Shown": 1}),
        (Model, PrivateModel(name="ada"), {"name": "ada", "Shown": 1}),
        (Model, ADA, {"name": "ada", "Shown": 1}),
        (Model, Row("ada"), {"name": "ada", "Shown": 1}),
        (list[Model], [ADA], [{"name": "ada", "Shown": 1}]),
        (int, 7, 7),
        (bool, True, True),
        (dict, ADA, ADA),
        (Any, Private("ada"), ADA),
        (Any, PrivateModel(name="ada"), {"name": "ada", "Shown": 1, "password": "secret"}),
        (Any, [PrivateModel(name="ada")], [{"name": "ada", "Shown": 1, "password": "secret"}]),
        (Public, JSONResponse(ADA), ADA),
        (str, "<p>", "<p>"),
        (Response | Public, Private("ada"), {"name": "ada"}),
    ],
)
async def test_only_the_fields_of_the_annotation_are_sent(annotation: Any, result: Any, sent: Any) -> None:
    app = ProAPI()

    async def handler():  # type: ignore[no-untyped-def]
        return result

    handler.__annotations__["return"] = annotation
    app.get("/")(handler)
    status, answer = await ask("asgi", app, "/")
    assert (status, answer) == ((204, "") if sent is None else (200, sent))


@promise("return-annotations")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_result_of_another_type_is_a_500(carrier: str, caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI()

    @app.get("/")
    async def handler() -> Public:
        return {"name": 7}  # type: ignore[return-value]

    @app.get("/model")
    def model() -> Model:
        return {"name": 7}  # type: ignore[return-value]

    assert (await ask(carrier, app, "/"))[0] == 500
    assert "the handler's result is not what its return annotation says: Expected `str`" in caplog.text
    assert (await ask(carrier, app, "/model"))[0] == 500


@promise("return-annotations")
async def test_the_status_of_the_route() -> None:
    app = ProAPI()

    @app.post("/", status_code=201)
    async def create() -> Public:
        return Private("ada")

    @app.post("/text", status_code=202)
    def text() -> str:
        return "later"

    @app.delete("/", status_code=204)
    async def delete() -> None: ...

    @app.get("/own", status_code=201)
    async def own() -> Response:
        return Response("", 203)

    assert await ask("asgi", app, "/", method="POST") == (201, {"name": "ada"})
    assert await ask("asgi", app, "/text", method="POST") == (202, "later")
    assert await ask("asgi", app, "/", method="DELETE") == (204, "")
    assert (await ask("asgi", app, "/own"))[0] == 203


@promise("return-annotations", "registration-refusals")
def test_an_annotation_that_is_not_known_is_refused_at_registration() -> None:
    async def handler(): ...  # type: ignore[no-untyped-def]

    handler.__annotations__["return"] = "OnlyForTypeCheckers"
    with pytest.raises(RouteError, match="expected a return annotation that is known where the handler is defined"):
        ProAPI().get("/")(handler)
    handler.__annotations__["return"] = "ResponseThatIsOnlyForTypeCheckers"
    ProAPI().get("/")(handler)


class Plain:
    pass


@dataclass
class Holder:
    plain: Plain


def test_an_annotation_that_json_can_not_hold_is_refused_at_registration() -> None:
    async def handler() -> Holder: ...  # type: ignore[empty-body]

    register: Callable[[Any], Any] = ProAPI().get("/")
    with pytest.raises(RouteError, match="return annotation: expected a type that JSON can become, got Plain"):
        register(handler)


# ---- other ways to write the same annotation ----------------------------------------------------------------------


class Shown(pydantic.BaseModel):
    name: str


class Kept(Shown):
    password: str = "secret"


@dataclass
class ShownData:
    name: str


@dataclass
class KeptData(ShownData):
    password: str = "secret"


ShownName = TypeAliasType("ShownName", Shown)
ShownList = TypeAliasType("ShownList", list[ShownData])


@promise("return-annotations")
@pytest.mark.parametrize(
    ("annotation", "result"),
    [
        *((each[Shown], [Kept(name="ada")]) for each in (Sequence, Iterable, Collection)),
        *((each[ShownData], [KeptData("ada")]) for each in (Sequence, Iterable, Collection)),
        (list[ShownName], [Kept(name="ada")]),
        (ShownList, [KeptData("ada")]),
        (list["Shown"], [Kept(name="ada")]),
        ("list['ShownData']", [KeptData("ada")]),
    ],
)
async def test_no_field_gets_out_however_the_type_is_written(annotation: Any, result: Any) -> None:
    app = ProAPI()

    async def handler():  # type: ignore[no-untyped-def]
        return result

    handler.__annotations__["return"] = annotation
    app.get("/")(handler)
    assert await ask("asgi", app, "/") == (200, [{"name": "ada"}])
