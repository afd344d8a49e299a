"""Frames that peers must not send, and frames that they may send: RFC 6455 sections 5 to 8."""

import random
import time
from collections.abc import Callable

import pytest
from front_ends import Server
from promises import promise
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, ClosedError, WebSocket, close_frame, frame, http

Start = Callable[..., Server]

AT_ONCE_S = 1.5  # far below every time limit of the server, but enough for a busy machine
OPCODES = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]
EURO = "\u20ac".encode()


def fails(server: Server, data: bytes, code: int) -> str:
    """Expects these octets to end the connection with exactly this code, and nothing before it but pongs. Returns the
    reason."""
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send_unless_closed(data)
        return websocket.expect_close(code)


# ---- what a frame may be --------------------------------------------------------------------------------------------


@promise("rfc-6455")
@pytest.mark.parametrize("payload", [b"", b"x", b"\x03\xe8"])
@pytest.mark.parametrize("opcode", OPCODES)
def test_unmasked_frames(server: Server, opcode: int, payload: bytes) -> None:
    fails(server, frame(opcode, payload, mask=None), 1002)


def test_an_unmasked_frame_in_the_middle_of_a_message(server: Server) -> None:
    fails(server, frame(TEXT, b"a", fin=0) + frame(CONTINUATION, b"b", mask=None), 1002)


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1"])
def test_masks(server: Server, mask: bytes) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        for size in (0, 1, 3, 4, 5, 125, 126, 1000, 70000):
            message = random.Random(size).randbytes(size)
            websocket.send_frame(BINARY, message, mask=mask)
            assert websocket.receive() == message


@promise("rfc-6455")
@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", OPCODES)
def test_reserved_bits(server: Server, opcode: int, rsv: int) -> None:
    start = frame(TEXT, b"a", fin=0) if opcode == CONTINUATION else b""
    fails(server, start + frame(opcode, b"", rsv=rsv), 1002)


@promise("rfc-6455")
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcodes(server: Server, opcode: int) -> None:
    fails(server, frame(opcode, b""), 1002)


@pytest.mark.parametrize("opcode", OPCODES)
@pytest.mark.parametrize(("size", "form"), [(0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)])
def test_lengths_that_are_not_minimal(server: Server, opcode: int, size: int, form: int) -> None:
    start = frame(TEXT, b"a", fin=0) if opcode == CONTINUATION else b""
    fails(server, start + frame(opcode, b"x" * size, form=form), 1002)


@pytest.mark.parametrize(
    ("claim", "code"),
    [(1 << 63, 1002), ((1 << 63) + 1, 1002), ((1 << 64) - 1, 1002), ((1 << 63) - 1, 1009), ((1 << 20) + 1, 1009)],
)
def test_lengths_that_are_too_great(server: Server, claim: int, code: int) -> None:
    """The header is enough: none of the payload has been sent."""
    fails(server, frame(BINARY, form=8, claim=claim), code)


def test_lengths_that_overflow_together(server: Server) -> None:
    first = frame(BINARY, b"x" * 10, fin=0)
    fails(server, first + frame(CONTINUATION, form=8, claim=(1 << 63) - 5), 1009)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_that_are_too_long_or_in_pieces(server: Server, opcode: int) -> None:
    fails(server, frame(opcode, b"x" * 126), 1002)
    fails(server, frame(opcode, form=8, claim=70000), 1002)
    fails(server, frame(opcode, b"", fin=0), 1002)


# ---- fragments ------------------------------------------------------------------------------------------------------


def test_continuations_of_nothing(server: Server) -> None:
    for fin in (0, 1):
        fails(server, frame(CONTINUATION, b"x", fin=fin), 1002)
    with WebSocket(server.port, "/echo") as websocket:
        assert websocket.ask("whole") == "whole"
        websocket.send_frame(CONTINUATION, b"x")
        websocket.expect_close(1002)


@pytest.mark.parametrize("first", [TEXT, BINARY])
@pytest.mark.parametrize("second", [TEXT, BINARY])
def test_a_message_within_a_message(server: Server, first: int, second: int) -> None:
    fails(server, frame(first, b"a", fin=0) + frame(second, b"b"), 1002)


@promise("rfc-6455")
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_fragments(server: Server, opcode: int) -> None:
    message = EURO * 100
    for cuts in ([], [0], [1], [2, 2, 2], [100, 200], list(range(1, 300))):
        ends = [*cuts, len(message)]
        begins = [0, *cuts]
        with WebSocket(server.port, "/echo") as websocket:
            for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
                kind = CONTINUATION if number else opcode
                websocket.send_frame(kind, message[begin:end], fin=int(number == len(ends) - 1))
            assert websocket.receive() == (message.decode() if opcode == TEXT else message)


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
def test_control_frames_between_fragments(server: Server, payload: bytes) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send_frame(TEXT, b"one ", fin=0)
        websocket.send_frame(PING, payload)
        pong = websocket.read_frame()  # before the message has ended
        assert (pong.opcode, pong.payload) == (PONG, payload)
        websocket.send_frame(PONG, b"unsolicited")
        websocket.send_frame(CONTINUATION, b"message")
        assert websocket.receive() == "one message"


