"""Every configuration of a proxy in the documentation, unchanged, in the proxy itself.

Only the addresses of the proxy and of the application are replaced. A proxy that is not installed is skipped.
scripts/setup.sh does not install them, because Debian starts most of them at installation.
"""

import asyncio
import hashlib
import http.client
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from promises import promise
from proxies import KINDS, Block, Proxy, blocks, proxied
from system_servers import Process, python, serving
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = promise("proxies")

APP = Path(__file__).with_name("proxied_app.py")
SITE = "chat.example.org"
DEADLINE_S = 20.0


@dataclass(frozen=True)
class Site:
    """The application and the proxy in front of it."""

    app: Process
    proxy: Proxy

    def host(self, name: str = SITE) -> str:
        return f"{name}:{self.proxy.port}"

    def connect(self, path: str = "/ws", name: str = SITE, **options: Any) -> connect:
        """Connects as a browser on a page of the site does. ``origin`` is the site's unless another is given."""
        options = {"origin": f"http://{self.host(name)}", "max_size": None, "compression": None, **options}
        uri = f"ws://{self.host(name)}{path}"
        return connect(uri, host="127.0.0.1", port=self.proxy.port, open_timeout=DEADLINE_S, **options)

    def ask(self, method: str, path: str, body: bytes | None = None, name: str = SITE, **fields: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=DEADLINE_S)
        try:
            return ask_on(connection, method, path, body, {"Host": self.host(name), **fields})
        finally:
            connection.close()


def ask_on(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> bytes:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    assert response.status in (200, 204), (response.status, content)
    return content


def missing(block: Block) -> str:
    kind = KINDS[block.kind]
    return f"{kind.program} is not installed, {block.place} is not tried: apt-get install {kind.package}"


def test_every_proxy_is_documented() -> None:
    assert {block.kind for block in blocks()} == KINDS.keys()


@pytest.fixture(scope="module", params=[pytest.param(block, id=block.place) for block in blocks()])
def block(request: pytest.FixtureRequest) -> Block:
    found: Block = request.param
    if found.program is None:
        pytest.skip(missing(found))
    return found


@pytest.fixture(scope="module")
def site(block: Block) -> Iterator[Site]:
    """A site with no listed hosts or origins."""
    with serving(python(APP)) as app, proxied(block, app.port) as proxy:
        yield Site(app, proxy)


async def echoes(client: ClientConnection, message: str | bytes) -> None:
    await client.send(message)
    assert await client.recv() == message


async def refusal(site: Site, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with asyncio.timeout(DEADLINE_S), site.connect(**options):
            pass
    return caught.value.response.status_code


@pytest.mark.parametrize("name", [SITE, "localhost", "127.0.0.1", "192.0.2.7"])
async def test_the_sites_own_page_is_let_in(site: Site, name: str) -> None:
    """On its own port, whatever the name of the site."""
    async with asyncio.timeout(DEADLINE_S), site.connect(name=name) as client:
        await echoes(client, "hello")
    assert site.ask("GET", "/accepted", name=name)


@pytest.mark.parametrize("settings", [{"allowed_hosts": [SITE]}, {"allowed_origins": [f"https://{SITE}"]}])
async def test_the_site_can_be_listed(block: Block, settings: dict[str, list[str]]) -> None:
    with serving(python(APP, json.dumps(settings))) as app, proxied(block, app.port) as proxy:
        site = Site(app, proxy)
        async with asyncio.timeout(DEADLINE_S), site.connect() as client:
            await echoes(client, "hello")
        assert site.ask("GET", "/accepted")
        for origin in ("null", "http://localhost:3000", "https://evil.example"):
            assert await refusal(site, origin=origin) == 403
        if "allowed_hosts" in settings:
            assert await refusal(site, name="other.example") == 421


@pytest.mark.parametrize("name", [SITE, "localhost"])
async def test_other_pages_are_refused(site: Site, name: str) -> None:
    port = site.proxy.port
    for origin in ("https://evil.example", f"http://{SITE}.evil.example:{port}", f"http://{name}:{port + 1}", "null"):
        assert await refusal(site, name=name, origin=origin) == 403, origin
    assert await refusal(site, name=name, origin="http://localhost:3000") == 403


async def test_messages_of_every_size(site: Site) -> None:
    octets = random.Random(1).randbytes(1024 * 1024)
    async with asyncio.timeout(DEADLINE_S), site.connect() as client:
        for size in (0, 1, 125, 126, 65535, 65536, 1024 * 1024):
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


def test_a_stream_comes_part_by_part(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.proxy.port, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/stream", headers={"Host": site.host()})
        response = connection.getresponse()  # no part has been written yet
        for number in range(3):
            site.ask("POST", "/more", b"")
            assert response.read1(100) == b"part %d\n" % number
        assert response.read() == b""
    finally:
        connection.close()


def test_bodies(site: Site) -> None:
    body = os.urandom(1024 * 1024)
    assert site.ask("POST", "/digest", body).decode() == hashlib.sha256(body).hexdigest()


def test_connections_are_kept(site: Site) -> None:
    """Both the client's connection to the proxy and the proxy's connection to the application."""
    connection = http.client.HTTPConnection("127.0.0.1", site.proxy.port, timeout=DEADLINE_S)
    headers = {"Host": site.host()}
    try:
        [before] = json.loads(ask_on(connection, "GET", "/accepted", None, headers))
        kept = connection.sock
        for _ in range(30):
            [last] = json.loads(ask_on(connection, "GET", "/accepted", None, headers))
        assert connection.sock is kept
        assert last - before <= 3  # Apache may have another process or thread with its own connection
    finally:
        connection.close()


def test_what_the_application_sees(site: Site) -> None:
    lies = {"X-Forwarded-Proto": "gopher", "X-Forwarded-For": "192.0.2.9"}
    seen = json.loads(site.ask("GET", "/request", **lies))
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["host"] == site.host()
    assert seen["url"] == f"http://{site.host()}/request"
    assert headers["x-forwarded-for"].split(", ")[-1] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert "1.1 " in headers["via"]
    assert seen["client"][0] == "127.0.0.1"


async def test_a_stop_is_told(block: Block) -> None:
    with serving(python(APP)) as app, proxied(block, app.port) as proxy:
        async with asyncio.timeout(DEADLINE_S), Site(app, proxy).connect() as client:
            await echoes(client, "hello")
            app.popen.terminate()
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1001
        assert app.wait() == 0, app.output
