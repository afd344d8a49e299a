"""Two thousand users in twenty rooms. Most of them keep coming and going, in every way; a few stay.

Those who stay must not notice: none of their handlers ends, and none of their messages is lost, duplicated or
reordered. After the crowd has left, the server's memory is about what it was after the first crowd.
"""

import asyncio
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lean_client import Ended, LeanWebSocket, Refused
from promises import promise
from system_servers import ROOT, Process, built, front_end, python, raise_descriptor_limit, run, serving

SECONDS = float(os.environ.get("PROAPI_CHURN_SECONDS", "3"))
ROOMS, USERS, STAYING_IN_ROOM = 20, 2000, 3
CONNECTING_AT_ONCE = 200  # fewer than the listen backlog
READS = (0, 1, 2, 5, 20, 50, 100, 200)  # how many reads a user makes before leaving
MAX_GROWTH_BYTES = 8 * 1024 * 1024

_SAID = re.compile(rb"s(\d+)n(\d+)")

PROGRAMS = [
    pytest.param("/room", lambda: front_end("python-fast"), id="room-python-fast"),
    pytest.param("/room", lambda: front_end("cpp"), id="room-cpp"),
    pytest.param("/chat", lambda: python(ROOT / "examples/python/chat_broadcast.py"), id="chat_broadcast-python"),
    pytest.param("/chat", lambda: built("examples/cpp/chat_broadcast"), id="chat_broadcast-cpp"),
]


@dataclass
class Crowd:
    """The shared state of all users of one server."""

    port: int
    base: str
    seed: int
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    connecting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTING_AT_ONCE))
    counts: Counter[str] = field(default_factory=Counter)
    here: int = 0
    peak: int = 0

    def path(self, room: int) -> str:
        return f"{self.base}/{room}"

    def said(self, number: int, count: int) -> str:
        """Returns a message that is valid JSON for one program, and just text for the other."""
        return f'"s{number}n{count}"'


class Staying:
    """A user who stays. Says the next thing once it has heard its last one, and checks what the others who stay say."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd, self.number = crowd, number
        self.room = number % ROOMS
        self.heard: dict[int, int] = {number % ROOMS + ROOMS * other: 0 for other in range(STAYING_IN_ROOM)}
        self.said = 0
        self.client: LeanWebSocket

    async def connect(self) -> None:
        self.client = await LeanWebSocket.connect(self.crowd.port, self.crowd.path(self.room))

    def say(self) -> None:
        self.client.send_text(self.crowd.said(self.number, self.said))
        self.said += 1

    async def hear(self) -> int:
        """Waits for the next message of a user who stays. Returns that user's number."""
        while not (found := _SAID.search(await self.client.receive())):
            pass
        whose, count = int(found[1]), int(found[2])
        assert count == self.heard[whose], f"{self.number} heard {count} of {whose} instead of {self.heard[whose]}"
        self.heard[whose] += 1
        return whose

    async def chat(self) -> None:
        self.say()
        while not self.crowd.leaving.is_set():
            if await self.hear() == self.number:
                self.say()

    async def hear_all(self, others: Sequence["Staying"]) -> None:
        while any(self.heard[other.number] < other.said for other in others if other.room == self.room):
            await self.hear()


async def come_and_go(crowd: Crowd, number: int) -> None:
    """Connects and leaves, again and again, until the crowd leaves."""
    rng = random.Random(crowd.seed * 10_000 + number)
    while not crowd.leaving.is_set():
        try:
            async with crowd.connecting:
                client = await LeanWebSocket.connect(crowd.port, crowd.path(number % ROOMS), keeps_messages=False)
        except (Refused, Ended, OSError) as error:
            crowd.counts[f"refused: {error}"] += 1
            return
        crowd.counts["came"] += 1
        if rng.random() < 0.2:
            client.send_text('"hello"')
        crowd.here += 1
        crowd.peak = max(crowd.peak, crowd.here)
        # It stays until it has read that many times.
        for _ in range(rng.choice(READS)):
            if not crowd.leaving.is_set():
                await client.wait_read()
        crowd.here -= 1
        await leave(client, rng)


