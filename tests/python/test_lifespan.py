"""What runs before and after an application serves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from conftest import Serve, serving

from proapi import ProAPI


async def test_order() -> None:
    seen = []

    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[None]:
        seen.append(f"enter {type(app).__name__}")
        yield
        seen.append("exit")

    app = ProAPI(lifespan=lifespan)

    @app.on_startup
    def first() -> None:
        seen.append("first")

    @app.on_startup
    async def second() -> None:
        seen.append("second")

    @app.on_shutdown
    async def last() -> None:
        seen.append("last")

    @app.on_shutdown
    def before_last() -> None:
        seen.append("before last")

    async with serving(app):
        seen.append("served")
    assert seen == ["enter ProAPI", "first", "second", "served", "before last", "last", "exit"]


async def test_failed_startup_leaves_what_was_entered(serve: Serve) -> None:
    seen = []

    @asynccontextmanager
    async def lifespan(app: ProAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            seen.append("exit")

    app = ProAPI(lifespan=lifespan)
    app.on_shutdown(lambda: seen.append("shutdown"))

    @app.on_startup
    def fails() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        await serve(app)
    assert seen == ["exit"]
