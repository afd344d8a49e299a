"""Messages that permessage-deflate (RFC 7692) has changed: legal oddities, hostile payloads, and RSV bits where it has
been negotiated."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ws_deflate import Deflate
from ws_frames import BINARY, CLOSE, CONTINUATION, OPCODES, PING, PONG, TEXT, first_bad_octet
from ws_utf8_vectors import INVALID_TEXTS, VALID_TEXTS
from ws_vector import BOTH, SERVER, Peer, Vector, close, close_payload, control, failed, message
from ws_vector import vector as frame_vector

RSV1 = 4
HELLO = Deflate().fixed(b"Hello").payload()
AGAIN = Deflate().begin_fixed().literals(b"H").match(4, 5).end_fixed().payload()


def vector(*arguments: Any, takeover: bool = True, **more: Any) -> Vector:
    return frame_vector(*arguments, deflate={"takeover": takeover, "window_bits": 15}, **more)


def compressed(peer: Peer, opcode: int, *pieces: bytes, ends: bool = True) -> bytes:
    """One message with a frame for each piece of its payload. RSV1 is set on the first frame only."""
    return b"".join(
        peer.send(CONTINUATION if i else opcode, piece, rsv=0 if i else RSV1, fin=ends and i == len(pieces) - 1)
        for i, piece in enumerate(pieces)
    )


def cut(payload: bytes, count: int) -> list[bytes]:
    ends = [len(payload) * i // count for i in range(count + 1)]
    return [payload[begin:end] for begin, end in pairwise(ends)]


def failure_in(pieces: list[bytes], shown: int) -> int:
    """The octets of a client's frames of `pieces` up to octet number `shown` of the payload."""
    before = 0
    for piece in pieces:
        if shown <= len(piece):
            break
        before += SERVER.header(len(piece)) + len(piece)
        shown -= len(piece)
    return before + SERVER.header(len(piece)) + shown


def deflate() -> list[Vector]:
    return [
        *examples(),
        *oddities(),
        *garbage(),
        *takeover(),
        *reserved_bits(),
        *frames_within_messages(),
        *texts(),
        *sizes(),
    ]


def examples() -> list[Vector]:
    """Section 7.2.3, octets as printed there."""
    hello = [message(TEXT, b"Hello")]
    payloads = {
        "7.2.3.1": [bytes.fromhex("f248cdc9c90700")],
        "7.2.3.1 in two frames": [bytes.fromhex("f248cd"), bytes.fromhex("c9c90700")],
        "7.2.3.3": [bytes.fromhex("000500faff48656c6c6f00")],
        "7.2.3.4": [bytes.fromhex("f348cdc9c9070000")],
        "7.2.3.5": [bytes.fromhex("f24805000000ffffcac9c90700")],
    }
    assert payloads["7.2.3.1"][0] == HELLO
    vectors = [
        vector(f"the RFC's example of section {name}", "7692 7.2.3", peer, compressed(peer, TEXT, *pieces), hello)
        for peer in BOTH
        for name, pieces in payloads.items()
    ]
    twice = compressed(SERVER, TEXT, HELLO) + compressed(SERVER, TEXT, bytes.fromhex("f200110000"))
    assert bytes.fromhex("f200110000") == AGAIN
    return [*vectors, vector("the RFC's example of section 7.2.3.2", "7692 7.2.3.2", SERVER, twice, hello * 2)]


