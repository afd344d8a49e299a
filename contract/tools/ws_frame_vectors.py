"""Single frames: sizes, masking, reserved bits and opcodes, length forms (RFC 6455 sections 5.1-5.3, 5.7)."""

from __future__ import annotations

from ws_frames import BINARY, CONTINUATION, KEY, OPCODES, PING, PONG, TEXT, frame
from ws_vector import BOTH, CLIENT, SERVER, Vector, control, failed, message, vector


def lawful_frames() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        for opcode in (TEXT, BINARY):
            for size in (0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 124, 125, 126, 127, 128, 65535, 65536, 65537):
                payload = b"*" * size
                vectors.append(
                    vector(
                        f"{OPCODES[opcode]} of {size}",
                        "5.2",
                        peer,
                        peer.send(opcode, payload),
                        [message(opcode, payload)],
                    )
                )
        vectors.append(
            vector(
                "all octet values",
                "5.3",
                peer,
                peer.send(BINARY, bytes(range(256))),
                [message(BINARY, bytes(range(256)))],
            )
        )
        many = [b"%d" % i for i in range(100)]
        vectors.append(
            vector(
                "100 messages in one piece",
                "5.2",
                peer,
                b"".join(peer.send(TEXT, m) for m in many),
                [message(TEXT, m) for m in many],
            )
        )
        vectors.append(
            vector(
                "text and binary in turn",
                "5.6",
                peer,
                peer.send(TEXT, b"a") + peer.send(BINARY, b"\xff") + peer.send(TEXT) + peer.send(BINARY),
                [message(TEXT, b"a"), message(BINARY, b"\xff"), message(TEXT, b""), message(BINARY, b"")],
            )
        )
    for key in ("00000000", "ffffffff", "00000001", "80000000"):
        data = frame(TEXT, b"masked with any key", key=bytes.fromhex(key))
        vectors.append(vector(f"masking key {key}", "5.3", SERVER, data, [message(TEXT, b"masked with any key")]))
    return vectors


def rfc_examples() -> list[Vector]:
    """RFC 6455 section 5.7, octets as printed there."""
    hello = [message(TEXT, b"Hello")]
    return [
        vector("unmasked text", "5.7", CLIENT, bytes.fromhex("810548656c6c6f"), hello),
        vector("masked text", "5.7", SERVER, bytes.fromhex("818537fa213d7f9f4d5158"), hello),
        vector("fragmented unmasked text", "5.7", CLIENT, bytes.fromhex("010348656c80026c6f"), hello),
        vector(
            "unmasked ping, masked pong",
            "5.7",
            CLIENT,
            bytes.fromhex("890548656c6c6f"),
            [control(PING, b"Hello")],
            bytes.fromhex("8a8537fa213d7f9f4d5158"),
        ),
        vector("masked pong", "5.7", SERVER, bytes.fromhex("8a8537fa213d7f9f4d5158"), [control(PONG, b"Hello")]),
        vector(
            "256 octets of binary", "5.7", CLIENT, bytes.fromhex("827e0100") + bytes(256), [message(BINARY, bytes(256))]
        ),
        vector(
            "64 KiB of binary",
            "5.7",
            CLIENT,
            bytes.fromhex("827f0000000000010000") + bytes(65536),
            [message(BINARY, bytes(65536))],
        ),
    ]


def masking_faults() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        wrong_key = None if peer is SERVER else KEY
        what = "unmasked to a server" if peer is SERVER else "masked to a client"
        for opcode, name in OPCODES.items():
            for payload in (b"", b"\x03\xe8"):
                begin = peer.send(TEXT, b"a", fin=False) if opcode == CONTINUATION else b""
                data = begin + frame(opcode, payload, key=wrong_key)
                vectors.append(
                    vector(f"{name} of {len(payload)} {what}", "5.1", peer, data, [failed(1002, len(begin) + 2)])
                )
        ping = frame(PING, key=wrong_key)
        begin = peer.send(BINARY, b"a", fin=False)
        vectors.append(
            vector(f"ping {what} inside a message", "5.1", peer, begin + ping, [failed(1002, len(begin) + 2)])
        )
        begin = peer.send(TEXT, b"first")
        data = begin + frame(TEXT, b"x", key=wrong_key) + peer.send(TEXT, b"never read")
        vectors.append(
            vector(f"second frame {what}", "5.1", peer, data, [message(TEXT, b"first"), failed(1002, len(begin) + 2)])
        )
    http = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"  # G: FIN 0, RSV1
    vectors.append(vector("an HTTP request in place of a frame", "5.2", SERVER, http, [failed(1002, 1)]))
    return vectors


def reserved_bits() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        for rsv in range(1, 8):
            for opcode, name in OPCODES.items():
                begin = peer.send(TEXT, b"a", fin=False) if opcode == CONTINUATION else b""
                data = begin + peer.send(opcode, b"", rsv=rsv)
                vectors.append(vector(f"RSV {rsv} on {name}", "5.2", peer, data, [failed(1002, len(begin) + 1)]))
        begin = peer.send(TEXT, b"before") + peer.send(TEXT, b"a", fin=False)
        data = begin + peer.send(PING, b"p", rsv=4)
        vectors.append(
            vector(
                "RSV1 on a ping inside a message",
                "5.2",
                peer,
                data,
                [message(TEXT, b"before"), failed(1002, len(begin) + 1)],
            )
        )
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            for fin in (True, False):
                data = peer.send(opcode, b"x", fin=fin)
                vectors.append(
                    vector(f"reserved opcode {opcode}, FIN {int(fin)}", "5.2", peer, data, [failed(1002, 1)])
                )
        begin = peer.send(TEXT, b"x", fin=False)
        vectors.append(
            vector(
                "reserved opcode inside a message", "5.2", peer, begin + peer.send(3), [failed(1002, len(begin) + 1)]
            )
        )
    return vectors


def length_faults() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        for opcode in (TEXT, BINARY, CONTINUATION):
            begin = peer.send(TEXT, b"a", fin=False) if opcode == CONTINUATION else b""
            for form, lengths in ((2, (0, 1, 125)), (8, (0, 1, 125, 126, 65535))):
                for length in lengths:
                    data = begin + peer.send(opcode, b"b" * length, form=form)
                    # The 64-bit form is known to be too long once its upper six octets are zero.
                    at = len(begin) + 2 + (2 if form == 2 else 6)
                    name = f"{OPCODES[opcode]} of {length} in {form * 8} bits"
                    vectors.append(vector(name, "5.2", peer, data, [failed(1002, at)]))
            for length in (2**63, 2**63 + 1, 2**64 - 1):
                data = begin + peer.send(opcode, b"", claim=length)
                name = f"{OPCODES[opcode]} of {length}, highest bit set"
                vectors.append(vector(name, "5.2", peer, data, [failed(1002, len(begin) + 3)]))
    return vectors