async def be_a_crowd(crowd: Crowd, count: int) -> None:
    """Connects ``count`` users at the same time, who then leave together."""

    async def one(number: int) -> LeanWebSocket:
        async with crowd.connecting:
            return await LeanWebSocket.connect(crowd.port, crowd.path(number % ROOMS), keeps_messages=False)

    rng = random.Random(crowd.seed)
    clients = await asyncio.gather(*map(one, range(count)))
    await asyncio.gather(*(leave(client, rng) for client in clients))


async def leave(client: LeanWebSocket, rng: random.Random) -> None:
    match rng.randrange(5):
        case 0 | 1:
            client.start_close()
        case 2:
            client.hang_up()
        case 3:
            client.abort()
        case 4:
            client.send_raw(b"\x01\x8a\0\0\0\0half")
            client.hang_up()
    await client.ended


async def until_gone(server: Process, sockets: int) -> None:
    """Waits until the server has only the descriptors of those who stay."""
    until = asyncio.get_running_loop().time() + 20
    between_looks_s = 0.01
    while server.descriptors() > sockets:
        assert asyncio.get_running_loop().time() < until, (
            f"expected at most {sockets} descriptors, got {server.descriptors()}"
        )
        await asyncio.sleep(between_looks_s)


async def scenario(server: Process, base: str, seed: int) -> None:
    crowd = Crowd(server.port, base, seed)
    staying = [Staying(crowd, number) for number in range(ROOMS * STAYING_IN_ROOM)]
    for user in staying:
        await user.connect()
    sockets = server.descriptors()

    # The first crowd: the memory that the server keeps for reuse (arenas, free lists) counts as used from here on.
    await be_a_crowd(crowd, USERS - len(staying))
    await until_gone(server, sockets)
    rss_before = server.rss_bytes()

    async def lead() -> None:
        await asyncio.sleep(SECONDS)
        crowd.leaving.set()

    chats = [asyncio.create_task(user.chat()) for user in staying]
    async with asyncio.TaskGroup() as group:
        group.create_task(lead())
        for number in range(USERS - len(staying)):
            group.create_task(come_and_go(crowd, number))
        # No chat ends by itself before the crowd leaves: a lost message or connection is noticed at once.
        done, _ = await asyncio.wait(chats, timeout=SECONDS * 4 + 60, return_when=asyncio.FIRST_EXCEPTION)
        for chat in done:
            chat.result()
    assert len(done) == len(chats)
    await until_gone(server, sockets)
    rss_after = server.rss_bytes()

    for user in staying:
        await user.hear_all(staying)
        assert user.client.close_code is None, f"the connection of {user.number} has ended: {user.client.close_code}"
    for user in staying:
        await user.client.close()
        assert user.client.close_code == 1000

    said = sum(user.said for user in staying)
    print(
        f"{dict(crowd.counts)}, at most {crowd.peak} at once; {said} messages among those who stay; "
        f"RSS {rss_before >> 10} -> {rss_after >> 10} KiB"
    )
    assert set(crowd.counts) == {"came"}, crowd.counts
    assert crowd.peak > USERS // 4
    assert said > len(staying) * 10
    assert rss_after < rss_before * 1.1 + MAX_GROWTH_BYTES


@promise("crowds")
@pytest.mark.parametrize(("base", "command"), PROGRAMS)
def test_users_come_and_go_and_nobody_else_notices(base: str, command: Callable[[], list[str | Path]]) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    raise_descriptor_limit(8192)
    with serving(command()) as server:
        run(scenario(server, base, seed), server, SECONDS * 6 + 90)
        assert "Traceback" not in server.output, server.output[-5000:]
        server.popen.terminate()
        assert server.wait() == 0, server.output[-5000:]