def oddities() -> list[Vector]:
    """What few compressors write and every decompressor must read."""
    empty = Deflate().stored(b"").octets()
    payloads: dict[str, tuple[bytes, bytes]] = {
        "an empty stored block": (Deflate().payload(), b""),
        "an empty fixed block": (Deflate().fixed(b"").payload(), b""),
        "empty stored blocks first": (Deflate().stored(b"").stored(b"").fixed(b"Hello").payload(), b"Hello"),
        "empty blocks between": (Deflate().fixed(b"Hel").fixed(b"").stored(b"").fixed(b"lo").payload(), b"Hello"),
        "the tail is sent": (HELLO + empty[1:] + Deflate().payload(), b"Hello"),
        "a block for each octet": (
            Deflate().fixed(b"H").stored(b"e").fixed(b"l").stored(b"l").fixed(b"o").payload(),
            b"Hello",
        ),
        "a long stored block": (Deflate().stored(b"x" * 4095).payload(), b"x" * 4095),
        "a match of the greatest length": (
            Deflate().begin_fixed().literals(b"x").match(258, 1).match(258, 258).end_fixed().payload(),
            b"x" * 517,
        ),
        "a final block, and the octet after it": (Deflate().fixed(b"Hello", final=True).octets() + b"\0", b"Hello"),
        "a final block, and nothing after it": (Deflate().fixed(b"Hello", final=True).octets(), b"Hello"),
        "a final block inside the message": (
            Deflate().fixed(b"Hel", final=True).octets() + Deflate().fixed(b"lo").payload(),
            b"Hello",
        ),
        "a match with what came before a final block": (
            Deflate().fixed(b"Hello", final=True).octets() + AGAIN,
            b"HelloHello",
        ),
        "two final blocks": (
            Deflate().fixed(b"Hel", final=True).octets() + Deflate().stored(b"lo", final=True).octets(),
            b"Hello",
        ),
        "an empty final block": (Deflate().fixed(b"", final=True).octets() + b"\0", b""),
    }
    vectors = []
    for peer in BOTH:
        for name, (payload, text) in payloads.items():
            data = compressed(peer, TEXT, payload)
            vectors.append(vector(name, "7692 7.2.2", peer, data, [message(TEXT, text)]))
            if len(payload) < 100:
                data = compressed(peer, TEXT, b"", *cut(payload, len(payload)), b"")
                name += ", a frame an octet"
                vectors.append(vector(name, "7692 7.2.2", peer, data, [message(TEXT, text)]))
        for pieces in ([b""], [b"", b""]):
            name = f"no octet at all, in {len(pieces)} frames"
            data = compressed(peer, BINARY, *pieces)
            vectors.append(vector(name, "7692 7.2.2", peer, data, [message(BINARY, b"")]))
    return vectors


def garbage() -> list[Vector]:
    """RFC 7692 names no close code for a payload that cannot be decompressed: 1007, data that are not consistent with
    the type of the message. The number is that of the octet of the payload that shows it; 0: its end."""
    payloads: dict[str, tuple[bytes, int]] = {
        "a reserved type of block": (b"\x06" + bytes(5), 1),
        "a reserved type of block after a block": (Deflate().stored(b"ab").octets() + b"\x06" + bytes(5), 8),
        "a reserved type of block after a final block": (
            Deflate().stored(b"ab", final=True).octets() + b"\x06" + bytes(5),
            8,
        ),
        "a length with a wrong complement": (Deflate().stored(b"Hello", complement=5).payload(), 5),
        "too many codes of lengths": (b"\xfc\xff\xff" + bytes(5), 3),
        "a reserved code of a length": (reserved_length(), 2),
        "a reserved code of a distance": (reserved_distance(), 3),
        "a match with what never came": (AGAIN, 3),
        "a match one octet too far": (Deflate().begin_fixed().literals(b"abc").match(3, 4).end_fixed().payload(), 5),
        "it ends within a block": (HELLO[:3], 0),
        "it ends within the header of a stored block": (b"\0\5", 0),
        "it ends within a stored block": (Deflate().stored(b"Hello, world").octets()[:8], 0),
        "it ends within a block after a final block": (
            Deflate().stored(b"a", final=True).octets() + HELLO[:3],
            0,
        ),
    }
    vectors = []
    for peer in BOTH:
        for name, (payload, shown) in payloads.items():
            after = compressed(peer, TEXT, HELLO)
            at = shown or len(payload)
            data = compressed(peer, BINARY, payload)
            events = [failed(1007, peer.header(len(payload)) + at)]
            vectors.append(vector(name, "7692 7.2.2", peer, data + after, events))
            data = compressed(peer, BINARY, *cut(payload, len(payload)))
            events = [failed(1007, at * (peer.header(1) + 1))]
            vectors.append(vector(f"{name}, a frame an octet", "7692 7.2.2", peer, data + after, events))
    return vectors


