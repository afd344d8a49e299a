"""Names of Starlette and FastAPI also exist here, older names of this package still work, and names that ProAPI does
not have raise errors that say what to write instead."""

import asyncio
import copy
import pickle
from typing import Any

import pytest
from conftest import Serve
from promises import promise
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import proapi
from proapi import (
    FileResponse,
    HTMLResponse,
    HTTPException,
    JSONResponse,
    PlainTextResponse,
    ProAPI,
    RedirectResponse,
    Request,
    RequestBodyError,
    Response,
    State,
    StreamingResponse,
    WebSocket,
    WebSocketConnection,
)
from proapi._core import habits


def type_of(response: Response) -> str | None:
    return dict(response.headers).get("Content-Type")


@promise("familiar-names")
@pytest.mark.parametrize(
    ("kind", "content", "media_type"),
    [
        (Response, "<p>", "text/html"),
        (Response, b"\0", "application/octet-stream"),
        (Response, None, None),
        (HTMLResponse, "<p>", "text/html"),
        (PlainTextResponse, "x", "text/plain"),
        (JSONResponse, {"a": 1}, "application/json"),
        (JSONResponse, None, "application/json"),
        (StreamingResponse, ["x"], "text/plain"),
    ],
)
def test_responses(kind: Any, content: Any, media_type: str | None) -> None:
    response = kind(content=content, status_code=201, headers={"X-A": "1"})
    assert (response.status_code, response.media_type) == (201, media_type)
    assert response.headers["x-a"] == "1"
    assert (type_of(response) or "").startswith(media_type or "")
    other = kind(content, 404, None, "text/csv")
    assert (other.status_code, other.media_type, type_of(other)) == (404, "text/csv", "text/csv; charset=utf-8")


@promise("familiar-names")
def test_responses_without_content() -> None:
    assert RedirectResponse(url="/", status_code=303).status_code == 303
    file = FileResponse("a.html", status_code=202, media_type="text/x-page", filename="b.html")
    assert (file.status_code, file.media_type, type_of(file)) == (202, "text/x-page", "text/x-page; charset=utf-8")
    assert (FileResponse("a.html").media_type, FileResponse("a.png").media_type) == ("text/html", "image/png")


@promise("familiar-names")
@pytest.mark.parametrize(
    ("media_type", "field"),
    [
        ("text/css", "text/css; charset=utf-8"),
        ("text/plain; charset=latin-1", "text/plain; charset=latin-1"),
        ("application/xml", "application/xml"),
    ],
)
def test_text_types_get_a_charset(media_type: str, field: str) -> None:
    assert type_of(Response("x", media_type=media_type)) == field
    assert type_of(Response("x", headers={"content-type": "text/css"}, media_type=media_type)) is None


@promise("familiar-names")
def test_a_kind_of_ones_own() -> None:
    class Lines(Response):
        media_type = "text/x-lines"

        def render(self, content: Any) -> bytes:
            return "".join(f"{line}\n" for line in content).encode()

    response = Lines(["a", "b"])
    assert (response.body, type_of(response)) == (b"a\nb\n", "text/x-lines; charset=utf-8")


@promise("familiar-names")
def test_cookies_have_keys() -> None:
    response = Response()
    response.set_cookie(key="a", value="b")
    response.delete_cookie(key="a")
    assert [value[:4] for value in response.headers.values()] == ["a=b;", "a=; "]


@promise("familiar-names")
def test_http_exceptions() -> None:
    error = HTTPException(status_code=401, detail="who are you?", headers={"WWW-Authenticate": "Basic"})
    assert (error.status_code, error.detail, error.headers) == (401, "who are you?", {"WWW-Authenticate": "Basic"})
    assert (HTTPException(404).detail, str(HTTPException(404))) == ("Not Found", "404 Not Found")
    assert (HTTPException(499).detail, HTTPException(404, "").detail) == ("", "")
    assert RequestBodyError("no", status_code=415).status_code == 415


@promise("familiar-names")
def test_the_connections_class_has_two_names() -> None:
    assert WebSocket is WebSocketConnection is proapi.WebSocket


# ---- state ----


@promise("application-state")
def test_state_is_attributes_and_items() -> None:
    state = State()
    state.name = "Ada"
    state["age"] = 36
    assert (state["name"], state.age, list(state), len(state)) == ("Ada", 36, ["name", "age"], 2)
    assert "name" in state
    assert "name" in dir(state)
    assert repr(state) == "State({'name': 'Ada', 'age': 36})"
    del state.name
    del state["age"]
    assert not state
    with pytest.raises(AttributeError, match="expected 'name' in the state, got nothing"):
        state.name  # noqa: B018
    with pytest.raises(AttributeError, match="name"):
        del state.name
    with pytest.raises(KeyError):
        state["name"]


