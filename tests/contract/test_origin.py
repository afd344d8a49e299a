"""Which web pages may open a WebSocket: same origin, local pages during development, and those in allowed_origins.

The suite's servers listen on loopback. There the Host rule (test_hosts.py) admits other hosts than loopback names only
if a proxy passes them on, which ``Via`` states.
"""

import re
from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, request, upgrade

REFUSED = (400, 403)  # a server may also reject the handshake as malformed
LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


def status(
    server: Server,
    host: str,
    origins: list[str],
    *more: tuple[str, str],
    path: str = "/echo",
    address: str = "127.0.0.1",
) -> int:
    if not LOCAL.fullmatch(host):
        more = (("Via", "1.1 proxy"), *more)
    with Peer(server.port, host=address) as peer:
        peer.send(upgrade(path, [*(("Origin", origin) for origin in origins), *more], host=host))
        return peer.read_head().status


@promise("origins")
def test_without_an_origin(server: Server) -> None:
    assert status(server, "example.org", []) == 101
    assert status(server, "localhost", []) == 101


@promise("origins")
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
        ("localhost:8000", "http://localhost:8000"),
        ("example.org", "https://example.org/"),
    ],
)
def test_the_same_origin(server: Server, host: str, origin: str) -> None:
    assert status(server, host, [origin]) == 101


@promise("origins")
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
        ("example.org", "ftp://example.org"),
        ("example.org", "https://example.org//"),
        ("example.org", "https://example.org/page"),
        ("localhost:8000", "ftp://localhost:8000"),
        ("localhost", "capacitor://localhost"),
        ("localhost", "file://"),
        ("localhost", "https://evil.test"),
        ("localhost", "http://localhost.evil.test"),
        ("127.0.0.1:8000", "http://127.0.0.1.evil.test"),
    ],
)
def test_other_origins(server: Server, host: str, origin: str) -> None:
    assert status(server, host, [origin]) == 403


@promise("local-pages")
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:3000"),
        ("localhost:8000", "http://127.0.0.1:5173"),
        ("127.0.0.1:8000", "http://localhost"),
        ("[::1]:8000", "http://[::1]:3000"),
        ("localhost:8000", "http://localhost/"),
        ("localhost:8000", "null"),
    ],
)
def test_local_pages_while_developing(server: Server, host: str, origin: str) -> None:
    assert status(server, host, [origin]) == 101
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Via"):
        assert status(server, host, [origin], (name, "for=192.0.2.1")) == 403, name


LOCAL_PAGES = [("localhost:8000", "http://localhost:3000"), ("127.0.0.1:8000", "null"), ("[::1]", "http://127.0.0.1:9")]


@promise("local-pages")
@pytest.mark.parametrize(("host", "origin"), LOCAL_PAGES)
def test_local_pages_where_origins_are_listed(start_server: Callable[..., Server], host: str, origin: str) -> None:
    """What nginx passes on by default: Host is the upstream's, and nothing shows that there is a proxy."""
    server = start_server(limits={"allowed_origins": "https://app.example.org"})
    assert status(server, host, [origin]) == 403
    assert status(server, host, ["https://app.example.org"]) == 101
    assert status(server, host, [f"http://{host}"]) == 101
    assert not any("development" in line for line in server.lines)


@promise("local-pages")
@pytest.mark.parametrize(("host", "origin"), LOCAL_PAGES)
def test_local_pages_on_a_route_that_lists_origins(server: Server, host: str, origin: str) -> None:
    assert status(server, host, [origin], path="/features/limited") == (101 if origin == "null" else 403)