def reserved_length() -> bytes:
    """Section 3.2.6 of RFC 1951: the codes 286 and 287 never occur."""
    block = Deflate().begin_fixed()
    block.symbol(286)
    return block.end_fixed().payload() + bytes(3)


def reserved_distance() -> bytes:
    """Section 3.2.6 of RFC 1951: the distance codes 30 and 31 never occur."""
    block = Deflate().begin_fixed().literals(b"a")
    block.symbol(257)
    block.code(30, 5)
    return block.end_fixed().payload() + bytes(3)


def takeover() -> list[Vector]:
    """Section 7.1.1: whether a message may refer to the messages before it."""
    vectors = []
    for peer in BOTH:
        first, again = compressed(peer, TEXT, HELLO), compressed(peer, TEXT, AGAIN)
        hello = message(TEXT, b"Hello")
        at = len(first) + peer.header(len(AGAIN)) + 3
        vectors += [
            vector("a match with the message before", "7692 7.1.1", peer, first + again * 3, [hello] * 4),
            vector(
                "a match with the message before, without a takeover",
                "7692 7.1.1",
                peer,
                first + again,
                [hello, failed(1007, at)],
                takeover=False,
            ),
            vector("messages without a takeover", "7692 7.1.1", peer, first * 3, [hello] * 3, takeover=False),
            vector(
                "messages that are not compressed are no part of the window",
                "7692 7.2.2",
                peer,
                first + peer.send(TEXT, b"olleH") + peer.send(PING, b"olleH") + again,
                [hello, message(TEXT, b"olleH"), control(PING, b"olleH"), hello],
                peer.answer(PONG, b"olleH"),
            ),
            vector(
                "a match with a message that had a final block",
                "7692 7.2.3.4",
                peer,
                compressed(peer, TEXT, Deflate().fixed(b"Hello", final=True).octets()) + again,
                [hello, hello],
            ),
        ]
    return vectors


def reserved_bits() -> list[Vector]:
    """Section 6: RSV1 belongs to the first frame of a message and nothing else; RSV2 and RSV3 mean nothing."""
    vectors = []
    for peer in BOTH:
        for rsv in range(1, 8):
            for opcode, name in OPCODES.items():
                begin = peer.send(TEXT, b"a", fin=False) if opcode == CONTINUATION else b""
                data = begin + peer.send(opcode, b"", rsv=rsv)
                lawful = rsv == RSV1 and opcode in (TEXT, BINARY)
                events = [message(opcode, b"")] if lawful else [failed(1002, len(begin) + 1)]
                vectors.append(vector(f"RSV {rsv} on {name}", "7692 6", peer, data, events))
        for opcode in (CONTINUATION, PING, PONG, CLOSE):
            begin = compressed(peer, TEXT, HELLO[:3], ends=False)
            data = begin + peer.send(opcode, b"", rsv=RSV1)
            name = f"RSV 4 on {OPCODES[opcode]} inside a compressed message"
            vectors.append(vector(name, "7692 6", peer, data, [failed(1002, len(begin) + 1)]))
    return vectors


