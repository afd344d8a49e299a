"""attrs classes as bodies and as classes whose fields are values of the query."""

from typing import Annotated

import attrs
import pytest
from carriers import ask
from promises import promise

from proapi import Body, ProAPI, Query, RouteError


@attrs.define
class Filter:
    token: str
    limit: int = attrs.field(default=10, validator=attrs.validators.ge(1))
    tags: list[int] = attrs.Factory(list)
    _private: str = "p"
    known: int = attrs.field(default=1, init=False)


@promise("parameter-models")
async def test_query() -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(filter: Annotated[Filter, Query()]) -> list[object]:
        return [filter.token, filter.limit, filter.tags, filter._private]

    assert await ask("asgi", app, "/?token=a&known=5") == (200, ["a", 10, [], "p"])
    assert await ask("asgi", app, "/?token=a&limit=5&tags=1&tags=2&private=x") == (200, ["a", 5, [1, 2], "x"])
    status, answer = await ask("asgi", app, "/?limit=x")
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["query", "token"], ["query", "limit"]])
    status, answer = await ask("asgi", app, "/?token=a&limit=0")
    assert (status, answer["detail"][0]["type"], answer["detail"][0]["loc"]) == (422, "value_error", ["query"])


@attrs.define
class Point:
    x: int
    y: int = 0


@promise("typed-bodies")
async def test_body() -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(point: Annotated[Point, Body()]) -> list[int]:
        return [point.x, point.y]

    assert await ask("asgi", app, "/", method="POST", body=b'{"x": 3}') == (200, [3, 0])
    status, answer = await ask("asgi", app, "/", method="POST", body=b'{"x": "a"}')
    assert (status, answer["detail"][0]["loc"]) == (422, ["body", "x"])


@attrs.define
class Nested:
    inner: Filter


@promise("registration-refusals")
def test_a_field_that_no_text_can_become() -> None:
    async def handler(filter: Annotated[Nested, Query()]) -> None: ...

    with pytest.raises(RouteError, match="as field 'inner', got Filter"):
        ProAPI().get("/")(handler)
