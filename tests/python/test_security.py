"""What clients present: bearer tokens, names and passwords, keys. For HTTP, and before the upgrade of a WebSocket."""

import base64
import secrets
from typing import Annotated, Any

import pytest
from carriers import CARRIERS, ask, handshake
from conftest import serving
from promises import promise
from websockets.asyncio.client import connect

from proapi import Depends, HTTPException, ProAPI, Security, WebSocketConnection
from proapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    HTTPConnection,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
)


def serving_what_is_found(helper: Any) -> ProAPI:
    app = ProAPI()

    @app.get("/")
    async def handler(found: Annotated[Any, Security(helper)]) -> Any:
        return [show(found)]

    @app.websocket("/ws")
    async def socket(websocket: WebSocketConnection, found: Annotated[Any, Security(helper)]) -> None:
        await websocket.accept()
        await websocket.send_json([show(found)])

    return app


def show(found: Any) -> Any:
    if isinstance(found, HTTPAuthorizationCredentials):
        return [found.scheme, found.credentials]
    if isinstance(found, HTTPBasicCredentials):
        return [found.username, found.password]
    return found


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@promise("security-helpers")
@pytest.mark.parametrize(
    ("helper", "path", "headers", "found"),
    [
        (HTTPBearer(), "", {"authorization": "Bearer abc"}, ["Bearer", "abc"]),
        (HTTPBearer(), "", {"authorization": "bearer  abc"}, ["bearer", "abc"]),
        (OAuth2PasswordBearer("/token"), "", {"authorization": "Bearer abc"}, "abc"),
        (HTTPBasic(), "", {"authorization": basic("ada:p:w")}, ["ada", "p:w"]),
        (HTTPBasic(), "", {"authorization": basic("äda:pä")}, ["äda", "pä"]),
        (APIKeyHeader(name="X-Key"), "", {"x_key": "k"}, "k"),
        (APIKeyQuery(name="key"), "?key=k", {}, "k"),
        (APIKeyCookie(name="key"), "", {"cookie": "key=k"}, "k"),
    ],
)
async def test_what_is_found(helper: Any, path: str, headers: dict[str, str], found: Any) -> None:
    app = serving_what_is_found(helper)
    for carrier in CARRIERS:
        assert await ask(carrier, app, f"/{path}", **headers) == (200, [found])
    assert await handshake(app, f"/ws{path}", **headers) == (101, [found])


@promise("security-helpers")
@pytest.mark.parametrize(
    ("helper", "headers", "challenge"),
    [
        (HTTPBearer(), {}, "Bearer"),
        (HTTPBearer(), {"authorization": "Basic abc"}, "Bearer"),
        (HTTPBearer(), {"authorization": "Bearer "}, "Bearer"),
        (OAuth2PasswordBearer("/token"), {"authorization": "abc"}, "Bearer"),
        (HTTPBasic(realm="the house"), {}, 'Basic realm="the house"'),
        (HTTPBasic(), {"authorization": "Basic !!!"}, "Basic"),
        (HTTPBasic(), {"authorization": basic("no colon")}, "Basic"),
        (HTTPBasic(), {"authorization": "Basic " + base64.b64encode(b"\xff:").decode()}, "Basic"),
        (APIKeyHeader(name="X-Key"), {"x_key": ""}, "APIKey"),
        (APIKeyQuery(name="key"), {}, "APIKey"),
        (APIKeyCookie(name="key"), {"cookie": "other=k"}, "APIKey"),
    ],
)
async def test_a_client_that_presents_nothing_gets_a_401(helper: Any, headers: dict[str, str], challenge: str) -> None:
    app = serving_what_is_found(helper)
    assert (await ask("asgi", app, "/", **headers))[0] == 401
    assert (await handshake(app, "/ws", **headers))[0] == 401
    with pytest.raises(HTTPException) as caught:
        await helper(FakeConnection(headers))
    assert caught.value.headers == {"WWW-Authenticate": challenge}
    lenient = type(helper)(**{"auto_error": False, **arguments(helper)})
    assert await ask("asgi", serving_what_is_found(lenient), "/", **headers) == (200, [None])


