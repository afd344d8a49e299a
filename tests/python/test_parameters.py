"""Values of the path, the query, headers, cookies, forms and the body as parameters of handlers, and the 422 for those
that are missing or wrong."""

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, List, Literal, NamedTuple, Optional, TypedDict  # noqa: UP035

import msgspec
import pydantic
import pytest
from carriers import CARRIERS, ask, handshake
from promises import promise
from typing_extensions import TypeAliasType

from proapi import (
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    Path,
    ProAPI,
    Query,
    Request,
    RequestValidationError,
    RouteError,
    UploadFile,
    WebSocketConnection,
)

carriers = pytest.mark.parametrize("carrier", CARRIERS)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Move(msgspec.Struct):
    x: int
    y: int = 0
    tags: list[str] = []


@dataclass
class Point:
    x: int
    y: int


class Named(TypedDict):
    name: str


class Pair(NamedTuple):
    left: int
    right: int


class User(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(ge=0)


def error(kind: str, *loc: str | int, msg: str, given: Any = None, ctx: Any = None) -> dict[str, Any]:
    found = {"type": kind, "loc": list(loc), "msg": msg, "input": given}
    return found if ctx is None else {**found, "ctx": ctx}


def show(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)


# ---- texts --------------------------------------------------------------------------------------------------------


@promise("typed-parameters")
@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "a%20b", "a b"),
        (int, "-12", -12),
        (float, "1.5", 1.5),
        (float, "2", 2.0),
        *((bool, text, True) for text in ("1", "true", "True", "on", "yes", "y", "t")),
        *((bool, text, False) for text in ("0", "false", "FALSE", "off", "no", "n", "f")),
        (Decimal, "0.10", Decimal("0.10")),
        (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
        (datetime.date, "2026-11-30", datetime.date(2026, 11, 30)),
        (datetime.datetime, "2026-11-30T12:00:00Z", datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)),
        (datetime.time, "12:30:00", datetime.time(12, 30)),
        (datetime.timedelta, "PT90S", datetime.timedelta(seconds=90)),
        (Color, "blue", Color.BLUE),
        (Literal["a", 2], "2", 2),
        (int | None, "3", 3),
        (str | int, "4", 4),
        (str | int, "four", "four"),
        (bytes, "abc", b"abc"),
        (list[int], "1&v=2", [1, 2]),
        (list[Color], "red", [Color.RED]),
        (set[int], "1&v=1", {1}),
        (tuple[int, ...], "1&v=2", (1, 2)),
        (list[str] | None, "a", ["a"]),
        (Annotated[int, msgspec.Meta(ge=1)], "1", 1),
        (pydantic.AnyUrl, "http://a.example/", pydantic.AnyUrl("http://a.example/")),
    ],
)
async def test_a_value_of_the_query_has_the_type_of_its_annotation(annotation: Any, text: str, value: Any) -> None:
    app, got = ProAPI(), []

    async def handler(v) -> None:  # type: ignore[no-untyped-def]
        got.append(v)

    handler.__annotations__["v"] = annotation
    app.get("/")(handler)
    assert (await ask("asgi", app, f"/?v={text}"))[0] == 204
    assert got == [value]
    assert type(got[0]) is type(value)


NUMBER = "Input should be a valid number, unable to parse string as a number"
INTEGER = "Input should be a valid integer, unable to parse string as an integer"


