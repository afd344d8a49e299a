"""Every configuration of a proxy in the documentation, unchanged, in the proxy itself.

Only the addresses and the paths of certificates are replaced. A proxy that is not installed is skipped;
scripts/proxies_setup.sh unpacks those that are missing, without root.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
from promises import promise
from proxies import KINDS, SITE, Block, Certificates, blocks
from sites import DEADLINE_S, Site, of_blocks, running_site
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = promise("proxies")

CLIENT = "127.0.0.9"  # not the proxy's own address
MIB = 1024 * 1024
LARGE = 32 * MIB
PART = 64 * 1024


def test_every_proxy_is_documented() -> None:
    assert {(block.kind, block.reaches_a_unix_socket) for block in blocks() if block.reads_http} == {
        (kind, is_unix) for kind in KINDS for is_unix in (False, True)
    }
    assert {block.kind for block in blocks() if not block.reads_http} == {"haproxy", "nginx"}


@pytest.fixture(scope="module")
def site(block: Block, certificates: Certificates) -> Iterator[Site]:
    """A site with no more listed hosts or origins than the documentation asks for."""
    with running_site(block, certificates, max_body_size=LARGE) as running:
        yield running


async def echoes(client: ClientConnection, message: str | bytes) -> None:
    await client.send(message)
    assert await client.recv() == message


async def refusal(site: Site, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with asyncio.timeout(DEADLINE_S), site.connect(**options):
            pass
    return caught.value.response.status_code


# ---- which pages are admitted ---------------------------------------------------------------------------------------


def names(site: Site) -> list[str]:
    """The names under which the site serves: any, unless the proxy or the application lists one."""
    is_listed = KINDS[site.block.kind].names_its_site or not site.block.reads_http
    return [SITE] if is_listed else [SITE, "localhost", "127.0.0.1", "192.0.2.7"]


async def test_the_sites_own_page_is_let_in(site: Site) -> None:
    """On its own port, whatever the name of the site."""
    for name in names(site):
        async with asyncio.timeout(DEADLINE_S), site.connect(name=name) as client:
            await echoes(client, "hello")
        assert site.ask("GET", "/counts", name=name)


@pytest.mark.parametrize("settings", [{"allowed_hosts": [SITE]}, {"allowed_origins": [f"https://{SITE}"]}])
async def test_the_site_can_be_listed(block: Block, certificates: Certificates, settings: dict[str, list[str]]) -> None:
    with running_site(block, certificates, **settings) as site:
        async with asyncio.timeout(DEADLINE_S), site.connect() as client:
            await echoes(client, "hello")
        assert site.ask("GET", "/counts")
        for origin in ("null", "http://localhost:3000", "https://evil.example"):
            assert await refusal(site, origin=origin) == 403
        if "allowed_hosts" in settings and not KINDS[block.kind].names_its_site:
            assert await refusal(site, name="other.example") == 421


async def test_other_pages_are_refused(site: Site) -> None:
    port = site.proxy.port
    for name in names(site)[:2]:
        foreign = (f"http://{SITE}.evil.example:{port}", f"http://{name}:{port + 1}", "null", "http://localhost:3000")
        for origin in ("https://evil.example", *foreign):
            assert await refusal(site, name=name, origin=origin) == 403, origin


# ---- WebSockets -----------------------------------------------------------------------------------------------------


async def test_messages_of_every_size(site: Site) -> None:
    octets = random.Random(1).randbytes(MIB)
    async with asyncio.timeout(DEADLINE_S), site.connect() as client:
        for size in (0, 1, 125, 126, 65535, 65536, MIB):
            await echoes(client, octets[:size])
            await echoes(client, octets[:size].hex()[:size])
        for number in range(200):
            await client.send(str(number))
        assert [await client.recv() for _ in range(200)] == [str(number) for number in range(200)]


async def test_subprotocols(site: Site) -> None:
    async with asyncio.timeout(DEADLINE_S), site.connect(subprotocols=["v2", "chat"]) as client:
        assert client.subprotocol == "chat"


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4001])
async def test_the_servers_close_code_comes_through(site: Site, code: int) -> None:
    async with asyncio.timeout(DEADLINE_S), site.connect(f"/close/{code}") as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (code, "as it was asked")


async def test_the_clients_end_comes_through(site: Site) -> None:
    async with asyncio.timeout(DEADLINE_S):
        client = await site.connect("/ws?name=closed")
        await client.close(4002, "bye")
        assert json.loads(await asyncio.to_thread(site.ask, "GET", "/end/closed")) == [4002, "bye"]
        client = await site.connect("/ws?name=lost")
        client.transport.abort()
        assert json.loads(await asyncio.to_thread(site.ask, "GET", "/end/lost"))[0] == 1006
        await client.wait_closed()


async def test_a_refused_handshake_is_its_response(site: Site) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with asyncio.timeout(DEADLINE_S), site.connect("/reject"):
            pass
    response = caught.value.response
    assert (response.status_code, response.headers["X-Why"]) == (401, "no token")
    assert response.body == b"Log in first.\n"
    assert await refusal(site, path="/nothing") == 404


# ---- requests -------------------------------------------------------------------------------------------------------


def test_a_stream_comes_part_by_part(site: Site) -> None:
    with site.open_http() as connection:
        connection.request("GET", "/stream", headers={"Host": site.host()})
        response = connection.getresponse()  # no part has been written yet
        for number in range(3):
            site.ask("POST", "/more", b"")
            assert response.read1(100) == b"part %d\n" % number
        assert response.read() == b""


@pytest.mark.parametrize("size", [0, 1, MIB, LARGE])
def test_bodies(site: Site, size: int) -> None:
    body = random.Random(size).randbytes(size)
    digest = hashlib.sha256(body).hexdigest()
    assert site.ask("POST", "/digest", body).decode() == digest
    parts = [body[start : start + 100_000] for start in range(0, size, 100_000)]
    assert site.ask("POST", "/digest", parts).decode() == digest, "chunked"


def test_a_body_that_waits_for_100_continue(site: Site) -> None:
    with site.open_socket() as client, client.makefile("rb") as answer:
        head = f"POST /digest HTTP/1.1\r\nHost: {site.host()}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(head.encode())
        assert answer.readline().startswith(b"HTTP/1.1 100 ")
        client.sendall(b"body")
        final = next(line for line in answer if line.startswith(b"HTTP/1.1 ") and not line.startswith(b"HTTP/1.1 100 "))
        assert final.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large(site: Site, chunked: bool) -> None:
    """The application's answer reaches the client. Caddy and Apache may read all of the body first."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {LARGE + PART}"
    part = b"%x\r\n" % PART + bytes(PART) + b"\r\n" if chunked else bytes(PART)
    end = b"0\r\n\r\n" if chunked else b""

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(f"POST /digest HTTP/1.1\r\nHost: {site.host()}\r\n{framing}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for piece in [part] * (LARGE // PART + 1) + [end]:
                writer.write(piece)
                await writer.drain()

    async with asyncio.timeout(DEADLINE_S), site.open_stream() as (reader, writer):
        sending = asyncio.create_task(send(writer))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        sending.cancel()


def test_a_slow_client(site: Site) -> None:
    """What has come of a body reaches the application at once, and neither side gives up."""
    half = bytes(256 * 1024)

    def octets() -> int:
        return int(json.loads(site.ask("GET", "/counts"))["body_octets"])

    before = octets()
    with site.open_http() as connection:
        connection.putrequest("POST", "/digest", skip_host=True)
        connection.putheader("Host", site.host())
        connection.putheader("Content-Length", str(2 * len(half)))
        connection.endheaders(half)
        until = time.monotonic() + DEADLINE_S
        while octets() - before < len(half):
            assert time.monotonic() < until, "the proxy keeps the body back"
        connection.send(half)
        assert connection.getresponse().read().decode() == hashlib.sha256(2 * half).hexdigest()


def test_connections_are_kept(site: Site) -> None:
    """The client's connection to the proxy; over a port also the proxy's connection to the application."""
    with site.open_http() as connection:

        def accepted() -> int:
            status, content = site.ask_on(connection, "GET", "/counts")
            assert status == 200
            return int(json.loads(content)["accepted"])

        before = accepted()
        for _ in range(30):
            last = accepted()
    if not site.block.reaches_a_unix_socket:
        assert last - before <= 3  # Apache may have another process or thread with its own connection


# ---- who the client is ----------------------------------------------------------------------------------------------


def lies(site: Site) -> list[tuple[str, str]]:
    """What a client may write to appear as another one. All of it is twice, in two fields."""
    scheme = {"http": "https", "https": "http"}[site.scheme]
    said = [
        ("X-Forwarded-For", "192.0.2.9"),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", f"for=192.0.2.9;proto={scheme};host=evil.example"),
        ("X-Real-IP", "192.0.2.9"),
    ]
    return said + said


@pytest.mark.parametrize("hop_by_hop", [False, True])
def test_the_application_sees_the_real_client(site: Site, hop_by_hop: bool) -> None:
    """Also if the client names the fields in ``Connection``, so that a proxy removes them (RFC 9110 section 7.6.1)."""
    removal = [("Connection", "X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Via")] if hop_by_hop else []
    for fields in ([], lies(site)):
        seen = json.loads(site.ask("GET", "/request", source=CLIENT, fields=fields + removal))
        assert (seen["client"][0], seen["url"]) == (CLIENT, f"{site.scheme}://{site.host()}/request")


async def test_a_websocket_sees_the_real_client(site: Site) -> None:
    for fields in ([], lies(site)):
        async with (
            asyncio.timeout(DEADLINE_S),
            site.connect("/who", source=CLIENT, additional_headers=fields) as client,
        ):
            seen = json.loads(await client.recv())
        scheme = {"http": "ws", "https": "wss"}[site.scheme]
        assert (seen["client"][0], seen["url"]) == (CLIENT, f"{scheme}://{site.host()}/who")


def test_what_the_proxy_writes(site: Site) -> None:
    seen = json.loads(site.ask("GET", "/request", source=CLIENT))
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["host"] == site.host()
    written = {"via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
    assert written & headers.keys() == (written if site.block.reads_http else set())
    if site.block.reads_http:
        assert "1.1 " in headers["via"]


@of_blocks(lambda block: block.reads_http)  # proxy_protocol needs trusted_proxies
def test_a_proxy_that_is_not_trusted_is_the_client(block: Block, certificates: Certificates) -> None:
    with running_site(block, certificates, trusted_proxies=[]) as site:
        seen = json.loads(site.ask("GET", "/request", source=CLIENT))
        assert seen["client"][0] == ("unix" if block.reaches_a_unix_socket else "127.0.0.1")
        assert seen["url"] == f"http://{site.host()}/request"


@of_blocks(lambda block: block.uses_tls)
def test_the_certificate_is_the_sites(site: Site) -> None:
    """A client that asks for another name gets no connection, or one that it must not trust."""
    assert site.proxy.tls is not None
    with (
        socket.create_connection(("127.0.0.1", site.proxy.port), DEADLINE_S) as lower,
        pytest.raises(ssl.SSLError),
        site.proxy.tls.wrap_socket(lower, server_hostname="evil.example"),
    ):
        pass
