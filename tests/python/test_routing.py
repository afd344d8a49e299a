"""``app.routes``: one entry for each route that was added, and nothing for one that was refused."""

from pathlib import Path

import pytest

from proapi import ProAPI, RouteError, WebSocket
from proapi.routing import Route, StaticRoute, WebSocketRoute


async def hello() -> str:
    return "hello"


async def chat(websocket: WebSocket, room: str) -> None: ...


def test_each_route_is_listed_as_it_was_added(tmp_path: Path) -> None:
    app = ProAPI()
    app.get("/hello")(hello)
    app.route("/any", methods=["put", "DELETE"])(hello)
    app.websocket("/chat/{room}")(chat)
    app.static("/assets", tmp_path)
    assert app.routes == [
        Route("/hello", hello, "hello", frozenset({"GET"})),
        Route("/any", hello, "hello", frozenset({"PUT", "DELETE"})),
        WebSocketRoute("/chat/{room}", chat, "chat"),
        StaticRoute("/assets", str(tmp_path)),
    ]


def test_a_route_that_is_refused_is_not_listed(tmp_path: Path) -> None:
    app = ProAPI()
    app.get("/")(hello)
    with pytest.raises(RouteError):
        app.get("/")(hello)
    with pytest.raises(RouteError):
        app.static("/", tmp_path)
    with pytest.raises(RouteError):
        app.websocket("/chat/{room")(chat)
    assert [route.path for route in app.routes] == ["/"]


def test_the_list_is_a_copy() -> None:
    app = ProAPI()
    app.get("/")(hello)
    app.routes.clear()
    assert len(app.routes) == 1