@promise("typed-parameters")
@pytest.mark.parametrize(
    ("annotation", "text", "kind", "message"),
    [
        (int, "x", "int_parsing", INTEGER),
        (int, "1.5", "int_parsing", INTEGER),
        (int, "", "int_parsing", INTEGER),
        (float, "x", "float_parsing", NUMBER),
        (float, "nan", "finite_number", "Input should be a finite number"),
        (float, "-inf", "finite_number", "Input should be a finite number"),
        (bool, "maybe", "bool_parsing", "Input should be a valid boolean, unable to interpret input"),
        (Decimal, "x", "decimal_parsing", "Input should be a valid decimal"),
        (uuid.UUID, "x", "uuid_parsing", "Input should be a valid UUID"),
        (datetime.date, "30.11.2026", "date_parsing", "Input should be a valid date"),
        (datetime.datetime, "now", "datetime_parsing", "Input should be a valid datetime"),
        (datetime.time, "noon", "time_parsing", "Input should be a valid time"),
        (datetime.timedelta, "long", "time_delta_parsing", "Input should be a valid timedelta"),
        (Color, "green", "enum", "Input should be 'red' or 'blue'"),
        (Literal["a", "b", "c"], "d", "literal_error", "Input should be 'a', 'b' or 'c'"),
        (int | bool, "x", "int_parsing", INTEGER),
        (Annotated[int, Query(gt=1)], "1", "greater_than", "Input should be greater than 1"),
        (Annotated[int, Query(ge=1)], "0", "greater_than_equal", "Input should be greater than or equal to 1"),
        (Annotated[float, Query(lt=1)], "1", "less_than", "Input should be less than 1"),
        (Annotated[int, msgspec.Meta(le=1)], "2", "less_than_equal", "Input should be less than or equal to 1"),
        (Annotated[int, pydantic.Field(le=1)], "2", "less_than_equal", "Input should be less than or equal to 1"),
        (Annotated[int, Query(multiple_of=5)], "7", "multiple_of", "Input should be a multiple of 5"),
        (
            Annotated[str, Query(min_length=3)],
            "ab",
            "string_too_short",
            "String should have at least 3 characters",
        ),
        (Annotated[str, Query(max_length=1)], "ab", "string_too_long", "String should have at most 1 character"),
        (Annotated[str, Query(pattern="^a+$")], "ab", "string_pattern_mismatch", "String should match pattern '^a+$'"),
        (
            Annotated[list[int], Query(min_length=2)],
            "1",
            "too_short",
            "List should have at least 2 items after validation, not 1",
        ),
    ],
)
async def test_a_wrong_value_is_a_422_that_says_where_and_what(
    annotation: Any, text: str, kind: str, message: str
) -> None:
    app = ProAPI()

    async def handler(v) -> None: ...  # type: ignore[no-untyped-def]

    handler.__annotations__["v"] = annotation
    app.get("/")(handler)
    status, answer = await ask("asgi", app, f"/?v={text}")
    assert status == 422
    (found,) = answer["detail"]
    assert (found["type"], found["loc"], found["msg"]) == (kind, ["query", "v"], message)


@promise("typed-parameters")
@carriers
async def test_every_source_and_every_error_at_once(carrier: str) -> None:
    app = ProAPI()

    @app.get("/items/{number}")
    async def items(
        number: int,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        ids: list[int] = [],  # noqa: B006
        x_token: Annotated[str | None, Header()] = None,
        agent: Annotated[str, Header("User-Agent")] = "none",
        session: Annotated[str | None, Cookie()] = None,
        needed: str = Query(alias="must"),
    ) -> Any:
        return [request.path, number, limit, ids, x_token, agent, session, needed]

    assert await ask(carrier, app, "/items/7?must=1") == (200, ["/items/7", 7, 20, [], None, "none", None, "1"])
    assert await ask(
        carrier,
        app,
        "/items/7?must=%C3%A4&limit=5&ids=1&ids=2",
        x_token="t",
        user_agent="test",
        cookie="session=abc; other=1",
    ) == (200, ["/items/7", 7, 5, [1, 2], "t", "test", "abc", "ä"])
    status, answer = await ask(carrier, app, "/items/seven?limit=500&ids=1&ids=x&ids=y")
    assert status == 422
    assert answer["detail"] == [
        error("int_parsing", "path", "number", msg=INTEGER, given="seven"),
        error(
            "less_than_equal",
            "query",
            "limit",
            msg="Input should be less than or equal to 100",
            given="500",
            ctx={"le": 100},
        ),
        error("int_parsing", "query", "ids", 1, msg=INTEGER, given="x"),
        error("int_parsing", "query", "ids", 2, msg=INTEGER, given="y"),
        error("missing", "query", "must", msg="Field required"),
    ]


