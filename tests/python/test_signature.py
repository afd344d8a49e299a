"""Wrong handlers and routes are found at registration. The error says where the handler is and what was expected."""

import functools
import inspect
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, List, Literal, NewType, Optional, TypeVar  # noqa: UP035
from uuid import UUID

import pytest
from promises import promise

from proapi import ProAPI, Request, RouteError, WebSocketConnection

if TYPE_CHECKING:
    from proapi import Request as OnlyForTypeCheckers


def refused(register: Callable[[ProAPI], object]) -> str:
    return refused_by(ProAPI(), register)


def refused_by(app: ProAPI, register: Callable[[ProAPI], object]) -> str:
    with pytest.raises(RouteError) as caught:
        register(app)
    return str(caught.value)


@promise("registration-refusals")
def test_names_file_and_line_of_the_handler() -> None:
    async def handler(websocket, room): ...  # type: ignore[no-untyped-def]

    line = inspect.getsourcelines(handler)[1]
    text = refused(lambda app: app.websocket("/chat")(handler))
    assert text.startswith(f"{__file__}:{line}: websocket '/chat': ")
    assert "expected an annotation at each parameter that is not in the path (none)" in text
    assert text.endswith("got (websocket, room)")


@promise("cancel-needs-async")
def test_what_can_not_be_cancelled_is_refused() -> None:
    app = ProAPI()

    def sync() -> str:
        return ""

    async def handler(websocket: Any) -> None: ...

    for decorator in (app.get, app.post, app.put, app.patch, app.delete, app.head, app.options, app.route):
        with pytest.raises(RouteError, match=r"expected an 'async def' handler, got .*sync, which is not async"):
            decorator("/", cancel_on_disconnect=True)(sync)
    for wrong in (None, 1, "yes"):
        with pytest.raises(RouteError, match=f"cancel_on_disconnect: expected True or False, got {wrong!r}"):
            app.websocket("/", cancel_on_disconnect=wrong)(handler)  # type: ignore[arg-type]
    app.websocket("/", cancel_on_disconnect=True)(handler)


async def none() -> None: ...
async def only_path(room: str) -> None: ...
async def star(websocket: Any, *rest: str) -> None: ...
async def positional(websocket: Any, /) -> None: ...
async def without_room(websocket: Any) -> None: ...
async def generator(websocket: Any) -> Any:
    yield websocket


def not_async(websocket: Any) -> None: ...


@promise("exception-texts", "registration-refusals")
@pytest.mark.parametrize(
    ("path", "handler", "expected"),
    [
        ("/{room}", none, "expected one parameter for the connection beside the path's (room); got ()"),
        ("/", none, "expected one parameter for the connection beside the path's (none); got ()"),
        ("/{room}", only_path, "expected one parameter for the connection beside the path's (room); got (room)"),
        ("/{room}", without_room, "but 'room' is missing; got (websocket)"),
        ("/", star, "expected parameters that can be passed by name, but '*rest' can't be"),
        ("/", positional, "expected parameters that can be passed by name, but 'websocket' can't be"),
        ("/", not_async, "expected an 'async def' handler, got not_async, which is not async"),
        ("/", generator, "expected an 'async def' handler, got generator"),
        ("/{room", without_room, 'got "{room"'),
        ("/{room:number}", without_room, 'expected int, float, uuid, path or str as converter, got "number"'),
        ("chat", without_room, 'expected a path that begins with "/", got "chat"'),
        ("/{a}/{a}", without_room, 'got "a" twice'),
        (7, without_room, "expected a path, got 7"),
        ("/", "handler", "expected a function, got 'handler'"),
    ],
)
def test_says_what_was_expected(path: Any, handler: Any, expected: str) -> None:
    assert expected in refused(lambda app: app.websocket(path)(handler))


async def socket(websocket: WebSocketConnection) -> None: ...
async def anything(what: object) -> None: ...
async def unknown(request: "OnlyForTypeCheckers") -> None: ...
async def optional(request: Request | None) -> None: ...
async def request_of(request: Request) -> None: ...


