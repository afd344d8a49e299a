"""Who the client is: what trusted proxies say of it, in header fields and in PROXY headers, and what is not believed.
The tests are the proxy: their address is 127.0.0.1.
"""

import json
import struct
from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import TEXT, Peer, exchange, frame, request, upgrade

pytestmark = pytest.mark.plain("its PROXY headers come before TLS; test_tls has one")

TRUSTING = ("--trusted-proxies", "127.0.0.1,10.0.0.0/8,2001:db8:aaaa::/48")
HOST = "localhost:8000"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n"

Start = Callable[..., Server]


def who(server: Server, *fields: tuple[str, str], host: str = HOST) -> list[str]:
    """Returns client, scheme and host, as the application sees them."""
    response = exchange(server.port, request("GET", "/who", fields, host=host))
    assert response.status == 200, response
    seen = json.loads(response.body)
    return [seen["client"], seen["scheme"], seen["host"]]


def version_2(source: tuple[bytes, int], *, command: int = 0x21, family: int = 0x11, tlvs: bytes = b"") -> bytes:
    address, port = source
    block = address + bytes(len(address)) + struct.pack("!HH", port, 443) + tlvs
    return SIGNATURE + struct.pack("!BBH", command, family, len(block)) + block


def answer(server: Server, octets: bytes) -> dict[str, str]:
    """Sends octets and a request for /who; returns what the application has seen."""
    with Peer(server.port) as peer:
        peer.send(octets + request("GET", "/who", host=HOST))
        response = peer.read_response()
        assert response.status == 200, response
        seen: dict[str, str] = json.loads(response.body)
        return seen


# ---- header fields --------------------------------------------------------------------------------------------------


