"""Cancelling a receive loses nothing: every message arrives once and in order, although the receives that wait for them
are cancelled before a message, in the turn of its arrival, and after it."""

import asyncio
import json
import os
import random

import pytest
from lean_client import LeanWebSocket
from promises import promise
from system_servers import SYSTEM_APP, Process, front_end, python, run, serving

MESSAGES = int(os.environ.get("PROAPI_CANCELLATION_MESSAGES", "25000"))
CONNECTIONS = 4
MODES = [pytest.param(False, id="standard"), pytest.param(True, id="fast")]


@promise("cancelled-receive")
@pytest.mark.parametrize("how", ["wait_for", "timeout"])
@pytest.mark.parametrize("fast", MODES)
def test_asyncio_time_limits_lose_nothing(fast: bool, how: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")

    async def one(server: Process, number: int) -> int:
        """Returns how many receives were cancelled."""
        rng = random.Random(seed + number)
        client = await LeanWebSocket.connect(server.port, f"/wait_for/{how}")
        sent, answered, cancelled = 0, 0, b"0"
        share = MESSAGES // CONNECTIONS
        while answered < share:
            # One message with a time limit close to the arrival time of the next one; sometimes several at once.
            for _ in range(1 if rng.random() < 0.8 else rng.randrange(1, 30)):
                if sent < share:
                    client.send_text(f"{sent} {rng.choice([0, 1, 30, 60, 100, 200, 500, 1000])}")
                    sent += 1
            while answered < sent:
                answer, cancelled = (await client.receive()).split()
                assert int(answer) == answered
                answered += 1
            if rng.random() < 0.02:
                jitter_s = rng.random() / 1000
                await asyncio.sleep(jitter_s)
        await client.close()
        return int(cancelled)

    async def scenario(server: Process) -> None:
        cancelled = sum(await asyncio.gather(*(one(server, number) for number in range(CONNECTIONS))))
        print(f"{cancelled} receives were cancelled")
        assert cancelled > MESSAGES // 100

    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        run(scenario(server), server, 120)
        assert "Traceback" not in server.output, server.output


@promise("cancelled-receive")
@pytest.mark.parametrize("name", ["python", "python-fast", "python-uvloop", "asgi", "hypercorn", "cpp"])
def test_polling_loses_nothing_in_any_front_end(name: str) -> None:
    """The contract application's /poll cancels every receive after ``ms``, and echoes each message."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")

    async def one(server: Process, number: int) -> int:
        rng = random.Random(seed + number)
        client = await LeanWebSocket.connect(server.port, f"/poll?ms={rng.choice([1, 2])}")
        share, sent, answered = MESSAGES // CONNECTIONS, 0, 0
        while answered < share:
            for _ in range(rng.choice([1, 1, 2, 5, 50, 200])):
                if sent < share:
                    client.send_text(b"%d" % sent)
                    sent += 1
            while answered < sent:
                assert await client.receive() == b"%d" % answered
                answered += 1
            if rng.random() < 0.7:
                # About as long as the limit, so that the next message races with the cancellation.
                jitter_s = rng.random() * 3e-3
                await asyncio.sleep(jitter_s)
        client.send_text("?")
        timeouts = json.loads(await client.receive())["timeouts"]
        await client.close()
        return int(timeouts)

    async def scenario(server: Process) -> None:
        cancelled = sum(await asyncio.gather(*(one(server, number) for number in range(CONNECTIONS))))
        print(f"{cancelled} receives were cancelled")
        assert cancelled > MESSAGES // 1000

    with serving(front_end(name)) as server:
        run(scenario(server), server, 120)
        assert "Traceback" not in server.output, server.output