class FakeConnection:
    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.query_params: dict[str, str] = {}
        self.cookies: dict[str, str] = {}


def arguments(helper: Any) -> dict[str, str]:
    if isinstance(helper, OAuth2PasswordBearer):
        return {"tokenUrl": helper.token_url}
    return {"name": helper.name} if hasattr(helper, "name") else {}


@promise("security-helpers")
async def test_a_form_for_a_token() -> None:
    app = ProAPI()

    @app.post("/token")
    async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Any:
        return [form.username, form.password, form.scopes, form.client_id]

    async def post(body: bytes) -> Any:
        return await ask("asgi", app, "/token", method="POST", body=body, content_type=URLENCODED)

    assert await post(b"username=ada&password=pw&scope=a+b") == (200, ["ada", "pw", ["a", "b"], None])
    status, answer = await post(b"grant_type=code&username=ada")
    assert (status, [each["loc"] for each in answer["detail"]]) == (422, [["body", "grant_type"], ["body", "password"]])


URLENCODED = "application/x-www-form-urlencoded"


def test_a_realm_that_no_header_can_have_is_refused() -> None:
    for realm in ('a "house"', "a\nhouse", "häuser"):
        with pytest.raises(ValueError, match="expected printable ASCII without quotes as realm"):
            HTTPBasic(realm=realm)


# ---- how browsers, which can't set headers of a handshake, say who they are -----------------------------------------


@promise("security-helpers")
async def test_a_token_as_a_subprotocol() -> None:
    """``new WebSocket(url, ["chat", "bearer." + token])``."""
    app = ProAPI()

    async def user(websocket: WebSocketConnection) -> str:
        for each in websocket.subprotocols:
            if each.startswith("bearer."):
                return each.removeprefix("bearer.")
        raise HTTPException(401, "expected a subprotocol bearer.<token>")

    @app.websocket("/ws")
    async def socket(websocket: WebSocketConnection, name: Annotated[str, Depends(user)]) -> None:
        await websocket.accept(subprotocol="chat")
        await websocket.send_text(name)

    async with (
        serving(app) as port,
        connect(f"ws://127.0.0.1:{port}/ws", subprotocols=["chat", "bearer.abc"]) as client,  # type: ignore[list-item]
    ):
        assert (client.subprotocol, await client.recv()) == ("chat", "abc")
    assert (await handshake(app, "/ws"))[0] == 401


@promise("security-helpers")
async def test_a_ticket_that_is_valid_once() -> None:
    """The page asks for a ticket with its cookie or token, and opens the socket with it."""
    app = ProAPI()
    tickets: dict[str, str] = {}

    async def logged_in(connection: HTTPConnection, key: Annotated[str, Depends(APIKeyHeader(name="X-Key"))]) -> str:
        assert connection.path == "/ticket"
        return f"user of {key}"

    @app.post("/ticket")
    async def ticket(user: Annotated[str, Depends(logged_in)]) -> Any:
        new = secrets.token_urlsafe()
        tickets[new] = user
        return [new]

    async def holder(ticket: str) -> str:
        if (user := tickets.pop(ticket, None)) is None:
            raise HTTPException(401, "expected a ticket that was not used yet")
        return user

    @app.websocket("/ws")
    async def socket(websocket: WebSocketConnection, user: Annotated[str, Depends(holder)]) -> None:
        await websocket.accept()
        await websocket.send_json(user)

    _, (given,) = await ask("asgi", app, "/ticket", method="POST", x_key="k")
    assert await handshake(app, f"/ws?ticket={given}") == (101, "user of k")
    assert (await handshake(app, f"/ws?ticket={given}"))[0] == 401
