"""SessionMiddleware: what a signed cookie keeps between the requests of a client."""

import base64
import time
from typing import Any

import itsdangerous
import pytest
from carriers import handshake
from conftest import http, serving
from promises import promise

from proapi import PlainTextResponse, ProAPI, Request, WebSocketConnection
from proapi.sessions import SessionMiddleware

KEY = "a key of some length"
SHARED = PlainTextResponse("shared", headers={"Vary": "Accept"})


def app_with_sessions(**options: Any) -> ProAPI:
    app = ProAPI()
    app.middleware(SessionMiddleware(KEY, **options))

    @app.get("/login/{name}")
    async def login(request: Request, name: str) -> Any:
        request.session["user"] = {"name": name, "visits": 0}
        return PlainTextResponse("welcome")

    @app.get("/visit")
    def visit(request: Request) -> Any:
        request.session["user"]["visits"] += 1  # a nested value
        return dict(request.session)

    @app.get("/read")
    async def read(request: Request) -> Any:
        return dict(request.session)

    @app.get("/logout")
    async def logout(request: Request) -> Any:
        request.session.clear()
        return SHARED

    @app.get("/large")
    async def large(request: Request) -> Any:
        request.session["text"] = "x" * 4000

    @app.get("/other")
    async def other() -> str:
        return "other"

    @app.websocket("/ws")
    async def socket(websocket: WebSocketConnection) -> None:
        await websocket.accept()
        await websocket.send_json(websocket.session)

    return app


class Client:
    """Sends its cookie. ``http`` returns the head in lower case, so that a cookie which was set must be made again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""
        self.head = ""

    async def get(self, path: str) -> tuple[int, bytes]:
        field = f"Cookie: session={self.cookie}\r\n" if self.cookie else ""
        status, self.head, body = await http(self.port, "GET", path, headers=field)
        return status, body

    def fields(self, name: str) -> list[str]:
        return [line.partition(": ")[2] for line in self.head.split("\r\n") if line.startswith(f"{name}:")]


def signed(values: str, key: str = KEY) -> str:
    return (
        itsdangerous.TimestampSigner(key, salt="proapi.sessions")
        .sign(base64.urlsafe_b64encode(values.encode()))
        .decode()
    )


@promise("sessions")
async def test_a_session_from_login_to_logout() -> None:
    app = app_with_sessions()
    async with serving(app) as port:
        client = Client(port)
        assert await client.get("/read") == (200, b"{}")
        assert (client.fields("set-cookie"), client.fields("vary")) == ([], ["cookie"])
        assert (await client.get("/login/ada"))[0] == 200
        (cookie,) = client.fields("set-cookie")
        assert all(each in cookie for each in ("httponly", "samesite=lax", "path=/", f"max-age={14 * 24 * 3600}"))
        client.cookie = signed('{"user":{"name":"ada","visits":0}}')
        assert await client.get("/read") == (200, b'{"user":{"name":"ada","visits":0}}')
        assert client.fields("set-cookie") == []  # not changed
        assert (await client.get("/other"))[0] == 200
        assert (client.fields("set-cookie"), client.fields("vary")) == ([], [])  # not used
        assert await client.get("/visit") == (200, b'{"user":{"name":"ada","visits":1}}')
        assert len(client.fields("set-cookie")) == 1
        client.cookie = signed('{"user":{"name":"ada","visits":1}}')
        assert await client.get("/logout") == (200, b"shared")
        assert "max-age=0" in client.fields("set-cookie")[0]
        assert client.fields("vary") == ["accept, cookie"]
    assert SHARED.headers["Vary"] == "Accept"  # the program's own object is not changed


@promise("sessions")
async def test_a_cookie_that_is_not_ours_is_an_empty_session() -> None:
    others = signed('{"a":1}', "another key of length"), signed("[1]"), signed("no json")
    async with serving(app_with_sessions()) as port:
        for cookie in ("x", "eyJhIjoxfQ==.aaaa.bbbb", *others):
            client = Client(port)
            client.cookie = cookie
            assert await client.get("/read") == (200, b"{}")


@promise("sessions")
async def test_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = signed('{"a":1}')
    now = time.time()
    async with serving(app_with_sessions(max_age=100)) as port:
        for seconds, body, is_set in ((40, b'{"a":1}', False), (60, b'{"a":1}', True), (102, b"{}", True)):
            client = Client(port)
            client.cookie = cookie
            monkeypatch.setattr(time, "time", lambda seconds=seconds: now + seconds)
            assert await client.get("/read") == (200, body)
            assert bool(client.fields("set-cookie")) is is_set  # at the end the cookie is deleted
    monkeypatch.undo()


@promise("sessions")
async def test_a_websocket_has_what_its_handshake_has_sent() -> None:
    assert await handshake(app_with_sessions(), "/ws", cookie=f"session={signed('{}')}") == (101, {})
    assert await handshake(app_with_sessions(), "/ws", cookie=f"session={signed('[7]')}") == (101, {})
    given = signed('{"user":"ada"}')
    assert await handshake(app_with_sessions(), "/ws", cookie=f"session={given}") == (101, {"user": "ada"})


async def test_what_does_not_fit(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(app_with_sessions()) as port:
        assert (await http(port, "GET", "/large"))[0] == 500
    assert "expected a session whose cookie has at most 4096 octets" in caplog.text


async def test_without_the_middleware(caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI()

    @app.get("/")
    async def handler(request: Request) -> Any:
        return request.session

    async with serving(app) as port:
        assert (await http(port, "GET", "/"))[0] == 500
    assert "request.session: expected app.middleware(SessionMiddleware(secret_key=...))" in caplog.text


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a secret_key of at least 16 characters, got 6"):
        SessionMiddleware("secret")