@promise("application-state")
@pytest.mark.parametrize("copied", [copy.copy, lambda state: pickle.loads(pickle.dumps(state))])
def test_state_can_be_copied(copied: Any) -> None:
    state = State({"name": "Ada"})
    assert copied(state).name == "Ada"


@promise("application-state")
async def test_states_and_applications(serve: Serve) -> None:
    app = ProAPI()
    seen: list[Any] = []

    @app.get("/")
    async def handler(request: Request) -> None:
        request.state.number = len(list(request.state))
        seen.append((request.app, request.app.state.name, request.state.number, request.state))

    @app.websocket("/ws")
    async def websocket_handler(websocket: WebSocket) -> None:
        await websocket.accept()
        websocket.state.number = 1
        websocket.user_data["name"] = "Ada"
        seen.append((websocket.app, websocket.user_data, websocket.state.name, websocket.state is websocket.state))

    app.state.name = "chat"
    port = await serve(app)
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
    async with connect(f"ws://127.0.0.1:{port}/ws") as client:
        await client.wait_closed()
    assert [each[:3] for each in seen[:2]] == [(app, "chat", 0)] * 2
    assert seen[0][3] is not seen[1][3]
    assert seen[2] == (app, {"number": 1, "name": "Ada"}, "Ada", True)
    assert ProAPI().state is not app.state


# ---- older names ----


@promise("older-names")
def test_older_names_of_responses() -> None:
    older = Response(body="x", status=201, content_type="text/css")
    assert (older.body, older.status, older.status_code, type_of(older)) == (b"x", 201, 201, "text/css")
    older.status = 202
    assert (older.status, older.status_code) == (202, 202)
    assert type_of(Response("x", content_type=None)) == "text/html; charset=utf-8"
    assert JSONResponse(value=[1], status=202).status == 202
    assert JSONResponse(value=[1]).body == b"[1]"
    assert PlainTextResponse(body="x", status=404).status_code == 404
    assert RedirectResponse("/", status=303).status == 303
    assert type_of(FileResponse("a.html", status=200, content_type="text/css")) == "text/css"
    assert type_of(StreamingResponse(parts=["a"], status=200, content_type="text/css")) == "text/css"
    older.set_cookie(name="a", value="b")
    older.delete_cookie(name="a")
    assert len(older.headers) == 3


@promise("older-names")
def test_older_names_of_exceptions() -> None:
    error = HTTPException(status=404, detail="gone")
    assert (error.status, error.status_code, str(error)) == (404, 404, "404 gone")
    error.status = 410
    assert (copy.copy(error).status, error.status_code) == (410, 410)
    assert RequestBodyError("no", status=415).status == 415


# ---- what does not exist ----


