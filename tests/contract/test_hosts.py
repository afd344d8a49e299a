"""The hosts that a server answers for, as protection against DNS rebinding. On loopback it serves only loopback names
and listed hosts; elsewhere it serves any host until some are listed. The same rules hold for handshakes and for HTTP
requests, whatever their response would have been.
"""

from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, exchange, request, upgrade

FOREIGN = "rebound.example:8000"
LOCAL = ["localhost", "LOCALHOST:8000", "localhost.", "a.localhost:1", "127.0.0.1", "127.8.8.8:80", "[::1]:8000"]
OTHERS = [
    "rebound.example",
    "localhost.evil.test",
    "127.0.0.1.nip.io",
    "2130706433",
    "0.0.0.0:8000",
    "192.0.2.1",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[2001:db8::1]:8000",
]


def statuses(server: Server, host: str, *fields: tuple[str, str], address: str = "127.0.0.1") -> tuple[int, int]:
    """Returns the status of a request and of a handshake."""
    found = []
    for octets in (request("GET", "/livez", fields, host=host), upgrade("/echo", fields, host=host)):
        with Peer(server.port, host=address) as peer:
            peer.send(octets)
            found.append(peer.read_head().status)
    return found[0], found[1]


@promise("hosts")
@pytest.mark.parametrize("host", LOCAL)
def test_loopback_names_are_served(server: Server, host: str) -> None:
    assert statuses(server, host) == (200, 101)


@promise("hosts")
@pytest.mark.parametrize("host", OTHERS)
def test_other_names_are_refused(server: Server, host: str) -> None:
    assert statuses(server, host) == (421, 421)
    assert statuses(server, host, ("Origin", f"http://{host}")) == (421, 421)


@promise("hosts")
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/livez"),
        ("HEAD", "/livez"),
        ("OPTIONS", "/livez"),
        ("GET", "/static/"),
        ("GET", "/nothing/here"),
        ("PUT", "/livez"),
        ("GET", "/echo"),
        ("GET", "/features/stream"),
    ],
)
def test_a_foreign_host_is_refused_whatever_is_requested(server: Server, method: str, target: str) -> None:
    response = exchange(server.port, request(method, target, host=FOREIGN), method)
    assert response.status == 421
    if method != "HEAD":
        assert b"allowed_hosts" in response.body


def test_a_request_with_a_body_is_refused_too(server: Server) -> None:
    assert exchange(server.port, request("POST", "/body", (), b"x" * 1000, host=FOREIGN)).status == 421


def test_a_handshake_at_a_route_that_lists_its_origin(server: Server) -> None:
    """A listed origin admits its own host; it does not admit a page of another host."""
    with Peer(server.port) as peer:
        peer.send(upgrade("/features/limited", [("Origin", "https://app.example.org")], host="app.example.org"))
        assert peer.read_head().status == 101
    with Peer(server.port) as peer:
        peer.send(upgrade("/features/limited", [("Origin", "null")], host=FOREIGN))
        assert peer.read_head().status == 421


@promise("hosts")
def test_what_a_proxy_passes_on(server: Server) -> None:
    """A page can set X-Forwarded-For in its requests, but not Via; in a handshake it can set neither."""
    assert statuses(server, "chat.example.org", ("Via", "1.1 proxy")) == (200, 101)
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP"):
        assert statuses(server, "chat.example.org", (name, "for=192.0.2.1")) == (421, 101), name


@promise("hosts")
def test_what_follows_a_refused_request_is_not_served(server: Server) -> None:
    for octets in (request("GET", "/livez", host=FOREIGN), upgrade("/echo", host=FOREIGN)):
        with Peer(server.port) as peer:
            peer.send_unless_closed(octets + request("GET", "/livez"))
            response = peer.read_response()
            assert (response.status, response.closes) == (421, True)
            peer.expect_end()


