"""Every parameter of permessage-deflate with every value (RFC 7692 section 7.1), and every window that a client can ask
for, decompressed by zlib with no more memory than was agreed on.
"""

import random
import zlib
from collections.abc import Iterator

import pytest
from front_ends import Server
from promises import promise
from raw import BINARY, DEADLINE_S, PING, PONG, TEXT, WebSocket, frame
from test_compression import MODES, RSV1, TAIL, Compressed, Start

WITHOUT_VALUE = ("server_no_context_takeover", "client_no_context_takeover")
WINDOWS = ("server_max_window_bits", "client_max_window_bits")
VALUES = ["7", "8", "9", "15", "16", "0", "015", "-9", "1e9", "abc", "+9", "9.0", "0x9", "256", "265", "4294967305"]
REPLIES_PER_WINDOW, BATCH = 1250, 50  # 10,000 in all


@pytest.fixture(params=MODES)
def compressing(start_server: Start, request: pytest.FixtureRequest) -> Server:
    return start_server(options=MODES[request.param])


def is_lawful(name: str, value: str | None) -> bool:
    """Sections 7.1.1 and 7.1.2. Only client_max_window_bits may have a value or none."""
    if value is None:
        return name in (*WITHOUT_VALUE, "client_max_window_bits")
    return name in WINDOWS and value in [str(bits) for bits in range(8, 16)]


def offers() -> Iterator[tuple[str, bool]]:
    """Returns the parameters of one offer, and whether it can be accepted."""
    yield "", True
    for name in (*WITHOUT_VALUE, *WINDOWS, "mystery", "server_max_window_bit", "permessage-deflate"):
        for value in (None, *VALUES):
            written = name if value is None else f"{name}={value}"
            yield f"; {written}", is_lawful(name, value)
            yield f"; {written}; {written}", False
            if value:
                yield f'; {name} = "{value}"', is_lawful(name, value)
    for name in WINDOWS:
        yield f"; {name}=9; {name}=10", False
        yield f"; {name.upper()}=9", False
    yield "; client_max_window_bits; client_max_window_bits=9", False
    yield "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9", True
    yield '\t;\tserver_max_window_bits\t=\t"10"\t;client_max_window_bits', True


def check_answer(answer: str, offer: str) -> None:
    """Sections 7.1.1.1 to 7.1.2.2: what a server may answer, given what was offered."""
    name, *parameters = answer.split("; ")
    assert name == "permessage-deflate"
    given = dict(parameter.partition("=")[::2] for parameter in parameters)
    assert len(given) == len(parameters)
    assert given.keys() <= {*WITHOUT_VALUE, *WINDOWS}, answer
    asked = {name.strip(): value.strip(' \t"') for name, _, value in (p.partition("=") for p in offer.split(";")[1:])}
    assert "server_no_context_takeover" in given or "server_no_context_takeover" not in asked
    assert "client_max_window_bits" in asked or "client_max_window_bits" not in given
    for window in WINDOWS:
        if asked.get(window):
            assert 8 <= int(given.get(window, 15)) <= 15
            assert window != "server_max_window_bits" or int(given.get(window, 15)) <= int(asked[window])
    for parameter in WITHOUT_VALUE:
        assert given.get(parameter, "") == ""


@promise("compression-negotiated")
def test_every_parameter_with_every_value(compressing: Server) -> None:
    """An offer that can't be accepted is declined, never a refusal of the handshake; the next one is then looked at."""
    for offer, lawful in offers():
        with Compressed(compressing.port, offer=f"permessage-deflate{offer}", bits=9) as websocket:
            assert bool(websocket.answer) == lawful, (offer, websocket.answer)
            if lawful:
                check_answer(websocket.answer, offer)
            assert websocket.ask("still there " * 30) == "still there " * 30, offer
            assert bool(websocket.sizes) == lawful
            websocket.finish()
        with Compressed(compressing.port, offer=f"permessage-deflate{offer}, permessage-deflate", bits=9) as websocket:
            check_answer(websocket.answer, offer if lawful else "")


@promise("compression-negotiated")
def test_offers_on_several_lines(compressing: Server) -> None:
    headers = [
        ("Sec-WebSocket-Extensions", 'unknown; a="b", permessage-deflate; mystery'),
        ("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=10"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=11"),
    ]
    with WebSocket(compressing.port, "/echo", headers) as websocket:
        answer = websocket.response.get("sec-websocket-extensions")
        assert "server_max_window_bits=10" in answer
        check_answer(answer, headers[1][1])


def words(chooser: random.Random) -> bytes:
    """Text that repeats itself at every distance."""
    count = chooser.choice([0, 1, 5, 30, 30, 30, 200, 600])
    return b"".join(b"word%d " % chooser.randrange(400) for _ in range(count))


def inflate(decoder: "zlib._Decompress", payload: bytes) -> bytes:
    """Decompresses in small steps: zlib does not refuse a reference beyond the window within the same step."""
    message = bytearray()
    payload += TAIL
    while True:
        piece = decoder.decompress(payload, 64)
        payload = decoder.unconsumed_tail
        message += piece
        if not payload and len(piece) < 64:
            return bytes(message)


@promise("compression-messages")
def test_every_window(compressing: Server) -> None:
    for bits in range(8, 16):
        replies_of_a_window(compressing, bits)


def replies_of_a_window(server: Server, bits: int) -> None:
    """The replies to many messages, compressed or not, with pings between them."""
    chooser = random.Random(bits)
    with Compressed(server.port, offer=f"permessage-deflate; server_max_window_bits={bits}") as websocket:
        check_answer(websocket.answer, f"; server_max_window_bits={bits}")
        keeps_window = "server_no_context_takeover" not in websocket.answer
        decoder = zlib.decompressobj(-bits)
        for _ in range(REPLIES_PER_WINDOW // BATCH):
            messages = [words(chooser) for _ in range(BATCH)]
            websocket.send(b"".join(frames(websocket, message, chooser) for message in messages))
            for message in messages:
                while (got := WebSocket.read_frame(websocket, DEADLINE_S, rsv=(0, RSV1))).opcode == PONG:
                    pass
                if got.rsv and not keeps_window:
                    decoder = zlib.decompressobj(-bits)
                assert (inflate(decoder, got.payload) if got.rsv else got.payload) == message
        websocket.finish()


def frames(websocket: Compressed, message: bytes, chooser: random.Random) -> bytes:
    opcode = chooser.choice([TEXT, BINARY])
    sent = frame(PING, b"?") if chooser.random() < 0.2 else b""
    if chooser.random() < 0.3:
        return sent + frame(opcode, message)
    return sent + frame(opcode, websocket.compress(message), rsv=RSV1)