@promise("typed-parameters")
async def test_defaults() -> None:
    app, made = ProAPI(), []

    def make() -> str:
        made.append(1)
        return f"made {len(made)}"

    @app.get("/")
    async def handler(
        plain: str = "a",
        bare=None,  # type: ignore[no-untyped-def]
        marked: int = Query(3, ge=1),
        fresh: Annotated[str, Query(default_factory=make)] = "",
        optional: int | None = Query(None),
    ) -> Any:
        return [plain, bare, marked, optional]

    @app.get("/factory")
    async def factory(fresh: str = Query(default_factory=make)) -> str:
        return fresh

    @app.get("/required")
    async def required(q: str | None) -> None: ...

    assert await ask("asgi", app, "/") == (200, ["a", None, 3, None])
    assert await ask("asgi", app, "/?bare=x&marked=4&optional=5") == (200, ["a", "x", 4, 5])
    made.clear()
    assert [(await ask("asgi", app, "/factory"))[1] for _ in range(2)] == ["made 1", "made 2"]
    assert (await ask("asgi", app, "/required"))[0] == 422


@promise("typed-parameters")
async def test_the_path() -> None:
    app = ProAPI()

    @app.get("/a/{color}/{size:int}")
    async def handler(color: Color, size: Annotated[int, Path(ge=1)]) -> Any:
        return [color.value, size]

    @app.get("/b/{flag}")
    def sync(flag: bool) -> Any:
        return [flag]

    assert await ask("asgi", app, "/a/red/2") == (200, ["red", 2])
    assert (await ask("asgi", app, "/a/red/x"))[0] == 404  # no such page: the converter belongs to the route
    status, answer = await ask("asgi", app, "/a/green/0")
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["path", "color"], ["path", "size"]])
    assert await ask("asgi", app, "/b/yes") == (200, [True])


# ---- WebSocket ------------------------------------------------------------------------------------------------------


@promise("typed-parameters")
async def test_a_handshake_has_parameters_too_and_is_refused_with_the_same_422() -> None:
    app = ProAPI()

    @app.websocket("/tty/{name}")
    async def tty(
        websocket: WebSocketConnection,
        name: str,
        rows: int,
        cols: int = 80,
        session: Annotated[str | None, Cookie()] = None,
    ) -> None:
        await websocket.accept()
        await websocket.send_json([name, rows, cols, session])

    assert await handshake(app, "/tty/a?rows=24", cookie="session=s") == (101, ["a", 24, 80, "s"])
    assert await handshake(app, "/tty/a?cols=x") == (
        422,
        {
            "detail": [
                error("missing", "query", "rows", msg="Field required"),
                error("int_parsing", "query", "cols", msg=INTEGER, given="x"),
            ]
        },
    )


def test_a_handshake_has_no_body() -> None:
    async def handler(websocket: WebSocketConnection, move: Move) -> None: ...

    with pytest.raises(RouteError, match=r"a handshake has no body; a message is await websocket.receive_json\(Move\)"):
        ProAPI().websocket("/")(handler)


# ---- bodies -----------------------------------------------------------------------------------------------------


@promise("typed-bodies")
@carriers
@pytest.mark.parametrize(
    ("annotation", "body", "shown"),
    [
        (Move, b'{"x":1}', Move(1)),
        (Move, b'\xef\xbb\xbf{"x":1}', Move(1)),
        (Point, b'{"x":1,"y":2}', Point(1, 2)),
        (Named, b'{"name":"a"}', {"name": "a"}),
        (Pair, b"[1,2]", Pair(1, 2)),
        (dict, b'{"a":1}', {"a": 1}),
        (dict[str, int], b'{"a":1}', {"a": 1}),
        (list[Move], b'[{"x":1}]', [Move(1)]),
        (Move | None, b"null", None),
        (User, b'{"name":"a","age":1}', User(name="a", age=1)),
        (list[User], b'[{"name":"a","age":1}]', [User(name="a", age=1)]),
        (Annotated[int, Body()], b"7", 7),
        (Annotated[Any, Body()], b'[1,"a"]', [1, "a"]),
    ],
)
async def test_a_json_type_is_the_body(carrier: str, annotation: Any, body: bytes, shown: Any) -> None:
    app, got = ProAPI(), []

    async def handler(given) -> None:  # type: ignore[no-untyped-def]
        got.append(given)

    handler.__annotations__["given"] = annotation
    app.post("/")(handler)
    assert (await ask(carrier, app, "/", method="POST", body=body))[0] == 204
    assert got == [shown]


