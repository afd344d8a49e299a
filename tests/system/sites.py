"""The application behind a documented proxy, and its clients."""

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from proxies import SITE, Block, Certificates, Proxy, blocks, proxied, public_folder
from system_servers import Process, python, serving
from websockets.asyncio.client import connect

APP = Path(__file__).with_name("proxied_app.py")
DEADLINE_S = 20.0

Fields = Sequence[tuple[str, str]]


def of_blocks(applies: Callable[[Block], bool]) -> pytest.MarkDecorator:
    """Marks a test that is only about the configurations to which ``applies``."""
    chosen = [pytest.param(block, id=block.place) for block in blocks() if applies(block)]
    assert chosen
    return pytest.mark.parametrize("block", chosen, indirect=True, scope="module")


@dataclass(frozen=True)
class Site:
    """The application and the proxy in front of it."""

    block: Block
    app: Process
    proxy: Proxy

    @property
    def scheme(self) -> str:
        return "https" if self.block.uses_tls else "http"

    def host(self, name: str = SITE) -> str:
        return f"{name}:{self.proxy.port}"

    def connect(self, path: str = "/ws", name: str = SITE, source: str = "127.0.0.1", **options: Any) -> connect:
        """Connects as a browser on a page of the site does. ``origin`` is the site's unless another is given."""
        own = {"origin": f"{self.scheme}://{self.host(name)}", "max_size": None, "compression": None}
        options = {**own, "local_addr": (source, 0), **options}
        if self.proxy.tls:
            options |= {"ssl": self.proxy.tls, "server_hostname": SITE}
        uri = f"{self.scheme.replace('http', 'ws')}://{self.host(name)}{path}"
        return connect(uri, host="127.0.0.1", port=self.proxy.port, open_timeout=DEADLINE_S, **options)

    def open_socket(self, source: str = "127.0.0.1") -> socket.socket:
        return self.proxy.connect(DEADLINE_S, source)

    @asynccontextmanager
    async def open_stream(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        name = SITE if self.proxy.tls else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.proxy.port, ssl=self.proxy.tls, server_hostname=name
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    @contextmanager
    def open_http(self, source: str = "127.0.0.1") -> Iterator[http.client.HTTPConnection]:
        """Opens one connection, on which requests may follow each other."""
        connection = http.client.HTTPConnection(SITE)
        connection.auto_open = 0  # never by itself, because it would connect to the site's real address
        connection.sock = self.open_socket(source)
        try:
            yield connection
        finally:
            connection.close()

    def ask_on(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        fields: Fields = (),
        name: str = SITE,
    ) -> tuple[int, bytes]:
        """Sends a request, whose body is chunked if it is not ``bytes``. Returns the status and the body."""
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self.host(name))
        for field in fields:
            connection.putheader(*field)
        chunked = body is not None and not isinstance(body, bytes)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        elif chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read()

    def status(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **options: Any) -> int:
        with self.open_http() as connection:
            return self.ask_on(connection, method, path, body, **options)[0]

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        *,
        source: str = "127.0.0.1",
        **options: Any,
    ) -> bytes:
        """Returns the body of the response to a request on a connection of its own."""
        with self.open_http(source) as connection:
            status, content = self.ask_on(connection, method, path, body, **options)
        assert status in (200, 204), (status, content)
        return content


def settings(block: Block, certificates: Certificates) -> dict[str, Any]:
    """Returns the application's settings as the documentation has them for such a proxy. It lists the site only where
    the proxy can't say that it is one."""
    if block.reaches_a_unix_socket:
        return {"trusted_proxies": ["unix"]}
    if block.reads_http:
        return {"trusted_proxies": ["127.0.0.1"]}
    return {
        "trusted_proxies": ["127.0.0.1"],
        "proxy_protocol": True,
        "allowed_hosts": [SITE],
        "ssl_certfile": str(certificates.chain),
        "ssl_keyfile": str(certificates.key),
    }


def command(block: Block, certificates: Certificates, **options: Any) -> list[str | Path]:
    return python(APP, json.dumps({**settings(block, certificates), **options}))


@contextmanager
def application(
    block: Block, certificates: Certificates, folder: Path, port: int = 0, **options: Any
) -> Iterator[tuple[Process, str]]:
    """Serves on a port or on a Unix socket, as the block wants it. Yields the process and its address for the proxy."""
    path = str(folder / "app.sock")
    where = {"uds": path} if block.reaches_a_unix_socket else {}
    with serving(command(block, certificates, **where, **options), port=port) as app:
        yield app, path if where else f"127.0.0.1:{app.port}"


@contextmanager
def running_site(block: Block, certificates: Certificates, **options: Any) -> Iterator[Site]:
    """``options`` are settings of the application, in addition to the documented ones."""
    with (
        public_folder("site-") as folder,
        application(block, certificates, folder, **options) as (app, address),
        proxied(block, address, certificates) as proxy,
    ):
        yield Site(block, app, proxy)
