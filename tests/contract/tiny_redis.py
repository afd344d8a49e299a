"""As much of a Redis server as pub/sub needs, in the test's own loop: RESP 2 and 3, PSUBSCRIBE, PUBLISH, PING, HELLO.

``drop()`` breaks every connection, as a restart of the real one does. See https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from typing import Any


class _Client:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.is_resp3 = False
        self.patterns: list[str] = []

    def push(self, *values: Any) -> None:
        self.writer.write((b">" if self.is_resp3 else b"*") + b"%d\r\n" % len(values) + b"".join(map(_encode, values)))


class TinyRedis:
    def __init__(self) -> None:
        self._clients: set[_Client] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._subscriptions = asyncio.Semaphore(0)
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        client = _Client(writer)
        self._clients.add(client)
        try:
            while line := await reader.readline():
                command = [await _read_bulk(reader) for _ in range(int(line[1:]))]
                self._answer(client, command)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # dropped
        finally:
            self._clients.discard(client)
            writer.close()

    async def wait_for_subscriptions(self, number: int) -> None:
        """Waits for so many subscriptions that no earlier call has waited for."""
        async with asyncio.timeout(10):
            for _ in range(number):
                await self._subscriptions.acquire()

    async def close(self) -> None:
        self.drop()
        await asyncio.gather(*self._tasks)

    def drop(self) -> None:
        for client in list(self._clients):
            client.writer.transport.abort()

    def _answer(self, client: _Client, command: list[str]) -> None:
        match command[0].upper(), *command[1:]:
            case ["HELLO", version, *_]:
                client.is_resp3 = version == "3"
                client.writer.write((b"%1\r\n" if client.is_resp3 else b"*2\r\n") + _encode("proto") + _encode(3))
            case ["CLIENT", *_]:
                client.writer.write(b"+OK\r\n")
            case ["PING", *_]:
                client.writer.write(b"+PONG\r\n")
            case ["PSUBSCRIBE", *patterns]:
                for pattern in patterns:
                    client.patterns.append(pattern)
                    client.push("psubscribe", pattern, len(client.patterns))
                    self._subscriptions.release()
            case ["PUBLISH", channel, text]:
                client.writer.write(_encode(self._publish(channel, text)))
            case _:
                client.writer.write(f"-ERR unknown command {command[0]}\r\n".encode())

    def _publish(self, channel: str, text: str) -> int:
        reached = 0
        for client in self._clients:
            for pattern in client.patterns:
                if fnmatchcase(channel, pattern):
                    client.push("pmessage", pattern, channel, text)
                    reached += 1
        return reached


async def _read_bulk(reader: asyncio.StreamReader) -> str:
    length = int((await reader.readline())[1:])
    return (await reader.readexactly(length + 2))[:-2].decode()


def _encode(value: str | int) -> bytes:
    if isinstance(value, int):
        return b":%d\r\n" % value
    octets = value.encode()
    return b"$%d\r\n%b\r\n" % (len(octets), octets)


@asynccontextmanager
async def tiny_redis() -> AsyncIterator[TinyRedis]:
    redis = TinyRedis()
    server = await asyncio.start_server(redis.serve, "127.0.0.1", 0)
    redis.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield redis
    finally:
        await redis.close()
        server.close()
        await server.wait_closed()