INVALID = "Input should be a valid"


@promise("typed-bodies")
@pytest.mark.parametrize(
    ("annotation", "body", "expected"),
    [
        (Move, b"", [error("missing", "body", msg="Field required")]),
        (
            Move,
            b"{",
            [error("json_invalid", "body", msg="JSON decode error", ctx={"error": "Input data was truncated"})],
        ),
        (Move, b'{"y":1}', [error("missing", "body", "x", msg="Field required", given={"y": 1})]),
        (Move, b'{"x":"1"}', [error("int_type", "body", "x", msg=f"{INVALID} integer", given="1")]),
        (Move, b"[]", [error("dict_type", "body", msg=f"{INVALID} dictionary", given=[])]),
        (
            Move,
            b'{"x":1,"tags":["a",3]}',
            [error("string_type", "body", "tags", 1, msg=f"{INVALID} string", given=3)],
        ),
        (
            User,
            b'{"age":-1}',
            [
                error("missing", "body", "name", msg="Field required", given={"age": -1}),
                error(
                    "greater_than_equal",
                    "body",
                    "age",
                    msg="Input should be greater than or equal to 0",
                    given=-1,
                    ctx={"ge": "0"},
                ),
            ],
        ),
    ],
)
async def test_a_wrong_body_is_a_422(annotation: Any, body: bytes, expected: Any) -> None:
    app = ProAPI()

    async def handler(given) -> None: ...  # type: ignore[no-untyped-def]

    handler.__annotations__["given"] = annotation
    app.post("/")(handler)
    assert await ask("asgi", app, "/", method="POST", body=body) == (422, {"detail": expected})


@promise("typed-bodies")
async def test_several_values_are_members_of_an_object() -> None:
    app = ProAPI()

    @app.post("/two")
    async def two(move: Move, count: Annotated[int, Body(gt=0)], note: Annotated[str, Body()] = "") -> Any:
        return [move, count, note]

    @app.post("/embedded")
    async def embedded(move: Annotated[Move, Body(embed=True)]) -> Any:
        return move

    assert await ask("asgi", app, "/two", method="POST", body=b'{"move":{"x":1},"count":2}') == (
        200,
        [{"x": 1, "y": 0, "tags": []}, 2, ""],
    )
    status, answer = await ask("asgi", app, "/two", method="POST", body=b'{"move":{"x":"1"},"count":0}')
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["body", "move", "x"], ["body", "count"]])
    status, answer = await ask("asgi", app, "/two", method="POST")
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["body", "move"], ["body", "count"]])
    assert (await ask("asgi", app, "/embedded", method="POST", body=b'{"move":{"x":1}}'))[0] == 200


@promise("typed-bodies")
async def test_a_body_that_is_not_said_to_be_json_is_a_415() -> None:
    app = ProAPI()

    @app.post("/")
    def move(move: Move | None = None) -> Any:
        return [move]

    async def status(media_type: str) -> int:
        return (await ask("asgi", app, "/", method="POST", body=b'{"x":1}', content_type=media_type))[0]

    assert [await status(each) for each in ("application/json; charset=utf-8", "application/ld+json")] == [200, 200]
    assert [await status(each) for each in ("text/plain", "application/x-www-form-urlencoded")] == [415, 415]
    assert await ask("asgi", app, "/", method="POST") == (200, [None])


