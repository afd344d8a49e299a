"""permessage-deflate (RFC 7692), spoken by zlib: what is agreed on, what is sent compressed, and hostile payloads."""

import os
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from driver import Subject
from front_ends import Server
from observed import SOON
from promises import promise
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, WebSocket, frame, parse_close
from test_clients import node, url
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

Start = Callable[..., Server]

OFFER = "permessage-deflate; client_max_window_bits"  # Chromium's and Firefox's
MODES = {"shared": ("--pmd",), "dedicated": ("--pmd-dedicated",)}
ANSWERS = {
    "shared": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "dedicated": "permessage-deflate; client_max_window_bits=12",
}
TAIL = b"\0\0\xff\xff"
RSV1 = 4


class Compressed(WebSocket):
    """A client that has negotiated compression. It sends compressed frames as told, and decompresses messages."""

    def __init__(self, port: int, path: str = "/echo", *, offer: str = OFFER, bits: int = 12) -> None:
        super().__init__(port, path, [("Sec-WebSocket-Extensions", offer)])
        self.answer = ", ".join(self.response.getlist("sec-websocket-extensions"))
        self._bits = bits
        self._takeover_of_server = "server_no_context_takeover" not in self.answer
        self._takeover_of_client = "client_no_context_takeover" not in self.answer
        self._inflate = zlib.decompressobj(-15)
        self._deflate = zlib.compressobj(wbits=-bits)
        self.sizes: list[int] = []  # of the payloads received, compressed ones

    def compress(self, message: bytes) -> bytes:
        if not self._takeover_of_client:
            self._deflate = zlib.compressobj(wbits=-self._bits)
        payload = self._deflate.compress(message) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        assert payload.endswith(TAIL)
        return payload[:-4]

    def read_frame(self, *arguments: Any, **_: Any) -> Frame:
        got = super().read_frame(*arguments, rsv=(0, RSV1))
        if got.rsv:
            assert got.opcode in (TEXT, BINARY)
            assert got.fin, "the server does not fragment"
            self.sizes.append(len(got.payload))
            if not self._takeover_of_server:
                self._inflate = zlib.decompressobj(-15)
            got.payload = self._inflate.decompress(got.payload + TAIL)
            assert not self._inflate.eof, "a final block: some clients fail on it"
        return got

    def send_compressed(self, opcode: int, message: bytes) -> None:
        self.send(frame(opcode, self.compress(message), rsv=RSV1))


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compressing(front_end: str, mode: str) -> Iterator[Server]:
    """A server that compresses messages of any size."""
    server = Server(front_end, options=MODES[mode])
    try:
        yield server
        server.stop()
    finally:
        server.kill()


# ---- negotiation ----------------------------------------------------------------------------------------------------


@promise("compression-negotiated")
def test_by_default_nothing_is_compressed(server: Server) -> None:
    with Compressed(server.port) as websocket:
        assert websocket.answer == ""
        assert websocket.ask("x" * 5000) == "x" * 5000
        assert websocket.sizes == []
        websocket.send_compressed(TEXT, b"x")
        assert "RSV" in websocket.expect_close(1002)


@promise("compression-negotiated")
def test_who_does_not_offer_it_gets_none(compressing: Server) -> None:
    with WebSocket(compressing.port, "/echo") as websocket:
        assert websocket.response.getlist("sec-websocket-extensions") == []
        assert websocket.ask("x" * 5000) == "x" * 5000


@promise("compression-negotiated")
def test_answers(compressing: Server, mode: str) -> None:
    takeover = {"shared": "server_no_context_takeover; client_no_context_takeover; ", "dedicated": ""}[mode]
    answers = {
        OFFER: ANSWERS[mode],
        "permessage-deflate": f"permessage-deflate; {takeover}"[:-2],
        "permessage-deflate; server_max_window_bits=9": f"permessage-deflate; {takeover}server_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=9": f"permessage-deflate; {takeover}client_max_window_bits=9",
        "permessage-deflate; server_max_window_bits=8": (
            "permessage-deflate; server_no_context_takeover; "
            f"{takeover.removeprefix('server_no_context_takeover; ')}server_max_window_bits=8"
        ),
        "permessage-deflate; mystery": "",
        "permessage-deflate; server_max_window_bits": "",
        "permessage-deflate; client_max_window_bits=16": "",
        "x-webkit-deflate-frame": "",
        "foo, permessage-deflate; mystery, permessage-deflate; client_max_window_bits": ANSWERS[mode],
    }
    got = {}
    for offer in answers:
        with Compressed(compressing.port, offer=offer) as websocket:
            got[offer] = websocket.answer
            assert websocket.ask("still there " * 100) == "still there " * 100
    assert got == answers


@promise("compression-negotiated")
def test_a_route_has_its_own(start_server: Start) -> None:
    server = start_server()
    with Compressed(server.port, "/features/compressed") as websocket:
        assert websocket.answer == ANSWERS["shared"]
        assert websocket.ask("x" * 2000) == "x" * 2000
        assert len(websocket.sizes) == 1