@promise("local-pages")
@pytest.mark.parametrize(("place", "address"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_local_pages_of_a_server_that_others_reach(
    start_server: Callable[..., Server], place: str, address: str
) -> None:
    server = start_server(options=("--host", place))
    for host, origin in LOCAL_PAGES:
        assert status(server, host, [origin], address=address) == 403, (host, origin)
        assert status(server, host, [f"http://{host}"], address=address) == 101, host


@promise("local-pages")
@pytest.mark.parametrize(("place", "address"), [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1")])
def test_local_pages_of_a_server_on_any_loopback_address(
    start_server: Callable[..., Server], place: str, address: str
) -> None:
    server = start_server(options=("--host", place))
    for host, origin in LOCAL_PAGES:
        assert status(server, host, [origin], address=address) == 101, (host, origin)


@promise("local-pages")
def test_the_exception_for_development_is_logged_once(start_server: Callable[..., Server]) -> None:
    server = start_server()
    assert status(server, "localhost", ["http://localhost"]) == 101
    for host, origin in LOCAL_PAGES:
        assert status(server, host, [origin]) == 101
    assert status(server, "localhost", ["https://evil.test"]) == 403
    server.wait_for_line("https://evil.test")
    told = [line for line in server.lines if "development" in line]
    assert len(told) == 1, told
    assert "http://localhost:3000" in told[0]
    assert "allowed_origins" in told[0]
    assert "warning" in told[0].lower()


@promise("origins")
def test_two_origins(server: Server) -> None:
    assert status(server, "example.org", ["https://example.org", "https://evil.test"]) in REFUSED
    assert status(server, "example.org", ["https://evil.test", "https://example.org"]) in REFUSED


@promise("texts-name-the-setting", "origins")
def test_a_refusal_is_logged_with_what_to_change(start_server: Callable[..., Server]) -> None:
    server = start_server()  # such lines are limited to a few a second
    lines = len(server.lines)
    assert status(server, "example.org", ["https://evil.test/\xe9"]) == 403
    line = server.wait_for_line("allowed_origins", after=lines).string
    assert "https://evil.test" in line
    assert line.isascii()
    assert len(server.lines) == lines + 1, server.lines[lines:]


@promise("origins")
def test_allowed_origins(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_origins": "https://app.example.org/,https://other.example.org:8443"})
    for origin in (
        "https://app.example.org",
        "https://app.example.org/",
        "https://other.example.org:8443",
        "HTTPS://App.Example.org",
    ):
        assert status(server, "api.example.org", [origin]) == 101, origin
    for origin in ("http://app.example.org", "https://app.example.org:8443", "https://example.org", "null"):
        assert status(server, "api.example.org", [origin]) == 403, origin
    assert status(server, "api.example.org", ["https://api.example.org"]) == 101


@promise("origins")
def test_origins_of_other_schemes(start_server: Callable[..., Server]) -> None:
    """Origins of web views and of pages from files, which must be listed in full."""
    server = start_server(limits={"allowed_origins": "file://,null,capacitor://localhost,http://localhost:3000"})
    for origin in ("file://", "null", "capacitor://localhost", "http://localhost:3000", "http://localhost:3000/"):
        assert status(server, "localhost", [origin]) == 101, origin
    for origin in (
        "http://localhost:4000",
        "capacitor://app",
        "ionic://localhost",
        "file://server",
        "https://localhost:3000",
    ):
        assert status(server, "localhost", [origin]) == 403, origin


@promise("limits-of-routes")
def test_allowed_origins_of_a_route(server: Server) -> None:
    for origin in ("https://app.example.org", "null"):
        assert status(server, "api.example.org", [origin], path="/features/limited") == 101, origin
        assert status(server, "api.example.org", [origin]) == 403, origin
    for origin in ("http://app.example.org", "https://other.example.org"):
        assert status(server, "api.example.org", [origin], path="/features/limited") == 403, origin
    assert status(server, "api.example.org", ["https://api.example.org"], path="/features/limited") == 101


@promise("limits-of-routes")
def test_a_route_has_allowed_origins_of_its_own(start_server: Callable[..., Server]) -> None:
    """A route that lists origins does not use those of the application."""
    server = start_server(limits={"allowed_origins": "https://other.example.org"})
    for path, let_in, refused in (
        ("/features/limited", "https://app.example.org", "https://other.example.org"),
        ("/echo", "https://other.example.org", "https://app.example.org"),
    ):
        assert status(server, "api.example.org", [let_in], path=path) == 101, path
        assert status(server, "api.example.org", [refused], path=path) == 403, path


@promise("origins")
def test_any_origin(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_origins": "*"})
    for origin in ("https://evil.test", "null", "http://localhost"):
        assert status(server, "api.example.org", [origin]) == 101, origin


@promise("origins")
def test_what_follows_a_refused_handshake_is_no_request(start_server: Callable[..., Server]) -> None:
    """The client, or a proxy, may already take the connection for a WebSocket."""
    server = start_server()
    with Peer(server.port) as peer:
        peer.send(upgrade("/echo", [("Origin", "https://evil.test")]) + request("GET", "/livez"))
        response = peer.read_response()
        assert (response.status, response.closes) == (403, True)
        peer.expect_end()