@promise("typed-bodies")
@carriers
async def test_forms_and_files(carrier: str) -> None:
    app = ProAPI()

    @app.post("/form")
    async def form(name: Annotated[str, Form()], ages: Annotated[list[int], Form()] = []) -> Any:  # noqa: B006
        return [name, ages]

    @app.post("/files")
    def files(one: UploadFile, many: Annotated[list[bytes], File()], name: str = Form("none")) -> Any:
        return [one.filename, [each.decode() for each in many], name]

    url = "application/x-www-form-urlencoded"
    assert await ask(carrier, app, "/form", method="POST", body=b"name=a&ages=1&ages=2", content_type=url) == (
        200,
        ["a", [1, 2]],
    )
    status, answer = await ask(carrier, app, "/form", method="POST", body=b"ages=x", content_type=url)
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["body", "name"], ["body", "ages", 0]])
    assert (await ask(carrier, app, "/form", method="POST", body=b"{}"))[0] == 415
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n{text}\r\n'
        for name, filename, text in (("one", "a.txt", "1"), ("many", "b.txt", "2"), ("many", "c.txt", "3"))
    )
    body, multipart = f"{parts}--b--\r\n".encode(), "multipart/form-data; boundary=b"
    assert await ask(carrier, app, "/files", method="POST", body=body, content_type=multipart) == (
        200,
        ["a.txt", ["2", "3"], "none"],
    )
    status, answer = await ask(carrier, app, "/files", method="POST", body=b"--b--\r\n", content_type=multipart)
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["body", "one"], ["body", "many"]])


Files = TypeAliasType("Files", list[UploadFile])


@promise("typed-parameters")
@pytest.mark.parametrize("annotation", [Files, List[UploadFile], Optional[List[UploadFile]]])  # noqa: UP006, UP045
async def test_a_list_of_files_is_one_however_it_is_written(annotation: Any) -> None:
    app = ProAPI()

    async def handler(many) -> Any:  # type: ignore[no-untyped-def]
        return [each.filename for each in many]

    handler.__annotations__["many"] = annotation
    app.post("/")(handler)
    part = '--b\r\nContent-Disposition: form-data; name="many"; filename="a.txt"\r\n\r\n1\r\n'
    body, multipart = f"{part}--b--\r\n".encode(), "multipart/form-data; boundary=b"
    assert await ask("asgi", app, "/", method="POST", body=body, content_type=multipart) == (200, ["a.txt"])


# ---- registration -------------------------------------------------------------------------------------------------


async def path_marked_query(id: Annotated[int, Query()]) -> None: ...
async def not_in_path(name: Annotated[int, Path()]) -> None: ...
async def two_markers(q: Annotated[str, Query()] = Header("")) -> None: ...
async def default_in_annotated(q: Annotated[int, Query(20)]) -> None: ...
async def length_of_a_number(q: Annotated[int, Query(min_length=1)]) -> None: ...
async def size_of_text(q: Annotated[str, Query(ge=1)]) -> None: ...
async def bad_pattern(q: Annotated[str, Query(pattern="(")]) -> None: ...
async def body_and_form(move: Move, name: Annotated[str, Form()]) -> None: ...
async def query_of_objects(q: Annotated[list[Move], Query()]) -> None: ...
async def file_of_text(f: Annotated[str, File()]) -> None: ...
async def without_json(c: Annotated[object, Body()]) -> None: ...


@promise("registration-refusals")
@pytest.mark.parametrize(
    ("handler", "path", "expected"),
    [
        (path_marked_query, "/{id}", "expected Path for 'id', which is in the path, got Query"),
        (not_in_path, "/", "expected 'name' in the path, because it is marked Path"),
        (two_markers, "/", "expected one marker for 'q', got two: as the default too"),
        (default_in_annotated, "/", "a default is written q: ... = 20"),
        (length_of_a_number, "/", "q: expected min_length= at a parameter that is text or a list, got int"),
        (size_of_text, "/", "q: expected ge= at a parameter that is a number, got str"),
        (bad_pattern, "/", "q: expected a regular expression as pattern, got '('"),
        (body_and_form, "/", "expected a body of JSON or of a form, got parameters of both"),
        (query_of_objects, "/", "expected a type that text can become, or a list of one, for 'q' (query), got list["),
        (file_of_text, "/", "expected UploadFile or bytes for 'f', got str"),
    ],
)
def test_what_is_not_possible_is_refused_at_registration(handler: Any, path: str, expected: str) -> None:
    with pytest.raises(RouteError) as caught:
        ProAPI().post(path)(handler)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"{__file__}:")


def test_an_unknown_option_of_a_marker_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Query: expected .*, got regex; write pattern="):
        Query(regex="a")  # type: ignore[call-arg]