@promise("hosts")
def test_http_1_0_needs_no_host(server: Server) -> None:
    assert exchange(server.port, b"GET /livez HTTP/1.0\r\n\r\n").status == 200
    assert exchange(server.port, b"GET /livez HTTP/1.0\r\nHost: rebound.example\r\n\r\n").status == 421


@promise("hosts")
def test_absolute_form(server: Server) -> None:
    """Both hosts are checked: the target's authority wins, but an application may read the Host field."""
    for target, host, status in (
        ("http://localhost/livez", "localhost", 200),
        ("http://rebound.example/livez", "localhost", 421),
        ("http://localhost/livez", "rebound.example", 421),
    ):
        assert exchange(server.port, request("GET", target, host=host)).status == status, (target, host)


@promise("hosts")
def test_a_refusal_is_logged_with_what_to_change(start_server: Callable[..., Server]) -> None:
    server = start_server()  # such lines are limited to a few a second
    lines = len(server.lines)
    assert exchange(server.port, request("GET", "/livez", host="rebound.example")).status == 421
    line = server.wait_for_line("allowed_hosts", after=lines).string
    for word in ("421", "/livez", "rebound.example", "loopback"):
        assert word in line
    for _ in range(50):
        assert exchange(server.port, request("GET", "/livez", host="rebound.example")).status == 421
    assert len(server.lines) <= lines + 21, server.lines[lines:]


@promise("hosts")
def test_allowed_hosts(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_hosts": "chat.example.org,*.example.net"})
    for host in (
        "chat.example.org",
        "Chat.Example.org:8443",
        "chat.example.org.",
        "a.example.net",
        "a.b.example.net:1",
    ):
        assert statuses(server, host) == (200, 101), host
    for host in LOCAL:
        assert statuses(server, host) == (200, 101), host
    for host in ("www.chat.example.org", "example.net", "evilexample.net", "chat.example.org.evil.test", *OTHERS):
        assert statuses(server, host) == (421, 421), host
        assert statuses(server, host, ("Via", "1.1 proxy")) == (421, 421), host


@promise("hosts")
def test_any_host(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_hosts": "*"})
    for host in (*LOCAL, *OTHERS):
        assert statuses(server, host) == (200, 101), host


@promise("hosts")
def test_hosts_of_listed_origins(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_origins": "https://chat.example.org:8443,http://[2001:db8::1],null"})
    for host in ("chat.example.org", "chat.example.org:9", "[2001:db8::1]"):
        assert statuses(server, host) == (200, 101), host
    for host in ("null", "rebound.example"):
        assert statuses(server, host) == (421, 421), host


@promise("hosts")
@pytest.mark.parametrize("place", ["localhost", "127.0.0.2", "::1"])
def test_on_any_loopback_address(start_server: Callable[..., Server], place: str) -> None:
    server = start_server(options=("--host", place))
    address = place if place != "localhost" else "127.0.0.1"
    assert statuses(server, FOREIGN, address=address) == (421, 421)
    assert statuses(server, "localhost", address=address) == (200, 101)


@promise("hosts")
def test_in_every_worker(start_server: Callable[..., Server]) -> None:
    server = start_server(options=("--workers", "3"))
    for _ in range(12):
        assert statuses(server, FOREIGN) == (421, 421)
        assert statuses(server, "localhost") == (200, 101)


@promise("hosts")
@pytest.mark.parametrize("place", ["0.0.0.0", "::"])
def test_beyond_loopback_any_host_is_served(start_server: Callable[..., Server], place: str) -> None:
    server = start_server(options=("--host", place))
    for host in (*LOCAL, *OTHERS):
        assert statuses(server, host, address="::1" if place == "::" else "127.0.0.1") == (200, 101), host


@promise("hosts")
def test_allowed_hosts_beyond_loopback(start_server: Callable[..., Server]) -> None:
    server = start_server(limits={"allowed_hosts": "chat.example.org"}, options=("--host", "0.0.0.0"))
    assert statuses(server, "chat.example.org:8000") == (200, 101)
    for host in ("rebound.example", "localhost", "127.0.0.1"):
        assert statuses(server, host) == (421, 421), host