@promise("request-annotation")
def test_the_request_is_what_its_annotation_says() -> None:
    assert "got WebSocketConnection: another decorator is for" in refused(lambda app: app.post("/")(socket))
    assert "got Request: another decorator is for" in refused(lambda app: app.websocket("/")(request_of))
    for fits in (anything, unknown, optional, request_of):
        ProAPI().post("/")(fits)


@promise("registration-refusals")
def test_duplicate_names_the_first_ones_place() -> None:
    app = ProAPI()

    @app.websocket("/chat/{room}")
    async def first(websocket: Any, room: str) -> None: ...

    async def second(websocket: Any, name: str) -> None: ...

    with pytest.raises(RouteError, match=r"has one already: .*first at .*test_signature.py:"):
        app.websocket("/chat/{name:str}")(second)

    async def other(websocket: Any, room: int) -> None: ...

    app.websocket("/chat/{room:int}")(other)
    app.get("/chat/{name}")(lambda name: name)
    with pytest.raises(RouteError, match="one handler for each path and method"):
        app.get("/chat/{room}")(lambda room: room)
    app.post("/chat/{room}")(lambda room: room)


def test_escapes_that_change_a_path_make_no_duplicate() -> None:
    app = ProAPI()
    app.get("/a%2Fb")(lambda: "")
    app.get("/a/b")(lambda: "")
    with pytest.raises(RouteError):
        app.get("/%61/b")(lambda: "")


class Item:
    name: str


UserName = NewType("UserName", str)
TextOrNot = TypeVar("TextOrNot", str, None)


async def two_bare(one, other) -> None: ...  # type: ignore[no-untyped-def]
async def bare_beside_request(request, q) -> None: ...  # type: ignore[no-untyped-def]
async def bare_with_a_number(request: Any, limit=20) -> None: ...  # type: ignore[no-untyped-def]
async def an_object(request: Any, q: Any = Item()) -> None: ...  # noqa: B008
async def an_unknown_name(q: "OnlyForTypeCheckers | None" = None) -> None: ...
async def another_class(item: Item) -> None: ...


@promise("other-parameters-refused")
@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (two_bare, "expected an annotation at each parameter that is not in the path (none), got 'one' without one"),
        (bare_beside_request, "write q: str for a value of the query"),
        (bare_with_a_number, "write limit: int = 20 for a value of the query"),
        (an_object, "without one"),
        (an_unknown_name, "expected an annotation that is known where the handler is defined for 'q', got"),
        (another_class, "expected a type that a value of the query or a body can become for 'item'"),
        (another_class, "item: Annotated[Item, Depends(function)]"),
    ],
)
def test_what_can_not_be_told_apart_is_refused_with_what_to_write(handler: Any, expected: str) -> None:
    for method in ("get", "post", "put", "patch", "delete", "head", "options", "route"):
        text = refused(lambda app, method=method: getattr(app, method)("/page")(handler))  # type: ignore[misc]
        assert text.startswith(f"{__file__}:")
        assert expected in text


async def of_a_type_variable(q: TextOrNot) -> None: ...
async def of_a_new_type(q: UserName) -> None: ...
async def of_a_literal(q: Literal["a", "b"]) -> None: ...
async def of_an_old_list(q: List[str]) -> None: ...  # noqa: UP006 (as many write it)
async def of_an_old_optional(q: Optional[str]) -> None: ...  # noqa: UP045 (as many write it)
async def of_a_text(q: "str | None") -> None: ...


@promise("request-annotation")
@pytest.mark.parametrize(
    "handler",
    [of_a_type_variable, of_a_new_type, of_a_literal, of_an_old_list, of_an_old_optional, of_a_text],
)
def test_what_is_annotated_as_a_value_is_never_the_request(handler: Any) -> None:
    app = ProAPI()
    app.get("/")(handler)
    made = app._routes.handlers[-1]
    assert made is not None and made.plan.reader.connection is None


@promise("other-parameters-refused")
def test_what_may_have_a_default() -> None:
    async def path(websocket: Any, room: str = "lobby", page: int = 1) -> None: ...

    ProAPI().websocket("/{room}/{page:int}")(path)

    def annotated(req: Request | None = None) -> str:
        return f"got {req}"

    def of_the_usual_name(request=None) -> str:  # type: ignore[no-untyped-def]
        return f"got {request}"

    for handler in (annotated, of_the_usual_name):
        app = ProAPI()
        app.get("/")(handler)
        assert app._routes.handlers[-1] is not None
        assert app._routes.handlers[-1].call("the request") == "got the request"


