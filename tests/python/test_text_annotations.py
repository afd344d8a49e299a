"""Annotations that are text, because of ``from __future__ import annotations``, of classes that are dependencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from carriers import ask
from promises import promise

from proapi import Depends, Header, ProAPI, Query


class Client:
    def __init__(self, token: Annotated[str, Header("X-Token")]) -> None:
        self.token = token


class NamedClient(Client):
    """Inherits the constructor."""


@dataclass
class Page:
    size: Annotated[int, Query(le=100)] = 10


@promise("dependencies")
async def test_classes() -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(
        client: Annotated[Client, Depends()], named: Annotated[NamedClient, Depends()], page: Annotated[Page, Depends()]
    ) -> Any:
        return [client.token, named.token, page.size]

    assert await ask("asgi", app, "/?size=3", x_token="ada") == (200, ["ada", "ada", 3])
    assert (await ask("asgi", app, "/?size=101", x_token="ada"))[0] == 422