@promise("habits-are-answered")
@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Response("x", background=print), r"expected BackgroundTask\(function, ...\) as background, got"),
        (lambda: PlainTextResponse("x", charset="utf-8"), "PlainTextResponse: expected the keywords of a response"),
        (lambda: JSONResponse(), r"expected content, got none; JSONResponse\(None\) is null"),
        (lambda: StreamingResponse(), "expected an iterator of str or bytes, got NoneType"),
        (lambda: HTTPException(404, text="x"), "expected status_code, detail and headers, got text"),
        (lambda: Response().set_cookie(), "set_cookie: expected the cookie's key, got none"),
        (lambda: Response().set_cookie("a", samesit="lax"), "expected the attributes of a cookie, got samesit"),
    ],
)
def test_keywords_that_do_not_exist(call: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        call()


@promise("habits-are-answered")
@pytest.mark.parametrize("name", habits.APP)
def test_attributes_of_an_application(name: str) -> None:
    app = ProAPI()
    assert not hasattr(app, name)
    with pytest.raises(AttributeError) as caught:
        getattr(app, name)
    assert str(caught.value) == f"'ProAPI' object has no attribute {name!r}: {habits.APP[name]}"


@promise("habits-are-answered")
@pytest.mark.parametrize("name", habits.REQUEST)
def test_attributes_of_a_request(name: str) -> None:
    request: Any = Request(None)  # type: ignore[arg-type]
    assert not hasattr(request, name)
    with pytest.raises(AttributeError) as caught:
        getattr(request, name)
    assert str(caught.value) == f"'Request' object has no attribute {name!r}: {habits.REQUEST[name]}"


@promise("habits-are-answered")
@pytest.mark.parametrize("name", habits.CONNECTION)
async def test_attributes_of_a_connection(serve: Serve, name: str) -> None:
    app = ProAPI()
    seen: list[Any] = []

    @app.websocket("/")
    async def handler(websocket: Any) -> None:
        seen.append(hasattr(websocket, name))
        try:
            getattr(websocket, name)
        except AttributeError as error:
            seen.append(str(error))
        await websocket.accept()

    async with connect(f"ws://127.0.0.1:{await serve(app)}/"):
        pass
    assert seen == [False, f"'WebSocketConnection' object has no attribute {name!r}: {habits.CONNECTION[name]}"]


@promise("habits-are-answered")
@pytest.mark.parametrize("name", habits.MODULE)
def test_names_of_the_package(name: str) -> None:
    with pytest.raises(ImportError) as caught:
        exec(f"from proapi import {name}")
    assert str(caught.value) == f"cannot import name {name!r} from 'proapi': {habits.MODULE[name]}"
    assert not hasattr(proapi, name)
    with pytest.raises(AttributeError) as missing:
        getattr(proapi, name)
    assert str(missing.value) == f"module 'proapi' has no attribute {name!r}: {habits.MODULE[name]}"


def test_any_other_name_of_the_package() -> None:
    assert not hasattr(proapi, "Proapi")
    with pytest.raises(ImportError, match="cannot import name 'Proapi' from 'proapi'"):
        exec("from proapi import Proapi")


@promise("familiar-names")
async def test_a_rejection_has_a_status_code(serve: Serve) -> None:
    app = ProAPI()

    @app.websocket("/{name}")
    async def handler(websocket: WebSocket, name: str) -> None:
        if name == "both":
            with pytest.raises(TypeError, match="expected status_code or its older name status, got both"):
                await websocket.reject(status_code=410, status=411)
        wrong: Any = "410"
        with pytest.raises(TypeError, match=r"^reject: status_code: expected int, got str$"):
            await websocket.reject(wrong)
        with pytest.raises(TypeError, match=r"^close: code: expected int, got str$"):
            await websocket.close(wrong)
        await websocket.reject(**{"status" if name == "older" else "status_code": 410})

    port = await serve(app)
    for name in ("new", "older", "both"):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{port}/{name}")
        assert caught.value.response.status_code == 410


def test_any_other_attribute() -> None:
    app: Any = ProAPI()
    with pytest.raises(AttributeError, match=r"^'ProAPI' object has no attribute 'rout'$") as caught:
        app.rout("/")
    assert (caught.value.name, caught.value.obj) == ("rout", app)  # the basis of "Did you mean: 'route'?"


@promise("habits-are-answered")
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options", "route"])
@pytest.mark.parametrize("name", [*habits.ROUTE, "response_model_exclude_none"])
def test_keywords_of_routes(method: str, name: str) -> None:
    if (method, name) == ("route", "methods"):
        return
    register: Any = getattr(ProAPI(), method)
    with pytest.raises(TypeError) as caught:
        register("/", **{name: None})
    text = habits.ROUTE.get(name, habits.ROUTE["response_model"])
    assert str(caught.value) == f"{method}() takes no {name}=: {text}"


def test_any_other_keyword_of_a_route() -> None:
    register: Any = ProAPI().get
    with pytest.raises(TypeError, match=r"get\(\) got an unexpected keyword argument 'x'; it takes"):
        register("/", x=1)


@promise("habits-are-answered")
@pytest.mark.parametrize("name", habits.WEBSOCKET)
def test_keywords_of_websocket_routes(name: str) -> None:
    register: Any = ProAPI().websocket
    with pytest.raises(TypeError) as caught:
        register("/", **{name: None})
    assert str(caught.value) == f"websocket() takes no {name}=: {habits.WEBSOCKET[name]}"


@promise("habits-are-answered")
@pytest.mark.parametrize("name", habits.SETTINGS)
def test_settings(name: str) -> None:
    options: Any = {name: None}
    for configure in (ProAPI, ProAPI().configure):
        with pytest.raises(ValueError, match="is not a setting") as caught:
            configure(**options)
        assert str(caught.value) == f"{name!r} is not a setting: {habits.SETTINGS[name]}"
    with pytest.raises(SystemExit):
        ProAPI().run(**options)


@pytest.mark.parametrize("table", [habits.APP, habits.ROUTE, habits.WEBSOCKET, habits.SETTINGS, habits.REQUEST])
def test_habits_are_what_does_not_exist(table: dict[str, str]) -> None:
    """When one of these names is added, it must be removed from its table."""
    exists = {id(habits.APP): vars(ProAPI), id(habits.REQUEST): vars(Request), id(habits.SETTINGS): ProAPI().limits}
    assert not table.keys() & exists.get(id(table), {}).keys()
    assert list(table) == sorted(table)