@promise("arguments-by-name")
def test_values_are_bound_by_partial() -> None:
    def page(request: Any, number: int) -> str:
        return f"{request} {number}"

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    app = ProAPI()
    bound = functools.partial(page, number=7)
    for path, handler in enumerate((bound, decorate(bound), functools.partial(decorate(bound), number=7))):
        app.get(f"/{path}")(handler)
        assert app._routes.handlers[-1] is not None
        assert app._routes.handlers[-1].call("the request") == "the request 7"


@promise("arguments-by-name")
def test_any_name_and_order_will_do() -> None:
    app = ProAPI()

    @app.websocket("/1/{room}/{page:int}")
    async def by_any_name(page: int, ws: Any, *, room: str) -> None: ...

    @app.websocket("/2/{room}")
    async def the_rest(ws: Any, **path: str) -> None: ...

    @app.get("/3/{room}")
    def without_request(room: str) -> str:
        return room

    class Handler:
        async def __call__(self, websocket: Any) -> None: ...

        async def method(self, websocket: Any) -> None: ...

    app.websocket("/4")(Handler())
    app.websocket("/5")(Handler().method)
    app.websocket("/6")(functools.partial(by_any_name, room="", page=1))


def test_partial_that_fills_a_parameter_leaves_the_connection() -> None:
    async def handler(setting: int, websocket: Any) -> None: ...

    ProAPI().websocket("/")(functools.partial(handler, 1))


def test_decorated_handlers_show_their_own_place() -> None:
    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)

        return wrapper

    @decorate
    async def handler(websocket: Any, too_many: Item) -> None: ...

    line = inspect.getsourcelines(handler)[1]
    assert f"{__file__}:{line}: " in refused(lambda app: app.websocket("/")(handler))


def test_http_routes_are_checked_too() -> None:
    assert "'other' without one" in refused(lambda app: app.get("/")(lambda request, other: ""))
    assert "expected an HTTP method, got 'no method'" in refused(lambda app: app.route("/", ["no method"])(lambda: ""))


def test_decorators_give_the_handler_back() -> None:
    app = ProAPI()

    async def handler(websocket: Any) -> None: ...

    assert app.websocket("/")(handler) is handler
    assert app.get("/")(without_room) is without_room


@promise("limits-of-routes")
def test_route_settings_are_checked() -> None:
    async def handler(websocket: Any) -> None: ...

    assert "max_message_size" in refused(lambda app: app.websocket("/", max_message_size=0)(handler))
    assert "not of one route" in refused(
        lambda app: app.websocket("/", head_timeout=1.0)(handler)  # type: ignore[call-arg]
    )
    ProAPI().websocket("/", max_message_size=1, allowed_origins=["https://a.example", "https://b.example"])(handler)


@promise("refused-route-leaves-nothing")
def test_what_is_refused_leaves_nothing_behind() -> None:
    async def handler(websocket: Any) -> None: ...

    app = ProAPI()
    assert "must not be above" in refused_by(app, lambda app: app.websocket("/a", low_water=1_000_000)(handler))
    app.websocket("/a")(handler)
    app.post("/both")(handler)
    refused_by(app, lambda app: app.route("/both", methods=["PUT", "POST", "GET"])(handler))
    app.route("/both", methods=["PUT", "GET", "put"])(handler)
    app.get("/files/{path:path}")(lambda path: path)
    refused_by(app, lambda app: app.static("/files", "."))
    app.get("/files/")(lambda: "the index")
    app.configure(high_water=100_000)
    assert len(app._routes.handlers) == 6


def test_a_route_has_a_method() -> None:
    assert "at least one HTTP method" in refused(lambda app: app.route("/", methods=[])(lambda: ""))
    assert "expected an HTTP method, got 'A B'" in refused(lambda app: app.route("/", methods=["A B"])(lambda: ""))
    assert "got None" in refused(lambda app: app.route("/", methods=[None])(lambda: ""))  # type: ignore[list-item]