def test_the_exception_has_the_errors() -> None:
    errors = [error("missing", "query", "q", msg="Field required")]
    raised = RequestValidationError(errors)
    assert raised.errors() == errors
    assert (raised.status_code, str(raised)) == (422, "422 query.q: Field required")


# ---- markers that are hidden in other types -----------------------------------------------------------------------

Token = TypeAliasType("Token", Annotated[str | None, Header("X-Token")])


@promise("typed-parameters")
@pytest.mark.parametrize("annotation", [Token, Annotated[Token, "of the client"]])
async def test_a_marker_below_the_name_of_a_type_counts(annotation: Any) -> None:
    app = ProAPI()

    async def handler(v=None) -> Any:  # type: ignore[no-untyped-def]
        return [v]

    handler.__annotations__["v"] = annotation
    app.get("/")(handler)
    assert await ask("asgi", app, "/?v=chosen") == (200, [None])
    assert await ask("asgi", app, "/?v=chosen", x_token="sent") == (200, ["sent"])


@promise("typed-parameters")
@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, Header()] | None,
        Optional[Annotated[str, Depends(lambda: "ada")]],  # noqa: UP045
        list[Annotated[int, Query(le=5)]],
        Token | None,
        Annotated[str, Query] | int,
    ],
)
def test_a_marker_inside_of_another_type_is_refused(annotation: Any) -> None:
    async def handler(v=None) -> None: ...  # type: ignore[no-untyped-def]

    handler.__annotations__["v"] = annotation
    with pytest.raises(RouteError, match=r"expected the marker of 'v' around its whole type, as in Annotated\[str"):
        ProAPI().get("/")(handler)