# ---- messages -------------------------------------------------------------------------------------------------------


@promise("compression-messages")
@pytest.mark.parametrize(
    "offer",
    [
        OFFER,
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; server_max_window_bits=12",
    ],
)
def test_messages_of_all_sizes(compressing: Server, offer: str) -> None:
    rng = random.Random(7)
    with Compressed(compressing.port, offer=offer, bits=9) as websocket:
        for number in range(150):
            size = rng.choice([0, 1, 2, 10, 100, 1000, 5000, 20_000, 100_000])
            message = b"".join(b"item %d, " % rng.randrange(300) for _ in range(size // 9))
            if number % 10 == 9:
                message = os.urandom(size)
            opcode = TEXT if number % 10 != 9 else BINARY
            if number % 3 == 2:
                websocket.send_frame(opcode, message)
            else:
                websocket.send_compressed(opcode, message)
            received = websocket.receive()
            assert (received.encode() if isinstance(received, str) else received) == message


@promise("compression-messages")
def test_a_compressed_message_in_fragments(compressing: Server) -> None:
    with Compressed(compressing.port) as websocket:
        for _ in range(3):
            payload = websocket.compress("Grüße, ".encode() * 100)
            first, second, third = payload[:1], payload[1:20], payload[20:]
            websocket.send(frame(TEXT, first, fin=0, rsv=RSV1) + frame(PING, b"?") + frame(CONTINUATION, second, fin=0))
            websocket.send(frame(CONTINUATION, b"", fin=0) + frame(CONTINUATION, third))
            assert websocket.receive() == "Grüße, " * 100
        assert websocket.pongs == [b"?"] * 3


@promise("compression-messages")
def test_octet_by_octet(compressing: Server) -> None:
    with Compressed(compressing.port) as websocket:
        for octet in frame(TEXT, websocket.compress(b"octet by octet " * 3), rsv=RSV1):
            websocket.send(bytes([octet]))
        assert websocket.receive() == "octet by octet " * 3


@promise("compression-off")
def test_the_threshold(start_server: Start, mode: str) -> None:
    server = start_server(limits={"compression": mode})
    with Compressed(server.port) as websocket:
        assert websocket.ask("x" * 1023) == "x" * 1023
        assert websocket.sizes == []
        assert websocket.ask("x" * 1024) == "x" * 1024
        assert len(websocket.sizes) == 1


@promise("compression-off")
def test_a_message_with_compress_false(compressing: Server) -> None:
    secret = "secret " * 50
    subject = Subject(compressing.port, headers=[("Sec-WebSocket-Extensions", OFFER)])
    try:
        calls: list[tuple[str, Any]] = [("send_text", secret), ("send_json", [secret]), ("send_text", secret)]
        for number, (call, data) in enumerate(calls):
            subject.do(call, data=data, compress=number == 2)
            got = subject.peer.read_frame(rsv=(0, RSV1))
            assert got.rsv == (RSV1 if number == 2 else 0), call
            assert (secret.encode() in got.payload) == (number < 2)
    finally:
        subject.disconnect()


# ---- limits and hostile payloads ------------------------------------------------------------------------------------


@promise("compression-limits", "max-message-size")
def test_a_bomb(start_server: Start, mode: str) -> None:
    """A thousand octets of zeros for each octet sent, on several connections, while another one goes on."""
    server = start_server(options=MODES[mode], limits={"max_message_size": 100_000})
    with WebSocket(server.port, "/echo") as other:
        bombs = [Compressed(server.port) for _ in range(5)]
        for bomb in bombs:
            payload = bomb.compress(bytes(100_000))
            bomb.send(frame(BINARY, payload, rsv=RSV1))
            assert bomb.receive() == bytes(100_000)
            payload = bomb.compress(bytes(64 * 1024 * 1024))
            assert len(payload) < 70_000
            bomb.send_unless_closed(frame(BINARY, payload[:1000], fin=0, rsv=RSV1))
            bomb.send_unless_closed(frame(CONTINUATION, payload[1000:]))
        assert other.ask("still there") == "still there"
        for bomb in bombs:
            assert "max_message_size" in bomb.expect_close(1009)
        assert other.ask("still there") == "still there"


@promise("compression-limits")
def test_blocks_that_write_nothing_leave_time_to_others(start_server: Start, mode: str) -> None:
    """Each two octets are an empty final block, after a window full of zeros."""
    server = start_server(options=MODES[mode])
    with WebSocket(server.port, "/echo") as other, Compressed(server.port) as websocket:
        began = time.monotonic()
        for _ in range(20):
            assert other.ask("x") == "x"
        undisturbed = time.monotonic() - began
        blocks = b"\x03\x00" * 500_000
        websocket.send(frame(BINARY, websocket.compress(bytes(40_000)) + TAIL, fin=0, rsv=RSV1))
        websocket.send(frame(CONTINUATION, claim=1 << 40)[:-4] + bytes(4))
        sender = threading.Thread(target=websocket.send_unless_closed, args=(blocks,))
        sender.start()
        began = time.monotonic()
        for _ in range(20):
            assert other.ask("x") == "x"
        assert time.monotonic() - began < max(0.4, 5 * undisturbed)
        sender.join()


@promise("compression-limits")
def test_decompressing_leaves_time_to_others(compressing: Server) -> None:
    """A read of 64 KiB may hold 50 messages of a mebioctet each. Others are served between them."""
    with WebSocket(compressing.port, "/echo") as other, Compressed(compressing.port, "/sink") as websocket:
        payload = websocket.compress(bytes(1024 * 1024))
        again = websocket.compress(bytes(1024 * 1024))  # refers to the first one, if the server takes it over
        websocket.send(frame(BINARY, payload, rsv=RSV1) + frame(BINARY, again, rsv=RSV1))
        for _ in range(48):
            websocket.send_compressed(BINARY, bytes(1024 * 1024))
        began = time.monotonic()
        for _ in range(20):
            assert other.ask("x") == "x"
        assert time.monotonic() - began < SOON
        websocket.send_message("?")
        assert websocket.receive_json(30)["count"] == 50


@promise("compression-limits")
@pytest.mark.parametrize(
    "payload",
    [b"\xff\xff\xff\xff", b"\x00\x05\x00\x05\x00Hello", b"\xf2\x48\xcd", b"\xf2\x00\x11\x00\x00"],
    ids=["reserved type", "wrong complement", "cut", "beyond the window"],
)
def test_garbage(compressing: Server, payload: bytes) -> None:
    with WebSocket(compressing.port, "/echo") as other:
        with Compressed(compressing.port) as websocket:
            websocket.send(frame(TEXT, payload, rsv=RSV1))
            assert "negotiated extension" in websocket.expect_close(1007)
        assert other.ask("still there") == "still there"


@promise("compression-limits")
def test_text_that_is_not_utf8_after_decompression(compressing: Server) -> None:
    with Compressed(compressing.port) as websocket:
        websocket.send_compressed(TEXT, b"a" * 100 + b"\xff" + b"b" * 100)
        assert "0xFF" in websocket.expect_close(1007)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE, CONTINUATION])