def test_hooks_are_functions() -> None:
    for register in (ProAPI().on_startup, ProAPI().on_shutdown):
        with pytest.raises(TypeError, match="expected a function without parameters, got 'x'"):
            register("x")  # type: ignore[type-var]


@promise("settings-are-checked")
def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="'nothing' is not a setting"):
        ProAPI(nothing=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="close_timeout: expected seconds"):
        ProAPI(close_timeout=0)
    app = ProAPI(max_body_size=7, close_timeout=0.5)
    assert (app.limits["max_body_size"], app.limits["close_timeout"]) == (7, 0.5)


@promise("decorator-without-parentheses")
@pytest.mark.parametrize("name", ["websocket", "route", "get", "post", "put", "patch", "delete", "head", "options"])
def test_a_decorator_without_parentheses_is_refused_at_once(name: str) -> None:
    async def handler(websocket: Any) -> None: ...

    line = inspect.getsourcelines(handler)[1]
    text = refused(lambda app: getattr(app, name)(handler))
    assert text.startswith(f"{__file__}:{line}: {name}: expected a path, got the function ")
    assert text.endswith(f'handler; write @app.{name}("/...")')


async def of_int(request: Any, id: int) -> None: ...
async def of_float(request: Any, id: float) -> None: ...
async def of_uuid(request: Any, id: UUID) -> None: ...
async def of_text(request: Any, id: "int") -> None: ...
async def of_long_text(request: Any, id: "uuid.UUID") -> None: ...
async def of_str(request: Any, id: str) -> None: ...
async def of_int_or_none(request: Any, id: Optional[int] = None) -> None: ...  # noqa: UP045
async def of_annotated(request: Any, id: "Annotated[int, 'Path']") -> None: ...
async def of_int_or_str(request: Any, id: int | str) -> None: ...
async def of_int_beside_unknown(request: "OnlyForTypeCheckers", id: "int") -> None: ...
async def of_new_type(request: Any, id: UserName) -> None: ...
async def of_item(request: Any, id: Item) -> None: ...
async def of_bool(request: Any, id: bool) -> None: ...


@promise("path-annotations")
@pytest.mark.parametrize(
    ("path", "handler", "written"),
    [
        ("/{id}", of_int, None),
        ("/{id:float}", of_int, "{id:int}"),
        ("/{id:path}", of_float, "{id:float}"),
        ("/{id:str}", of_uuid, None),
        ("/{id}", of_text, None),
        ("/{id}", of_long_text, None),
        ("/{id}", functools.partial(of_int, request=None), None),
        ("/{id}", of_bool, None),
        ("/{id}", of_int_or_none, None),
        ("/{id}", of_annotated, None),
        ("/{id}", of_int_beside_unknown, None),
        ("/{id:int}", of_str, "{id:str}"),
        ("/{id:int}", of_int_or_none, None),
        ("/{id}", of_int_or_str, None),
        ("/{id}", of_new_type, None),
        ("/{id:int}", of_int, None),
        ("/{id:int}", of_text, None),
        ("/{id:float}", of_float, None),
        ("/{id:int}", of_float, None),  # type checkers accept an int here as well
        ("/{id:uuid}", of_uuid, None),
        ("/{id}", of_str, None),
        ("/{id:path}", lambda id: id, None),
    ],
)
def test_converters_fit_annotations(path: str, handler: Any, written: str | None) -> None:
    if written is None:
        ProAPI().get(path)(handler)
    else:
        text = refused(lambda app: app.get(path)(handler))
        assert "annotated" in text
        assert text.endswith(f"write {written}")


@promise("path-annotations")
def test_an_annotation_that_text_can_not_become() -> None:
    text = refused(lambda app: app.get("/{id}")(of_item))
    assert "expected a type that text can become, such as int, for the parameter 'id' of the path, got Item" in text


def test_static_needs_a_directory(tmp_path: Path) -> None:
    assert "expected a directory" in refused(lambda app: app.static("/", tmp_path / "none"))
    assert "expected a path without parameters" in refused(lambda app: app.static("/{name}", tmp_path))
    ProAPI().static("/", tmp_path)