@promise("trusted-proxies")
def test_what_a_trusted_proxy_says(start_server: Start) -> None:
    server = start_server(options=TRUSTING)
    assert who(server) == ["127.0.0.1", "http", HOST]
    for fields, seen in (
        ([("X-Forwarded-For", "192.0.2.1")], ["192.0.2.1", "http", HOST]),
        ([("X-Forwarded-For", "192.0.2.1:4711"), ("X-Forwarded-Proto", "https")], ["192.0.2.1", "https", HOST]),
        ([("X-Forwarded-For", "2001:DB8::1"), ("X-Forwarded-Host", "a.test")], ["2001:db8::1", "http", "a.test"]),
        ([("X-Forwarded-For", "6.6.6.6, 192.0.2.1, 10.1.2.3")], ["192.0.2.1", "http", HOST]),
        ([("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.1")], ["192.0.2.1", "http", HOST]),
        ([("X-Forwarded-For", "192.0.2.1, nonsense, 10.1.2.3")], ["10.1.2.3", "http", HOST]),
        ([("X-Forwarded-For", "unknown")], ["127.0.0.1", "http", HOST]),
        (
            [("Forwarded", 'for="[2001:db8::2]:80";proto=https;host="b.test:8443"')],
            ["2001:db8::2", "https", "b.test:8443"],
        ),
        ([("Forwarded", "for=6.6.6.6;host=evil.test, for=192.0.2.3;proto=https")], ["192.0.2.3", "https", HOST]),
        ([("Forwarded", "for=192.0.2.3, for=10.1.2.3")], ["192.0.2.3", "http", HOST]),
        ([("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "192.0.2.1")], ["192.0.2.1", "http", HOST]),
    ):
        assert who(server, *fields) == seen, fields


LIES = [
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.test"),
    ("Forwarded", "for=6.6.6.6;proto=https;host=evil.test"),
]


@promise("trusted-proxies")
@pytest.mark.parametrize("options", [(), ("--trusted-proxies", "192.0.2.0/24,::1,unix")], ids=["none", "others"])
def test_others_are_not_believed(start_server: Start, options: tuple[str, ...]) -> None:
    server = start_server(options=options)
    for field in LIES:
        assert who(server, field) == ["127.0.0.1", "http", HOST]
    assert who(server, *LIES) == ["127.0.0.1", "http", HOST]


@promise("trusted-proxies")
def test_a_forwarded_host_that_is_not_one(start_server: Start) -> None:
    server = start_server(options=TRUSTING)
    for host in ("a b", "user@a.test", "a.test:port", "[::1", "a/b"):
        for path in ("/who", "/nothing"):
            response = exchange(server.port, request("GET", path, [("X-Forwarded-Host", host)]))
            assert (response.status, b"X-Forwarded-Host" in response.body) == (400, True), host
        with Peer(server.port) as peer:
            peer.send(upgrade("/echo", [("Forwarded", f'host="{host}"')]))
            assert peer.read_head().status == 400
    assert who(server) == ["127.0.0.1", "http", HOST]


@promise("trusted-proxies")
def test_the_host_rule_speaks_of_the_forwarded_host(start_server: Start) -> None:
    server = start_server(limits={"allowed_hosts": "chat.example.org"}, options=TRUSTING)
    assert who(server, ("X-Forwarded-Host", "chat.example.org"))[2] == "chat.example.org"
    for forwarded, own in (("evil.test", HOST), ("localhost", "rebound.test"), ("chat.example.org", "rebound.test")):
        response = exchange(server.port, request("GET", "/who", [("X-Forwarded-Host", forwarded)], host=own))
        assert response.status == 421, (forwarded, own)


@promise("trusted-proxies")
def test_a_rebound_page_cannot_name_another_host(start_server: Start) -> None:
    """Its browser connects from 127.0.0.1, which is trusted, and it can write any field but Host and Via."""
    server = start_server(options=TRUSTING)
    for forwarded in ("localhost", "127.0.0.1", "rebound.test"):
        fields = [("X-Forwarded-Host", forwarded), ("X-Forwarded-For", "127.0.0.1")]
        assert exchange(server.port, request("GET", "/who", fields, host="rebound.test")).status == 421


@promise("trusted-proxies")
@promise("origins")
def test_the_origin_rule_speaks_of_the_forwarded_host(start_server: Start) -> None:
    server = start_server(options=TRUSTING)
    for origin, status in (
        ("https://chat.example.org", 101),
        ("https://chat.example.org:8443", 403),
        ("https://evil.test", 403),
        ("http://localhost:8000", 403),
    ):
        with Peer(server.port) as peer:
            peer.send(upgrade("/echo", [("Origin", origin), ("X-Forwarded-Host", "chat.example.org")], host=HOST))
            assert peer.read_head().status == status, origin


@promise("trusted-proxies")
def test_the_logs_speak_of_the_client(start_server: Start) -> None:
    server = start_server(options=(*TRUSTING, "--access-log", "common"))
    who(server, ("X-Forwarded-For", "192.0.2.77"))
    server.wait_for_line(r'^192\.0\.2\.77 .*"GET /who HTTP/1\.1" 200')
    with Peer(server.port) as peer:
        peer.send(upgrade("/echo", [("X-Forwarded-For", "192.0.2.78")], host=HOST))
        assert peer.read_head().status == 101
        peer.send(b"\xff\xff")  # not a frame
        server.wait_for_line(r"192\.0\.2\.78 closed with 1002")


@promise("trusted-proxies")
def test_each_request_of_a_connection_has_its_own_client(start_server: Start) -> None:
    server = start_server(options=TRUSTING)
    with Peer(server.port) as peer:
        for address in ("192.0.2.1", "192.0.2.2", "127.0.0.1"):
            peer.send(request("GET", "/who", [("X-Forwarded-For", address)], host=HOST))
            assert json.loads(peer.read_response().body)["client"] == address


# ---- the PROXY protocol ---------------------------------------------------------------------------------------------

REQUIRING = (*TRUSTING, "--proxy-protocol")


@promise("proxy-protocol")
def test_a_proxy_header_names_the_client(start_server: Start) -> None:
    server = start_server(options=REQUIRING)
    ipv6 = bytes.fromhex("20010db8000000000000000000000001")
    for octets, client in (
        (LINE, "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "2001:db8::1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (version_2((bytes([192, 0, 2, 2]), 80)), "192.0.2.2"),
        (version_2((bytes([192, 0, 2, 2]), 80), tlvs=b"\x04\0\x08" + bytes(8)), "192.0.2.2"),
        (version_2((ipv6, 80), family=0x21), "2001:db8::1"),
        (version_2((bytes(4), 0), command=0x20), "127.0.0.1"),
        (SIGNATURE + b"\x20\x00\x00\x00", "127.0.0.1"),
    ):
        assert answer(server, octets) == {"client": client, "scheme": "http", "host": HOST}, octets
    server.stop()
    assert "PROXY" not in server.log


@promise("proxy-protocol")
def test_a_websocket_after_a_proxy_header(start_server: Start) -> None:
    server = start_server(options=REQUIRING)
    with Peer(server.port) as peer:
        peer.send(LINE + upgrade("/echo", host=HOST))
        assert peer.read_head().status == 101
        peer.send(frame(TEXT, b"hello"))
        assert peer.read_frame().payload == b"hello"


@promise("proxy-protocol")
def test_a_header_in_pieces(start_server: Start) -> None:
    server = start_server(options=REQUIRING)
    for header in (LINE, version_2((bytes([192, 0, 2, 1]), 80))):
        with Peer(server.port) as peer:
            for octet in header:
                peer.send(bytes([octet]))
            peer.send(request("GET", "/who", host=HOST))
            assert json.loads(peer.read_response().body)["client"] == "192.0.2.1"


@promise("proxy-protocol")
def test_the_client_behind_a_header_is_not_a_trusted_proxy(start_server: Start) -> None:
    server = start_server(options=REQUIRING)
    lie = request("GET", "/who", LIES, host=HOST)
    for header, client in (
        (LINE, "192.0.2.1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (b"PROXY TCP4 10.0.0.9 203.0.113.1 1 2\r\n", "6.6.6.6"),
    ):
        with Peer(server.port) as peer:
            peer.send(header + lie)
            assert json.loads(peer.read_response().body)["client"] == client


@promise("proxy-protocol")
@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (request("GET", "/who"), "something else"),
        (b"PROXY TCP4 localhost 203.0.113.1 1 2\r\n", "a malformed line"),
        (b"PROXY UNKNOWN " + b"x" * 100, "more than 107 octets"),
        (SIGNATURE + b"\x21\x11\x00\x04" + bytes(4), "too short"),
        (SIGNATURE + b"\x21\x11\xff\xff", "more than 4096 octets"),
        (SIGNATURE + b"\x31\x11\x00\x0c", "unknown version"),
    ],
    ids=["none", "malformed", "long line", "short", "long", "version"],
)
def test_without_the_header_the_connection_is_closed(start_server: Start, octets: bytes, what: str) -> None:
    server = start_server(options=REQUIRING)
    lines = len(server.lines)
    with Peer(server.port) as peer:
        peer.send_unless_closed(octets + request("GET", "/who"))
        peer.expect_end()
    line = server.wait_for_line("expected a PROXY header", after=lines).string
    for words in (what, "127.0.0.1", "proxy_protocol", "trusted_proxies"):
        assert words in line
    assert answer(server, LINE)["client"] == "192.0.2.1"


@promise("proxy-protocol")
def test_lines_about_missing_headers_are_limited(start_server: Start) -> None:
    server = start_server(options=REQUIRING)
    lines = len(server.lines)
    for _ in range(50):
        with Peer(server.port) as peer:
            peer.send(b"x")
            peer.expect_end()
    assert len(server.lines) <= lines + 31, server.lines[lines:]


@promise("proxy-protocol")
def test_a_header_that_does_not_come(start_server: Start) -> None:
    server = start_server(limits={"head_timeout": 0.2}, options=REQUIRING)
    with Peer(server.port) as silent, Peer(server.port) as slow:
        slow.send(b"PROXY TCP4 ")
        silent.expect_end()
        slow.expect_end()
    server.wait_for_line("only a part of one in time")


@promise("proxy-protocol")
def test_health_checks_are_not_logged(start_server: Start) -> None:
    server = start_server(options=REQUIRING)
    with Peer(server.port):
        pass
    with Peer(server.port) as peer:
        peer.send(SIGNATURE + b"\x20\x00\x00\x00")
    assert answer(server, LINE)["client"] == "192.0.2.1"
    server.stop()
    assert "PROXY" not in server.log


@promise("proxy-protocol")
def test_others_begin_without_a_header(start_server: Start) -> None:
    server = start_server(options=("--trusted-proxies", "192.0.2.9", "--proxy-protocol"))
    assert who(server) == ["127.0.0.1", "http", HOST]
    for header in (LINE, version_2((bytes(4), 0))):
        with Peer(server.port) as peer:
            peer.send_unless_closed(header + request("GET", "/who"))
            assert peer.read_response().status == 400


# ---- connections of one client --------------------------------------------------------------------------------------


@promise("connections-per-client")
def test_connections_of_one_client(start_server: Start) -> None:
    server = start_server(limits={"max_connections_per_client": 2})
    with Peer(server.port) as first, Peer(server.port) as second:
        for peer in (first, second):
            assert peer.ask("GET", "/livez").status == 200
        with Peer(server.port) as third:
            assert third.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 503 ")
        assert second.ask("GET", "/livez").status == 200
        server.wait_for_line(r"127\.0\.0\.1 refused with 503.*max_connections_per_client")


@promise("connections-per-client")
def test_connections_behind_a_proxy_count_for_its_clients(start_server: Start) -> None:
    server = start_server(limits={"max_connections_per_client": 1}, options=TRUSTING)

    def open_websocket(peer: Peer, client: str) -> int:
        peer.send(upgrade("/echo", [("X-Forwarded-For", client)], host=HOST))
        return peer.read_head().status

    with Peer(server.port) as first, Peer(server.port) as second, Peer(server.port) as third:
        assert open_websocket(first, "192.0.2.1") == 101
        assert open_websocket(second, "192.0.2.1") == 503
        assert open_websocket(third, "192.0.2.2") == 101
        for _ in range(3):
            assert who(server, ("X-Forwarded-For", "192.0.2.1"))[0] == "192.0.2.1"


@promise("connections-per-client")
def test_connections_with_a_proxy_header_count_for_the_client(start_server: Start) -> None:
    server = start_server(limits={"max_connections_per_client": 1}, options=REQUIRING)
    with Peer(server.port) as first:
        first.send(LINE + request("GET", "/livez"))
        assert first.read_response().status == 200
        with Peer(server.port) as second:
            second.send(LINE + request("GET", "/livez"))
            assert second.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 503 ")
        assert answer(server, b"PROXY TCP4 192.0.2.9 203.0.113.1 1 2\r\n")["client"] == "192.0.2.9"


# ---- settings -------------------------------------------------------------------------------------------------------


@promise("trusted-proxies")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--trusted-proxies", "10.0.0.1/8"), "trusted_proxies: expected addresses, networks"),
        (("--trusted-proxies", "proxy.example.org"), "trusted_proxies: expected addresses, networks"),
        (("--proxy-protocol",), "trusted_proxies is empty"),
        (("--limit", "proxy_protocol=perhaps"), "proxy_protocol: expected true or false"),
    ],
    ids=["bits beyond the prefix", "name", "nobody", "switch"],
)
def test_wrong_settings_are_refused(front_end: str, options: tuple[str, ...], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        Server(front_end, options=options)
