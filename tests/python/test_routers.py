"""Routers, what routes say about themselves, and paths made of their names."""

import inspect
import uuid
from typing import Annotated, Any

import pytest
from carriers import CARRIERS, ask, handshake
from promises import promise

from proapi import (
    APIRouter,
    Depends,
    HTTPException,
    NoMatchFound,
    ProAPI,
    Request,
    RouteError,
    Router,
    WebSocketConnection,
)


@promise("routers")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_the_routes_of_a_router_are_below_its_prefixes(carrier: str) -> None:
    app, users, friends = ProAPI(), Router(prefix="/users"), Router()

    @users.get("")
    async def all_users() -> list[Any]:
        return ["ada"]

    @users.post("/{name}", status_code=201)
    def create(name: str) -> dict[str, str]:
        return {"name": name}

    @friends.get("/{friend}")
    async def friend(name: str, friend: str) -> list[str]:
        return [name, friend]

    @users.route("/{name}", methods=["PUT", "PATCH"])
    async def change(request: Request, name: str) -> list[str]:
        return [request.method, name]

    users.include_router(friends, prefix="/{name}/friends")
    app.include_router(users, prefix="/v1")
    assert await ask(carrier, app, "/v1/users") == (200, ["ada"])
    assert await ask(carrier, app, "/v1/users/bob", method="POST") == (201, {"name": "bob"})
    assert await ask(carrier, app, "/v1/users/bob", method="PATCH") == (200, ["PATCH", "bob"])
    assert await ask(carrier, app, "/v1/users/bob/friends/eve") == (200, ["bob", "eve"])
    assert (await ask(carrier, app, "/users"))[0] == 404
    assert [route.path for route in app.routes] == [  # type: ignore[union-attr]
        "/v1/users",
        "/v1/users/{name}",
        "/v1/users/{name}",
        "/v1/users/{name}/friends/{friend}",
    ]


@promise("routers")
async def test_websockets_and_their_limits() -> None:
    app, rooms = ProAPI(), APIRouter(prefix="/rooms")

    @rooms.websocket("/{room}", max_message_size=100)
    async def room(websocket: WebSocketConnection, room: str) -> None:
        await websocket.accept()
        await websocket.send_json(room)

    app.include_router(rooms)
    assert await handshake(app, "/rooms/lobby") == (101, "lobby")


@promise("routers", "dependencies")
async def test_dependencies_run_from_the_outside_in() -> None:
    log: list[str] = []

    def logs(name: str) -> Any:
        async def dependency() -> None:
            log.append(name)

        return Depends(dependency)

    async def closed(key: str = "") -> None:
        if key != "open":
            raise HTTPException(403, "closed")

    app = ProAPI(dependencies=[logs("app")])
    inner, outer = Router(dependencies=[logs("inner")]), Router(dependencies=[logs("outer")])

    @inner.get("/", dependencies=[logs("route")])
    async def handler(_: Annotated[None, logs("handler")]) -> None: ...

    @inner.websocket("/ws", dependencies=[Depends(closed)])
    async def websocket(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_json("hello")

    outer.include_router(inner, dependencies=[logs("include inner")])
    app.include_router(outer, dependencies=[logs("include outer")])
    assert (await ask("asgi", app, "/"))[0] == 204
    assert log == ["app", "include outer", "outer", "include inner", "inner", "route", "handler"]
    assert await handshake(app, "/ws") == (403, "closed\n")
    assert await handshake(app, "/ws?key=open") == (101, "hello")


@promise("routers")
def test_what_is_not_possible_is_refused() -> None:
    app, router = ProAPI(), Router()

    async def handler(websocket: Any, other: object) -> None: ...

    for prefix in ("users", "/users/", 7):
        with pytest.raises(ValueError, match='expected a prefix that begins with "/" and does not end with one'):
            Router(prefix=prefix)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match='expected a prefix that begins with "/" and does not end with one'):
            app.include_router(router, prefix=prefix)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a Router, got"):
        app.include_router(app)  # type: ignore[arg-type]
    for call in (lambda given: Router(dependencies=given), lambda given: ProAPI(dependencies=given)):
        with pytest.raises(TypeError, match=r"expected Depends\(function\) in dependencies, got"):
            call([handler])
    with pytest.raises(RouteError, match=r"expected Depends\(function\) in dependencies"):
        app.get("/", dependencies=[Depends()])(lambda: "")
    router.websocket("/ws")(handler)
    line = inspect.getsourcelines(handler)[1]
    with pytest.raises(RouteError, match=f"{__file__}:{line}: websocket '/a/ws': "):
        app.include_router(router, prefix="/a")
    with pytest.raises(RouteError, match=r"expected every route of a router to be added before include_router\(\)"):
        router.get("/late")(lambda: "")
    with pytest.raises(AttributeError, match=r"write router.route\(path, methods"):
        router.add_api_route  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(TypeError, match=r"get\(\) takes no response_model=: annotate what the handler returns"):
        app.get("/", response_model=dict)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"get\(\) got an unexpected keyword argument 'nothing'; it takes name, "):
        app.get("/", nothing=1)  # type: ignore[call-arg]
    with pytest.raises(RouteError, match="expected a status_code from 200 to 599, got 99"):
        app.get("/", status_code=99)(lambda: "")


@promise("url-path-for")
async def test_paths_of_routes() -> None:
    app, router = ProAPI(), Router(prefix="/v1")

    @router.get("/a b/{name}/{page:int}")
    async def page(request: Request, name: str, page: int) -> Any:
        return [
            request.url_for("page", name=name, page=page + 1),
            app.url_path_for("file", path="a b/c"),
            app.url_path_for("item", id=uuid.UUID(int=1)),
            app.url_path_for("item", number=1.5),
            app.url_path_for("item"),
        ]

    @router.get("/files/{path:path}", name="file")
    def any_file(path: str) -> None: ...

    app.include_router(router)
    app.get("/items/{id:uuid}", name="item")(lambda id: id)
    app.get("/items/{number:float}", name="item")(lambda number: number)
    app.websocket("/items", name="item")(sends_nothing)
    expected = [
        "http://a.example/v1/a%20b/%C3%A4%2F/3",
        "/v1/files/a%20b/c",
        f"/items/{uuid.UUID(int=1)}",
        "/items/1.5",
        "/items",
    ]
    assert await ask("asgi", app, "/v1/a%20b/%C3%A4%2F/2", raw_path="") == (200, expected)
    for name, values, text in (
        ("nobody", {}, "expected a route named 'nobody' with no parameters, got no such name"),
        ("page", {"name": "a"}, "expected a route named 'page' with name, got '/v1/a b/{name}/{page:int}'"),
        ("page", {"name": "a", "page": "x"}, "expected int for 'page', got 'x'"),
        ("page", {"name": "", "page": 1}, "expected text for 'name', got none"),
        ("item", {"id": "x"}, "badly formed"),
    ):
        with pytest.raises(NoMatchFound, match=text.replace("{", r"\{")):
            app.url_path_for(name, **values)


async def sends_nothing(websocket: WebSocketConnection) -> None: ...