class Unhashable:
    """Metadata that is callable and has no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> None: ...


def test_any_metadata_may_stand_beside_a_marker() -> None:
    async def handler(v: Annotated[int, Unhashable(), Query(le=5)] = 1) -> None: ...

    ProAPI().get("/")(handler)


@promise("typed-parameters")
@carriers
async def test_each_request_has_a_default_of_its_own(carrier: str) -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(tags: list[str] = ["first"], move: Move = Move(1)) -> Any:  # noqa: B006, B008
        tags.append("added")
        move.x += 1
        return [tags, move.x]

    for _ in range(2):
        assert await ask(carrier, app, "/", method="POST") == (200, [["first", "added"], 2])


class Tree(pydantic.BaseModel):
    name: str
    child: "Tree | None" = None


def nested(depth: int, size: int) -> bytes:
    return b'{"child":' * depth + b'{"junk":"' + b"x" * size + b'"}' + b"}" * depth


@promise("typed-parameters")
@carriers
async def test_a_small_request_has_no_large_422(carrier: str) -> None:
    app = ProAPI()

    @app.post("/tree")
    async def tree(body: Tree) -> None: ...

    @app.post("/trees")
    async def trees(body: list[Tree]) -> None: ...

    @app.get("/")
    async def numbers(v: list[int]) -> None: ...

    status, answer = await ask(carrier, app, "/tree", method="POST", body=nested(1, 10))
    assert status == 422
    assert [each["input"] for each in answer["detail"]] == [{"child": {"junk": "x" * 10}}, {"junk": "x" * 10}]

    status, answer = await ask(carrier, app, "/tree", method="POST", body=nested(150, 100_000))
    assert (status, len(answer["detail"])) == (422, 100)
    assert {each["input"] for each in answer["detail"]} == {None}

    status, answer = await ask(carrier, app, "/trees", method="POST", body=b"[" + b"{}," * 2000 + b"{}]")
    assert (status, [each["type"] for each in answer["detail"]]) == (422, ["too_many_errors"])
    assert "2001 faults" in answer["detail"][0]["msg"]

    status, answer = await ask(carrier, app, "/?" + "v=x&" * 500)
    assert (status, len(answer["detail"])) == (422, 100)


# ---- pydantic's validators ----------------------------------------------------------------------------------------


def refuse_root(value: str) -> str:
    if value == "root":
        raise ValueError("not root")
    return value


def double(value: int) -> int:
    return value * 2


NotRoot = Annotated[str, pydantic.AfterValidator(refuse_root)]
Doubled = Annotated[int, pydantic.AfterValidator(double)]


@promise("typed-parameters")
async def test_validators_of_pydantic_are_called_for_every_source() -> None:
    app = ProAPI()

    @app.post("/{name}")
    async def handler(
        name: NotRoot,
        once: Annotated[Doubled, Query(ge=4)],
        many: list[Doubled],
        maybe: NotRoot | None = None,
        upper: Annotated[str, pydantic.StringConstraints(to_upper=True)] = "",
        body: Annotated[Doubled, Body()] = 0,
        known: Annotated[list[User], Body(max_length=1)] = [],  # noqa: B006
        age: Annotated[int, pydantic.Field(ge=0), Body()] = 0,
    ) -> Any:
        return [name, once, many, maybe, upper, body]

    path = "/ada?once=2&many=3&many=4&upper=a"
    assert await ask("asgi", app, f"{path}&maybe=b", method="POST", body=b'{"body":5}') == (
        200,
        ["ada", 4, [6, 8], "b", "A", 10],
    )
    many = b'{"known":[{"name":"a","age":1},{"name":"b","age":1}],"age":-1}'
    for wrong, body, loc in (
        ("/root?once=2&many=1", b"{}", ["path", "name"]),
        ("/ada?once=1&many=1", b"{}", ["query", "once"]),
        (f"{path}&maybe=root", b"{}", ["query", "maybe"]),
        ("/ada?once=2&many=1&many=x", b"{}", ["query", "many", 1]),
        (path, many, ["body", "known"]),
    ):
        status, answer = await ask("asgi", app, wrong, method="POST", body=body)
        assert (status, answer["detail"][0]["loc"]) == (422, loc)
    assert answer["detail"][1]["loc"] == ["body", "age"]


def test_a_validator_of_a_type_that_pydantic_does_not_know_is_refused() -> None:
    async def handler(body: Annotated[Move, pydantic.AfterValidator(lambda move: move)]) -> None: ...

    with pytest.raises(RouteError, match="body: Unable to generate pydantic-core schema"):
        ProAPI().post("/")(handler)

    async def described(body: Annotated[Move, pydantic.Field(description="A move.")]) -> None: ...

    ProAPI().post("/")(described)


# ---- values that Python's own operators refuse --------------------------------------------------------------------

NAIVE = datetime.datetime(2000, 1, 1)
AWARE = NAIVE.replace(tzinfo=datetime.UTC)


@promise("typed-parameters")
@pytest.mark.parametrize(
    ("annotation", "text", "kind"),
    [
        *((Decimal, text, "finite_number") for text in ("NaN", "sNaN", "-inf")),
        (Annotated[Decimal, Query(ge=0)], "NaN", "finite_number"),
        (Annotated[Decimal, Query(multiple_of=0.5)], "0.7", "multiple_of"),
        (Annotated[Decimal, Query(multiple_of=3)], "1e999999999", "multiple_of"),
        (Annotated[int, Query(multiple_of=0.5)], "1" * 400, "multiple_of"),
        (Annotated[datetime.datetime, Query(ge=NAIVE)], "2020-01-01T00:00:00Z", "timezone_naive"),
        (Annotated[datetime.datetime, Query(ge=AWARE)], "2020-01-01T00:00:00", "timezone_aware"),
        (Annotated[datetime.time, Query(ge=NAIVE.time())], "12:00:00Z", "timezone_naive"),
    ],
)
async def test_a_value_that_can_not_be_compared_is_the_clients_fault(annotation: Any, text: str, kind: str) -> None:
    app = ProAPI()

    async def handler(v) -> None: ...  # type: ignore[no-untyped-def]

    handler.__annotations__["v"] = annotation
    app.get("/")(handler)
    status, answer = await ask("asgi", app, f"/?v={text}")
    assert (status, [each["type"] for each in answer["detail"]]) == (422, [kind])


@promise("typed-parameters")
async def test_json_at_the_limit_of_its_depth_is_the_clients_fault() -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(body: dict[str, int]) -> None: ...

    inputs = set()
    for depth in range(800, 1010):
        body = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        status, answer = await ask("asgi", app, "/", method="POST", body=body)
        assert status == 422
        inputs.add(answer["detail"][0]["input"] is None)
    assert inputs == {False, True}
