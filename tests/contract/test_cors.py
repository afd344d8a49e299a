"""CORS on every answer: handlers' responses, files, streams, the engine's own refusals, and preflights of any path."""

import json
from collections.abc import Callable, Iterator

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, Response, http, request, upgrade

PAGE = "https://app.example.org"
OPTIONS = {
    "allow_origins": [PAGE, "http://localhost:3000"],
    "allow_origin_regex": r"https://pr-\d+\.example\.org",
    "allow_methods": ["GET", "PUT"],
    "allow_headers": ["X-Token"],
    "allow_credentials": True,
    "expose_headers": ["X-Total"],
}


@pytest.fixture(scope="module")
def server(front_end: str) -> Iterator[Server]:
    """A server of this file, with CORS."""
    server = Server(front_end, env={"CAPP_CORS": json.dumps(OPTIONS)})
    try:
        yield server
        server.stop()
    finally:
        server.kill()


def get(server: Server, path: str, origin: str = PAGE, method: str = "GET", body: bytes = b"") -> Response:
    return http(server.port, method, path, [("Origin", origin)], body)


def preflight(
    server: Server, *, origin: str = PAGE, method: str = "PUT", path: str = "/livez", **fields: str
) -> Response:
    headers = [("Origin", origin), ("Access-Control-Request-Method", method)]
    headers += [("Access-Control-Request-" + name.title(), value) for name, value in fields.items()]
    return http(server.port, "OPTIONS", path, headers)


def may_read(response: Response) -> bool:
    """Whether a browser lets the page read the response to a request with credentials."""
    allowed = response.getlist("access-control-allow-origin")
    assert allowed in ([], [PAGE])
    return bool(allowed) and response.get("access-control-allow-credentials") == "true"


@promise("cors")
def test_every_answer_can_be_read(server: Server) -> None:
    server.expect_fault("features/wrong|raised|X-Bad")
    answers = {
        "/livez": 200,
        "/static/index.html": 200,
        "/static/nothing": 404,
        "/nothing": 404,
        "/body": 405,
        "/echo": 426,
        "/features/wrong": 500,
        "/%ff": 400,
    }
    for path, status in answers.items():
        response = get(server, path)
        assert response.status == status, path
        assert may_read(response), path
        assert response.get("access-control-expose-headers") == "X-Total", path
        assert "origin" in response.tokens("vary"), path


@promise("cors")
def test_a_stream_can_be_read(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send(request("GET", "/features/stream", [("Origin", PAGE)]))
        assert may_read(peer.read_response())


@promise("cors")
def test_a_body_that_is_too_large(server: Server) -> None:
    with Peer(server.port) as peer:
        peer.send_unless_closed(request("POST", "/body", [("Origin", PAGE), ("Content-Length", str(1024 * 1024 + 1))]))
        response = peer.read_response()
    assert response.status == 413
    assert may_read(response)


@promise("cors")
@pytest.mark.parametrize("path", ["/livez", "/nothing", "/body", "/echo", "/static/index.html", "/%ff"])
def test_a_preflight_is_answered_for_every_path(server: Server, path: str) -> None:
    response = preflight(server, path=path, headers="content-type,x-token")
    assert response.status == 200
    assert may_read(response)
    assert response.tokens("access-control-allow-methods") == ["get", "put", "head"]
    assert {"content-type", "x-token"} <= set(response.tokens("access-control-allow-headers"))
    assert response.get("access-control-max-age") == "600"
    assert "origin" in response.tokens("vary")


@promise("cors")
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"origin": "https://evil.test"}, "allow_origins"),
        ({"method": "DELETE"}, "allow_methods"),
        ({"method": "put"}, "allow_methods"),
        ({"headers": "x-token,x-other"}, "allow_headers"),
    ],
)
def test_a_refused_preflight_says_why(server: Server, fields: dict[str, str], why: str) -> None:
    response = preflight(server, **fields)
    assert response.status == 400
    assert why in response.body.decode()
    assert response.getlist("access-control-allow-methods") == []


@promise("cors")
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (PAGE, True),
        ("HTTPS://App.Example.ORG", True),
        (PAGE + ":443", True),
        (PAGE + "/", True),
        ("http://localhost:3000", True),
        ("https://pr-17.example.org", True),
        ("https://pr-17.example.org.evil.test", False),
        ("https://pr-x.example.org", False),
        ("http://app.example.org", False),
        ("https://app.example.org.evil.test", False),
        ("http://localhost", False),
        ("null", False),
        ("*", False),
    ],
)
def test_which_origins(server: Server, origin: str, allowed: bool) -> None:
    response = get(server, "/livez", origin)
    assert response.status == 200
    assert response.getlist("access-control-allow-origin") == [origin] * allowed
    assert response.getlist("access-control-allow-credentials") == ["true"] * allowed
    assert "origin" in response.tokens("vary")


@promise("cors")
def test_two_origins_are_none(server: Server) -> None:
    response = http(server.port, "GET", "/livez", [("Origin", PAGE), ("Origin", PAGE)])
    assert response.getlist("access-control-allow-origin") == []


@promise("cors")
def test_without_an_origin_caches_are_warned(server: Server) -> None:
    response = http(server.port, "GET", "/livez")
    assert "origin" in response.tokens("vary")
    assert response.getlist("access-control-allow-origin") == []


@promise("cors")
def test_options_without_the_question_is_an_ordinary_request(server: Server) -> None:
    response = get(server, "/livez", method="OPTIONS")
    assert response.status == 405
    assert may_read(response)


@promise("cors")
def test_websockets_admit_the_same_origins(server: Server) -> None:
    for origin, status in ((PAGE, 101), ("https://evil.test", 403), ("https://pr-17.example.org", 403)):
        with Peer(server.port) as peer:
            peer.send(upgrade("/echo", [("Origin", origin)]))
            head = peer.read_head()
        assert head.status == status, origin
        assert head.getlist("access-control-allow-origin") == []


@promise("cors")
def test_any_origin_without_credentials(start_server: Callable[..., Server]) -> None:
    server = start_server(env={"CAPP_CORS": json.dumps({"allow_origins": ["*"], "allow_headers": ["*"]})})
    for origin in ("https://evil.test", "null"):
        response = get(server, "/nothing", origin)
        assert response.get("access-control-allow-origin") == "*"
        assert response.getlist("access-control-allow-credentials") == []
    assert http(server.port, "GET", "/livez").get("access-control-allow-origin") == "*"
    response = preflight(server, method="GET", headers="authorization,x-any")
    assert response.status == 200
    assert response.tokens("access-control-allow-headers") == ["authorization", "x-any"]
    with Peer(server.port) as peer:
        peer.send(upgrade("/echo", [("Origin", "https://evil.test")]))
        assert peer.read_head().status == 403


@promise("cors")
def test_the_list_of_vary(start_server: Callable[..., Server]) -> None:
    """Compression has something to say too: the same list holds both."""
    server = start_server(env={"CAPP_CORS": json.dumps(OPTIONS)}, limits={"compress": "true"})
    response = get(server, "/livez")
    assert response.get("vary") == "Origin, Accept-Encoding"


def test_without_cors_nothing_is_added(start_server: Callable[..., Server]) -> None:
    server = start_server()
    for response in (get(server, "/livez"), get(server, "/nothing")):
        names = {name.lower() for name, _ in response.headers}
        assert not [name for name in names if name.startswith("access-control-") or name == "vary"]
    assert preflight(server).status == 405
