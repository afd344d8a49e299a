"""A million messages through every way to receive and send leave nothing behind: no reference, no memory."""

import json
import socket
import urllib.request
from itertools import pairwise

import pytest
from lean_client import BINARY, TEXT, frame
from system_servers import SYSTEM_APP, Process, python, serving

ROUNDS, BATCH = 4, 600
MESSAGES = 250_000  # a round
WARM_UP = 30_000
PAYLOADS = [
    (TEXT, b"some text, \xc3\xa4\xc3\xb6\xc3\xbc"),
    (BINARY, bytes(range(100))),
    (TEXT, b'{"a":[1,2.5,null,"b"]}'),
]


def blocks_of(server: Process) -> int:
    """How many blocks of memory the interpreter has handed out: one more for each object that is not let go."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/state") as response:
        return int(json.load(response)["blocks"])


class Peer:
    """Sends batches of messages of the three kinds, and reads as many octets as their answers have."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(
            b"GET /kinds HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._head()
        once = b"".join(frame(opcode, payload) for opcode, payload in PAYLOADS)
        self._batch = once * (BATCH // len(PAYLOADS))
        self._answers = sum(2 + len(payload) for _, payload in PAYLOADS) * (BATCH // len(PAYLOADS))

    def _head(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def exchange(self, messages: int) -> None:
        for _ in range(messages // BATCH):
            self._socket.sendall(self._batch)
            left = self._answers
            while left:
                part = self._socket.recv(left)
                assert part, "the server has closed"
                left -= len(part)

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_a_million_messages_leave_nothing_behind(fast: bool) -> None:
    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        peer = Peer(server.port)
        peer.exchange(WARM_UP)
        blocks, memory = [blocks_of(server)], [server.rss_bytes()]
        for _ in range(ROUNDS):
            peer.exchange(MESSAGES)
            blocks.append(blocks_of(server))
            memory.append(server.rss_bytes())
        peer.close()
        # One object in a hundred messages would be 2,500 in each round; what a round needs for a while is in some only.
        assert min(after - before for before, after in pairwise(blocks)) < 500, blocks
        assert memory[-1] - memory[0] < 2 * 2**20, memory
        assert "Traceback" not in server.output, server.output