def test_rsv1_where_it_may_not_be(compressing: Server, opcode: int) -> None:
    with Compressed(compressing.port) as websocket:
        if opcode == CONTINUATION:
            websocket.send(frame(TEXT, websocket.compress(b"x"), fin=0, rsv=RSV1))
        websocket.send(frame(opcode, b"", rsv=RSV1))
        assert "RSV" in websocket.expect_close(1002)


@promise("compression-limits")
def test_the_memory_of_dedicated_windows_is_bounded(start_server: Start) -> None:
    server = start_server(options=MODES["dedicated"], limits={"compression_memory": 120_000})
    first, second, third = (Compressed(server.port) for _ in range(3))
    assert [each.answer for each in (first, second, third)] == [ANSWERS["dedicated"]] * 2 + [ANSWERS["shared"]]
    for each in (first, second, third):
        assert each.ask("x" * 3000) == "x" * 3000
    second.finish()
    until = time.monotonic() + SOON
    answer = ""
    while answer != ANSWERS["dedicated"]:  # as soon as the server has let go of the second connection
        assert time.monotonic() < until
        with Compressed(server.port) as fourth:
            answer = fourth.answer
            assert fourth.ask("x" * 3000) == "x" * 3000
    for each in (first, third):
        each.finish()


def test_a_close_is_not_compressed(compressing: Server) -> None:
    with Compressed(compressing.port, "/close?code=4001&reason=bye") as websocket:
        got = websocket.read_frame()
        assert (got.opcode, got.rsv) == (CLOSE, 0)
        assert parse_close(got.payload).code == 4001


# ---- clients of other projects --------------------------------------------------------------------------------------


@promise("compression-messages")
@pytest.mark.plain("the client knows no certificate")
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"server_no_context_takeover": True},
        {"client_no_context_takeover": True},
        {"server_max_window_bits": 9, "client_max_window_bits": 9},
    ],
    ids=lambda parameters: ",".join(parameters) or "default",
)
def test_websockets(compressing: Server, parameters: dict[str, Any]) -> None:
    extensions = [ClientPerMessageDeflateFactory(**parameters)]
    with connect(url(compressing, "/echo"), extensions=extensions, compression=None) as websocket:
        for message in ["Grüße " * 1000, "", b"\0" * 100_000, os.urandom(50_000), "x", "Grüße " * 1000]:
            websocket.send(message)
            assert websocket.recv(timeout=10) == message


@promise("compression-messages")
@pytest.mark.plain("the client knows no certificate")
def test_ws(compressing: Server) -> None:
    messages = [{"text": "Grüße " * 1000}, {"text": "x"}, {"hex": "00" * 5000}, {"text": "Grüße " * 1000}]
    seen = node(compressing, "/echo", send=messages, receive=4, close=1000, deflate=True)
    assert seen["messages"] == messages
    assert "permessage-deflate" in seen["extensions"]