def test_close_in_the_middle_of_a_message(server: Server) -> None:
    fails(server, frame(TEXT, b"never", fin=0) + close_frame(1000), 1000)


def test_many_pings(server: Server) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        websocket.send(b"".join(frame(PING, str(n).encode()) for n in range(1000)))
        websocket.send_message("end")
        assert websocket.receive() == "end"
        numbers = [int(pong) for pong in websocket.pongs]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == 999


# ---- closing --------------------------------------------------------------------------------------------------------


def test_an_empty_close(server: Server) -> None:
    fails(server, close_frame(None), 1005)


@promise("rfc-6455")
def test_closes_that_are_malformed(server: Server) -> None:
    fails(server, frame(CLOSE, b"\x03"), 1002)
    fails(server, close_frame(1000, b"\xff"), 1007)
    fails(server, close_frame(1000, EURO[:2]), 1007)


def test_close_reasons(server: Server) -> None:
    for reason in ("", "x" * 123, "\u20ac" * 41):
        fails(server, close_frame(1000, reason), 1000)


@pytest.mark.parametrize(
    "codes",
    [
        [1000, 1001, 1002, 1003, *range(1007, 1015)],
        [3000, 3001, 3999, 4000, 4500, 4999],
    ],
)
def test_close_codes(server: Server, codes: list[int]) -> None:
    for code in codes:
        fails(server, close_frame(code, "why"), code)


@pytest.mark.parametrize("codes", [[0, 1, 500, 999], [1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999], [5000, 65535]])
def test_close_codes_that_may_not_be_sent(server: Server, codes: list[int]) -> None:
    for code in codes:
        fails(server, close_frame(code), 1002)


def test_what_follows_a_close_is_ignored(server: Server) -> None:
    fails(server, close_frame(1000) + frame(TEXT, b"late") + frame(3, b"nonsense") + b"\xff" * 1000, 1000)


def test_a_close_and_the_end_of_the_stream_at_once(server: Server) -> None:
    """The peer has half-closed its connection, but its Close is still answered."""
    for data in (close_frame(4000), frame(TEXT, b"x", mask=None)):
        for _ in range(10):
            with WebSocket(server.port, "/slow?ms=1") as websocket:
                websocket.send(frame(TEXT, b"waits") * 30 + data)
                websocket.end_sending()
                assert websocket.read_frame().opcode == CLOSE
                websocket.expect_end()


def test_messages_that_cross_our_close(server: Server) -> None:
    """Messages that arrive before the peer's Close are read and discarded."""
    with WebSocket(server.port, "/close?code=4000") as websocket:
        assert websocket.read_frame().payload == (4000).to_bytes(2, "big")
        for number in range(50):
            websocket.send_message(str(number))
        websocket.send_frame(PING, b"x")
        websocket.send(close_frame(4000))
        websocket.expect_end()


def test_both_close_at_once(start_server: Start) -> None:
    """Each connection ends once, with one of the two codes, whichever Close was first."""
    server, count = start_server(), 1000
    for _ in range(count):
        with WebSocket(server.port, "/close?code=4000", then=close_frame(4001)) as websocket:
            with pytest.raises(ClosedError) as closed:
                websocket.receive()
            assert closed.value.code in (4000, 4001)
            websocket.expect_end()
    stats = http(server.port, "GET", "/stats").json()
    assert sum(stats["closed"].values()) == count
    assert stats["closed"].keys() <= {"4000", "4001"}


@pytest.mark.parametrize("end", ["FIN", "RST"])
def test_an_end_without_a_close(start_server: Start, end: str) -> None:
    """The end is noticed at once and counted once. The server is this test's own, so no other connection is counted."""
    server = start_server()
    with WebSocket(server.port, "/echo") as websocket:
        assert websocket.ask("x") == "x"
        if end == "FIN":
            websocket.end_sending()
            websocket.expect_end()
        else:
            websocket.reset()
        until = time.monotonic() + AT_ONCE_S
        while (stats := http(server.port, "GET", "/stats").json())["conns"]["ws"] != 0:
            assert time.monotonic() < until, stats
    assert stats["closed"] == {"1006": 1}


# ---- UTF-8 ----------------------------------------------------------------------------------------------------------

INVALID = [
    b"\x80",
    b"\xff",
    b"\xc0\xaf",
    b"\xc3(",
    b"\xe0\x80\x80",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
]