def frames_within_messages() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        whole, begin = compressed(peer, TEXT, HELLO), compressed(peer, TEXT, HELLO[:3], ends=False)
        hello = message(TEXT, b"Hello")
        for fin in (True, False):
            data = whole + peer.send(CONTINUATION, b"x", fin=fin)
            name = f"continuation after a compressed message, FIN {fin:d}"
            vectors.append(vector(name, "5.4", peer, data, [hello, failed(1002, len(whole) + 1)]))
            for opcode in (TEXT, BINARY):
                for rsv in (0, RSV1):
                    data = begin + peer.send(opcode, HELLO, fin=fin, rsv=rsv)
                    name = f"{OPCODES[opcode]} inside a compressed message, FIN {fin:d}, RSV {rsv}"
                    vectors.append(vector(name, "5.4", peer, data, [failed(1002, len(begin) + 1)]))
        for size in (0, 1, 125):
            ping = b"p" * size
            data = begin + peer.send(PING, ping) + peer.send(CONTINUATION, HELLO[3:])
            events = [control(PING, ping), hello]
            name = f"ping of {size} inside a compressed message"
            vectors.append(vector(name, "5.4", peer, data, events, peer.answer(PONG, ping)))
        data = begin + peer.send(CLOSE, close_payload(1001)) + peer.send(CONTINUATION, HELLO[3:])
        out = peer.answer(CLOSE, close_payload(1001))
        vectors.append(vector("close inside a compressed message", "5.5.1", peer, data, [close(1001)], out))
    return vectors


def texts() -> list[Vector]:
    """Text is checked after decompression (section 6.2), as soon as it is there."""
    vectors = []
    for name, text in VALID_TEXTS.items():
        for kind, block in (("stored", Deflate().stored(text)), ("fixed", Deflate().fixed(text))):
            payload = block.payload()
            for pieces in ([payload], cut(payload, len(payload))):
                data = compressed(SERVER, TEXT, *pieces)
                events = [message(TEXT, text)]
                vectors.append(vector(f"valid, {kind}, {frames(pieces)}: {name}", "8.1", SERVER, data, events))
    for name, text in INVALID_TEXTS.items():
        bad = first_bad_octet(text)
        assert bad is not None
        for kind, block in (("stored", Deflate().stored(text)), ("fixed", Deflate().fixed(text))):
            payload = block.payload()
            at = block.at[bad] if bad < len(text) else len(payload)
            for pieces in ([payload], cut(payload, len(payload))):
                for ends in (True, False) if bad < len(text) and len(pieces) == 1 else (True,):
                    data = compressed(SERVER, TEXT, *pieces, ends=ends)
                    what = f"invalid{'' if ends else ' before the message ends'}, {kind}, {frames(pieces)}: {name}"
                    vectors.append(vector(what, "8.1", SERVER, data, [failed(1007, failure_in(pieces, at))]))
        binary = compressed(SERVER, BINARY, Deflate().fixed(text).payload())
        vectors.append(vector(f"binary may be anything: {name}", "5.6", SERVER, binary, [message(BINARY, text)]))
    return vectors


def frames(pieces: list[bytes]) -> str:
    return "whole" if len(pieces) == 1 else "a frame an octet"


def run(size: int) -> Deflate:
    """A block of as many asterisks, most of them by matches of the greatest length."""
    block = Deflate().begin_fixed().literals(b"*" * min(size, 1))
    left = max(size - 1, 0)
    while left > 260:
        block.match(258, 1)
        left -= 258
    if left > 258:
        block.match(left - 3, 1)
        left = 3
    if left >= 3:
        block.match(left, 1)
    else:
        block.literals(b"*" * left)
    return block.end_fixed()


def sizes() -> list[Vector]:
    """`max_message_size` is the size after decompression. The octet that exceeds it is the failure."""
    vectors = []
    for most in (0, 1, 1000, 5000):
        for over in (0, 1, 300):
            block = run(most + over)
            payload = block.payload()
            for count in (1, 2, 1000):
                pieces = cut(payload, min(count, len(payload)))
                pieces += [b""] * (count - len(pieces))
                data = compressed(SERVER, BINARY, *pieces)
                events = [message(BINARY, b"*" * most)]
                if over:
                    events = [failed(1009, failure_in(pieces, block.at[most]))]
                name = f"{most} and {over} octets in {count} frames"
                vectors.append(vector(name, "7692 8", SERVER, data, events, limits={"max_message_size": most}))
    return vectors
