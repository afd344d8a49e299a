"""The ASGI application's start and end, and the context variables that its handlers see."""

import asyncio
from contextvars import ContextVar, copy_context

from asgi_peer import Peer, http, open_websocket
from promises import promise

from proapi import ProAPI, WebSocketConnection

variable: ContextVar[str] = ContextVar("variable", default="unset")


@promise("lifespan-order")
async def test_lifespan() -> None:
    seen = []
    app = ProAPI()
    app.on_startup(lambda: seen.append("startup"))
    app.on_shutdown(lambda: seen.append("shutdown"))
    app.get("/")(lambda: "page")
    for turn in (1, 2):
        peer = Peer(app, {"type": "lifespan"})
        peer.put("lifespan.startup")
        assert (await peer.get())["type"] == "lifespan.startup.complete"
        assert (await http(app, "/"))[2] == b"page"
        peer.put("lifespan.shutdown")
        assert (await peer.get())["type"] == "lifespan.shutdown.complete"
        assert seen == ["startup", "shutdown"] * turn
        await peer.end()


async def test_lifespan_failure() -> None:
    app = ProAPI()

    @app.on_startup
    def fails() -> None:
        raise KeyError("a")

    peer = Peer(app, {"type": "lifespan"})
    peer.put("lifespan.startup")
    assert await peer.get() == {"type": "lifespan.startup.failed", "message": "KeyError: 'a'"}
    await peer.end()


async def test_handlers_see_what_startup_has_set() -> None:
    """The variables of the call itself, such as those that middleware has set, take precedence."""
    app = ProAPI()
    app.on_startup(lambda: variable.set("from startup"))
    app.get("/")(lambda: variable.get())
    peer = Peer(app, {"type": "lifespan"})
    peer.put("lifespan.startup")
    await peer.get()
    assert (await http(app, "/"))[2] == b"from startup"
    context = copy_context()
    context.run(variable.set, "own")
    call = asyncio.get_running_loop().create_task(http(app, "/"), context=context)
    assert (await call)[2] == b"own"
    peer.put("lifespan.shutdown")
    await peer.end()


async def test_handlers_see_the_variables_of_their_own_call() -> None:
    app = ProAPI()

    @app.get("/")
    async def page() -> str:
        before = variable.get()
        variable.set("the handler's own")
        return before

    @app.get("/sync")
    def sync() -> str:
        return variable.get()

    @app.websocket("/")
    async def handler(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_text(variable.get())

    async def websocket() -> str:
        peer = await open_websocket(app, "/")
        await peer.get()
        text = (await peer.get())["text"]
        peer.put("websocket.disconnect", code=1000)
        await peer.end()
        return str(text)

    async def get(path: str) -> str:
        return (await http(app, path))[2].decode()

    for value in ("first", "second", ""):
        context = copy_context()
        if value:
            context.run(variable.set, value)
        loop = asyncio.get_running_loop()
        for call in (get("/"), get("/sync"), websocket()):
            assert await loop.create_task(call, context=context) == (value or "unset")