@promise("rfc-6455")
@pytest.mark.parametrize("text", INVALID)
def test_text_that_is_not_utf_8(server: Server, text: bytes) -> None:
    fails(server, frame(TEXT, b"fine " + text + b" fine"), 1007)
    fails(server, frame(TEXT, b"fine ", fin=0) + frame(CONTINUATION, text), 1007)


@promise("rfc-6455")
@pytest.mark.parametrize("text", INVALID)
def test_invalid_utf_8_is_found_at_its_first_octet(server: Server, text: bytes) -> None:
    """The text is refused although neither the message nor the frame has ended."""
    fails(server, frame(TEXT, text, fin=0, claim=len(text) + 100), 1007)
    fails(server, frame(TEXT, b"x" * 10, fin=0) + frame(CONTINUATION, text, fin=0), 1007)


def test_text_that_ends_within_a_character(server: Server) -> None:
    for size in (1, 2):
        fails(server, frame(TEXT, b"x" + EURO[:size]), 1007)
        fails(server, frame(TEXT, b"x", fin=0) + frame(CONTINUATION, EURO[:size]), 1007)


def test_characters_cut_in_pieces(server: Server) -> None:
    text = "\0\x7f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
    octets = text.encode()
    with WebSocket(server.port, "/echo") as websocket:
        for cut in range(len(octets) + 1):
            websocket.send(frame(TEXT, octets[:cut], fin=0) + frame(CONTINUATION, octets[cut:]))
            assert websocket.receive() == text
        whole = frame(TEXT, octets)
        for cut in range(len(whole) + 1):  # in two segments
            websocket.send(whole[:cut])
            websocket.send(whole[cut:])
            assert websocket.receive() == text


def test_binary_needs_no_utf_8(server: Server) -> None:
    with WebSocket(server.port, "/echo") as websocket:
        for octets in INVALID:
            assert websocket.ask(octets) == octets


# ---- sizes and segmentation -----------------------------------------------------------------------------------------


@promise("max-message-size")
def test_the_greatest_message(server: Server) -> None:
    most = 1024 * 1024
    with WebSocket(server.port, "/echo") as websocket:
        assert websocket.ask(b"x" * most) == b"x" * most
        part = frame(BINARY, b"y" * (most // 2), fin=0)
        websocket.send(part + frame(CONTINUATION, b"y" * (most // 2)))
        assert websocket.receive() == b"y" * most
        websocket.send(part + b"".join(frame(CONTINUATION, b"y" * 512, fin=0) for _ in range(1024)))
        websocket.send(frame(CONTINUATION))
        assert websocket.receive() == b"y" * most


@promise("max-message-size")
def test_a_message_that_is_too_big(server: Server) -> None:
    most = 1024 * 1024
    assert "max_message_size" in fails(server, frame(BINARY, claim=most + 1), 1009)
    halves = frame(TEXT, b"x" * (most // 2), fin=0) + frame(CONTINUATION, b"x" * (most // 2), fin=0)
    assert "max_message_size" in fails(server, halves + frame(CONTINUATION, b"x"), 1009)


@promise("rfc-6455")
def test_any_segmentation(server: Server) -> None:
    data = (
        frame(TEXT, b"one")
        + frame(BINARY, b"two" * 50, fin=0)
        + frame(PING, b"ping")
        + frame(CONTINUATION, b"")
        + frame(TEXT, EURO * 50)
    )
    data = data.replace(frame(CONTINUATION, b""), frame(CONTINUATION, b"", fin=0) + frame(CONTINUATION, b"end"))
    expected = ["one", b"two" * 50 + b"end", "\u20ac" * 50]
    chooser = random.Random(1)
    cuts = [[n] for n in range(0, len(data), 7)] + [sorted(chooser.sample(range(len(data)), 20)) for _ in range(20)]
    with WebSocket(server.port, "/echo") as websocket:
        for places in [*cuts, list(range(len(data)))]:
            for begin, end in zip([0, *places], [*places, len(data)], strict=True):
                websocket.send(data[begin:end])
            assert [websocket.receive() for _ in range(3)] == expected, places
            assert websocket.pongs.pop() == b"ping"


def test_a_thousand_frames_in_one_segment(server: Server) -> None:
    with WebSocket(server.port, "/echo") as websocket, WebSocket(server.port, "/echo") as other:
        websocket.send(b"".join(frame(TEXT, str(n).encode()) for n in range(1000)))
        assert other.ask("meanwhile") == "meanwhile"
        assert [websocket.receive() for _ in range(1000)] == [str(n) for n in range(1000)]


def test_frames_at_every_offset_of_a_read(server: Server) -> None:
    """Headers fall on every edge of the server's receive buffer, whatever its size."""
    with WebSocket(server.port, "/sink") as websocket:
        count = 0
        for size in range(4000, 4030):
            batch = [frame(BINARY, b"x" * size)] * 20
            websocket.send(b"".join(batch))
            count += len(batch)
        websocket.send_message("?")
        assert websocket.receive_json()["count"] == count
