"""Which web pages may open a WebSocket: same origin, local ones while developing, those of allowed_origins."""

from collections.abc import Callable

import pytest
from front_ends import Server
from raw import Peer, request, upgrade

REFUSED = (400, 403)  # a server may find the handshake itself wrong


def status(server: Server, host: str, origins: list[str], *more: tuple[str, str], path: str = "/echo") -> int:
    with Peer(server.port) as peer:
        peer.send(upgrade(path, [*(("Origin", origin) for origin in origins), *more], host=host))
        return peer.read_head().status


def test_without_an_origin(server: Server) -> None:
    assert status(server, "example.org", []) == 101
    assert status(server, "localhost", []) == 101


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("example.org", "https://example.org"),
        ("example.org", "http://example.org"),
        ("example.org:8443", "https://example.org:8443"),
        ("EXAMPLE.org", "https://example.ORG"),
        ("example.org:443", "https://example.org"),
        ("192.0.2.1:8000", "http://192.0.2.1:8000"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]"),
    ],
)
def test_the_same_origin(server: Server, host: str, origin: str) -> None:
    assert status(server, host, [origin]) == 101


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("example.org", "https://example.org.evil.test"),
        ("example.org", "https://evil.test"),
        ("example.org", "https://evil-example.org"),
        ("example.org", "https://www.example.org"),
        ("example.org", "https://example.org@evil.test"),
        ("example.org", "https://example.org:8443"),
        ("example.org:8443", "https://example.org"),
        ("example.org", "example.org"),
        ("example.org", "null"),
        ("example.org", ""),
        ("example.org", "http://localhost"),
        ("example.org", "file://"),
        ("localhost", "https://evil.test"),
        ("localhost", "http://localhost.evil.test"),
        ("127.0.0.1:8000", "http://127.0.0.1.evil.test"),
    ],
)
def test_other_origins(server: Server, host: str, origin: str) -> None:
    assert status(server, host, [origin]) == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:3000"),
        ("localhost:8000", "http://127.0.0.1:5173"),
        ("127.0.0.1:8000", "http://localhost"),
        ("[::1]:8000", "http://[::1]:3000"),
        ("localhost:8000", "null"),
    ],
)
def test_local_pages_while_developing(server: Server, host: str, origin: str) -> None:
    assert status(server, host, [origin]) == 101
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"):
        assert status(server, host, [origin], (name, "for=192.0.2.1")) == 403, name


def test_two_origins(server: Server) -> None:
    assert status(server, "example.org", ["https://example.org", "https://evil.test"]) in REFUSED
    assert status(server, "example.org", ["https://evil.test", "https://example.org"]) in REFUSED


def test_a_refusal_is_logged_with_what_to_change(start_server: Callable[..., Server]) -> None:
    server = start_server()  # such lines are limited to a few a second
    lines = len(server.lines)
    assert status(server, "example.org", ["https://evil.test/\xe9"]) == 403
    line = server.wait_for_line("allowed_origins", after=lines).string
    assert "https://evil.test" in line
    assert line.isascii()
    assert len(server.lines) == lines + 1, server.lines[lines:]


def test_allowed_origins(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_origins": "https://app.example.org,https://other.example.org:8443"})
    for origin in ("https://app.example.org", "https://other.example.org:8443", "HTTPS://App.Example.org"):
        assert status(server, "api.example.org", [origin]) == 101, origin
    for origin in ("http://app.example.org", "https://app.example.org:8443", "https://example.org", "null"):
        assert status(server, "api.example.org", [origin]) == 403, origin
    assert status(server, "api.example.org", ["https://api.example.org"]) == 101


def test_allowed_origins_of_a_route(server: Server) -> None:
    for origin in ("https://app.example.org", "null"):
        assert status(server, "api.example.org", [origin], path="/features/limited") == 101, origin
        assert status(server, "api.example.org", [origin]) == 403, origin
    for origin in ("http://app.example.org", "https://other.example.org"):
        assert status(server, "api.example.org", [origin], path="/features/limited") == 403, origin
    assert status(server, "api.example.org", ["https://api.example.org"], path="/features/limited") == 101


def test_a_route_has_allowed_origins_of_its_own(start_server: Callable[..., Server]) -> None:
    """The application's are not those of a route that names some."""
    server = start_server(limits={"allowed_origins": "https://other.example.org"})
    for path, let_in, refused in (
        ("/features/limited", "https://app.example.org", "https://other.example.org"),
        ("/echo", "https://other.example.org", "https://app.example.org"),
    ):
        assert status(server, "api.example.org", [let_in], path=path) == 101, path
        assert status(server, "api.example.org", [refused], path=path) == 403, path


def test_any_origin(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_origins": "*"})
    for origin in ("https://evil.test", "null", "http://localhost"):
        assert status(server, "api.example.org", [origin]) == 101, origin


def test_what_follows_a_refused_handshake_is_no_request(start_server: Callable[..., Server]) -> None:
    """The client, or what stands between, may take the connection for a WebSocket's already."""
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(upgrade("/echo", [("Origin", "https://evil.test")], host="example.org") + request("GET", "/livez"))
        response = peer.read_response()
        assert (response.status, response.closes) == (403, True)
        peer.expect_end()
