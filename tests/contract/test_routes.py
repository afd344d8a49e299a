"""Which route a request finds: precedence, converters, percent-decoding, and the answers if there is no route."""

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, Response, WebSocket, http, upgrade

UUID = "123e4567-e89b-12d3-a456-426614174000"

# The requested path below the route's prefix, and the route and the parameters that it finds.
FOUND = [
    ("literal", "literal", {}),
    ("liter%61l", "literal", {}),
    ("Literal", "plain", {"name": "Literal"}),
    ("42", "int", {"n": 42}),
    ("-7", "int", {"n": -7}),
    ("0", "int", {"n": 0}),
    ("2.5", "float", {"x": 2.5}),
    ("-0.25", "float", {"x": -0.25}),
    (UUID, "uuid", {"id": UUID}),
    (UUID.upper(), "uuid", {"id": UUID}),
    (UUID[:-1], "plain", {"name": UUID[:-1]}),
    ("name", "plain", {"name": "name"}),
    ("a%20b", "plain", {"name": "a b"}),
    ("a+b", "plain", {"name": "a+b"}),
    ("%E2%82%AC", "plain", {"name": "\u20ac"}),
    ("a%2Fb", "plain", {"name": "a/b"}),
    ("%252F", "plain", {"name": "%2F"}),
    ("a/5", "two", {"a": "a", "b": 5}),
    ("a/b", "path", {"rest": "a/b"}),
    ("a/b/c%20d", "path", {"rest": "a/b/c d"}),
    ("literal/", "path", {"rest": "literal/"}),
]


def websocket_answer(port: int, path: str) -> Response:
    with Peer(port) as peer:
        peer.send(upgrade(path))
        return peer.read_response()


@promise("route-precedence")
@pytest.mark.parametrize(("path", "which", "parameters"), FOUND)
def test_websocket_routes(server: Server, path: str, which: str, parameters: dict[str, object]) -> None:
    with WebSocket(server.port, f"/features/route/{path}") as websocket:
        assert websocket.receive_json() == [which, parameters]
        websocket.expect_close(1000)


@promise("route-precedence")
@pytest.mark.parametrize(("path", "which", "parameters"), FOUND)
def test_http_routes(server: Server, path: str, which: str, parameters: dict[str, object]) -> None:
    assert http(server.port, "GET", f"/features/route-http/{path}").json() == [which, parameters]


def test_a_query_is_not_part_of_the_path(server: Server) -> None:
    with WebSocket(server.port, "/features/route/42?x=/a/b") as websocket:
        assert websocket.receive_json() == ["int", {"n": 42}]
    assert http(server.port, "GET", "/features/route-http/42?x=/a/b").json() == ["int", {"n": 42}]


@promise("arguments-by-name")
def test_the_connection_may_have_any_name(server: Server) -> None:
    with WebSocket(server.port, "/features/named/lobby") as websocket:
        assert websocket.receive() == "lobby"
        websocket.expect_close(1000)


@promise("route-precedence")
def test_one_path_for_a_page_and_a_socket(server: Server) -> None:
    assert http(server.port, "GET", "/features/both").body == b"page"
    with WebSocket(server.port, "/features/both") as websocket:
        assert websocket.receive() == "socket"


@promise("no-route")
@pytest.mark.parametrize("path", ["/nowhere", "/", "/echo/", "/echo/x", "/features", "/Echo", "//echo"])
def test_nothing_there(server: Server, path: str) -> None:
    assert http(server.port, "GET", path).status == 404
    assert websocket_answer(server.port, path).status == 404


def test_an_empty_segment_is_no_parameter(server: Server) -> None:
    assert http(server.port, "GET", "/room/").status == 404
    assert websocket_answer(server.port, "/room/").status == 404


@promise("no-route")
def test_a_plain_get_on_a_websocket_route(server: Server) -> None:
    response = http(server.port, "GET", "/echo")
    assert response.status == 426
    assert response.get("upgrade").lower() == "websocket"


@promise("websocket-handlers-need-a-handshake")
@pytest.mark.parametrize("method", ["WEBSOCKET", "websocket", "WebSocket"])
def test_no_method_of_a_request_is_that_of_websocket_routes(server: Server, method: str) -> None:
    """Such a request would bypass the handshake and the origin check on its way to the handler."""
    assert 400 <= http(server.port, method, "/echo").status < 500
    with WebSocket(server.port, "/echo") as websocket:
        assert websocket.ask("still there") == "still there"


def test_the_connection_field_of_426(server: Server) -> None:
    assert "upgrade" in http(server.port, "GET", "/echo").tokens("connection")


@promise("route-methods")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method(server: Server, method: str) -> None:
    response = http(server.port, method, "/body")
    assert response.status == 405
    assert response.tokens("allow") == ["post"]


@promise("route-methods")
def test_allow_names_every_method(server: Server) -> None:
    response = http(server.port, "TRACE", "/features/request")
    assert response.status == 405
    assert set(response.tokens("allow")) >= {"get", "post", "put", "patch", "delete", "options"}


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@promise("route-methods")
@pytest.mark.parametrize("own", METHODS)
def test_a_handler_for_one_method(server: Server, own: str) -> None:
    """app.get, app.post and so on. A handler for GET also serves HEAD."""
    answered = {own, "HEAD"} if own == "GET" else {own}
    for method in [*METHODS, "TRACE"]:
        response = http(server.port, method, f"/features/method/{own.lower()}")
        if method in answered:
            assert (response.status, response.get("x-method")) == (200, own.lower())
            assert response.body == (b"" if method == "HEAD" else own.lower().encode())
        else:
            assert (response.status, response.getlist("x-method")) == (405, []), method
            assert {token.upper() for token in response.tokens("allow")} == answered, method


@promise("route-methods")
@pytest.mark.parametrize("method", METHODS)
def test_a_handler_for_each_method_of_a_path(server: Server, method: str) -> None:
    """HEAD has its own handler here, which wins over GET's."""
    response = http(server.port, method, "/features/methods")
    assert (response.status, response.get("x-method")) == (200, method.lower())


def test_a_websocket_handshake_on_an_http_route(server: Server) -> None:
    """Upgrade is an offer that a server may ignore (RFC 9110 section 7.8)."""
    assert websocket_answer(server.port, "/livez").status == 200


@pytest.mark.parametrize("path", ["/room/%zz", "/room/%", "/room/%4", "/room/%00", "/room/a%00b", "/room/%ff"])
def test_paths_that_can_not_be_decoded(server: Server, path: str) -> None:
    assert http(server.port, "GET", path).status == 400
    assert websocket_answer(server.port, path).status == 400


@promise("route-methods")
def test_get_serves_head(server: Server) -> None:
    get = http(server.port, "GET", "/livez")
    head = http(server.port, "HEAD", "/livez")
    assert (head.status, head.body) == (200, b"")
    assert head.get("content-length") == get.get("content-length") == "2"
