"""Messages through every way to receive and send leave nothing behind: no reference, no memory."""

import json
import os
import socket
import urllib.request
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from lean_client import BINARY, TEXT, frame
from promises import promise
from system_servers import SYSTEM_APP, Process, python, serving

MESSAGES = int(os.environ.get("PROAPI_LEAK_MESSAGES", "240000"))  # of the first way
ROUNDS = 4
# Changes of up to this much in a round are not leaks; one leaked object per hundred operations would be more. Temporary
# objects, such as cancelled timers that are still in asyncio's heap, exist in some rounds only.
FEW_BLOCKS, FEW_REFERENCES = 100, 10

SOME_TEXT = (TEXT, b"some text, \xc3\xa4\xc3\xb6\xc3\xbc")
OCTETS = (BINARY, bytes(range(100)))
SOME_JSON = (TEXT, b'{"a":[1,2.5,null,"b"]}')
A_HUNDRED = (TEXT, b"100")


@dataclass(frozen=True)
class Way:
    """The messages that are sent and echoed in one batch, and the number of batches in a round."""

    name: str
    payloads: list[tuple[int, bytes]]
    batches: int
    more_octets: int = 0  # additional octets that come back with a batch


# The names of handlers in system_app.py.
WAYS = [
    Way("kinds", [SOME_TEXT, OCTETS, SOME_JSON] * 200, -(-MESSAGES // (600 * ROUNDS))),
    Way("receive", [SOME_TEXT, OCTETS, SOME_JSON] * 200, 100),
    Way("loop", [SOME_TEXT, OCTETS, SOME_JSON] * 200, 100),
    Way("iter_text", [SOME_TEXT] * 600, 100),
    Way("iter_bytes", [OCTETS] * 600, 100),
    Way("iter_json", [SOME_JSON] * 600, 50),
    Way("cancelled", [A_HUNDRED], 100),
    Way("waiting", [A_HUNDRED], 100, more_octets=100 * 2004),
]


def state_of(server: Process) -> dict[str, Any]:
    """Returns the server's state. ``blocks`` is the number of memory blocks that the interpreter has allocated, one
    more for each leaked object. ``references`` counts references to objects that all messages share."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/state") as response:
        state: dict[str, Any] = json.load(response)
    return state


class Peer:
    """Sends batches of messages, and reads as many octets as their answers have."""

    def __init__(self, port: int, way: Way) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.sendall(
            f"GET /ways/{way.name} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._head()
        self._batch = b"".join(frame(opcode, payload) for opcode, payload in way.payloads)
        self._answers = sum(2 + len(payload) for _, payload in way.payloads) + way.more_octets

    def _head(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def exchange(self, batches: int) -> None:
        for _ in range(batches):
            self._socket.sendall(self._batch)
            left = self._answers
            while left:
                part = self._socket.recv(left)
                assert part, "the server has closed"
                left -= len(part)

    def close(self) -> None:
        self._socket.close()


def least_change(counts: list[int]) -> int:
    """Returns the least change in a round."""
    return min(abs(after - before) for before, after in pairwise(counts))


@promise("messages-leave-nothing")
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_messages_leave_nothing_behind(way: Way, fast: bool) -> None:
    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        peer = Peer(server.port, way)
        states, memory = [], []
        for turn in range(ROUNDS + 2):
            peer.exchange(way.batches)
            state, rss = state_of(server), server.rss_bytes()
            if turn > 0:  # what the first round and the first request for the state create is not counted
                states.append(state)
                memory.append(rss)
        peer.close()
        assert "Traceback" not in server.output, server.output
    blocks = [state["blocks"] for state in states]
    assert least_change(blocks) < FEW_BLOCKS, blocks
    assert memory[-1] - memory[0] < 2 * 2**20, memory
    references = {name: [state["references"][name] for state in states] for name in states[0]["references"]}
    awaitables = {"ReceiveOperation", "PendingFuture", "CompletedOperation"}
    assert {"None", "the connection", "done futures"} | awaitables <= references.keys()
    leaked = {name: counts for name, counts in references.items() if least_change(counts) > FEW_REFERENCES}
    assert not leaked  # nor are references released too often
