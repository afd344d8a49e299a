"""Servers inside the test's own process, on a free port, and programs that are ended with the test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from running_program import Program

from proapi import ProAPI

Serve = Callable[[ProAPI], Awaitable[int]]


@asynccontextmanager
async def serving(app: ProAPI) -> AsyncIterator[int]:
    """Serves ``app`` in the running loop and yields its port."""
    async with app.serving(port=0) as server:
        yield server.port


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(app: ProAPI) -> int:
            return await stack.enter_async_context(serving(app))

        yield start


async def http(port: int, method: str, path: str, *, headers: str = "", body: bytes = b"") -> tuple[int, str, bytes]:
    """Sends one request on its own connection. Returns the status (0 if there was no response), the head in lower case,
    and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}{headers}\r\n".encode())
    writer.write(body)
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while part := await reader.read(65536):
            received += part
        writer.close()
        await writer.wait_closed()
    head, _, answer = bytes(received).partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, head.decode().lower(), answer


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    """The programs that a test starts. They are killed at its end, whatever happens."""
    started: list[Program] = []
    yield started
    for program in started:
        program.process.kill()
        program.process.communicate()
