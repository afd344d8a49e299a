"""Control frames and the closing handshake (RFC 6455 sections 5.5 and 7)."""

from __future__ import annotations

from ws_frames import CLOSE, OPCODES, PING, PONG, TEXT
from ws_vector import BOTH, Peer, Vector, close, close_payload, control, failed, message, vector


def control_frames() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        for size in (0, 1, 4, 5, 124, 125):
            payload = bytes(range(size))
            vectors.append(
                vector(
                    f"ping of {size}",
                    "5.5.2",
                    peer,
                    peer.send(PING, payload),
                    [control(PING, payload)],
                    peer.answer(PONG, payload),
                )
            )
            vectors.append(
                vector(f"unsolicited pong of {size}", "5.5.3", peer, peer.send(PONG, payload), [control(PONG, payload)])
            )
        many = [b"%d" % i for i in range(50)]
        vectors.append(
            vector(
                "50 pings in one piece",
                "5.5.2",
                peer,
                b"".join(peer.send(PING, p) for p in many),
                [control(PING, p) for p in many],
                b"".join(peer.answer(PONG, p) for p in many),
            )
        )
        for opcode in (CLOSE, PING, PONG):
            name = OPCODES[opcode]
            for size in (126, 127, 65535, 65536):
                vectors.append(
                    vector(f"{name} of {size}", "5.5", peer, peer.send(opcode, b"", claim=size), [failed(1002, 2)])
                )
            for form in (2, 8):
                data = peer.send(opcode, b"\x03\xe8ab", form=form)
                vectors.append(vector(f"{name} of 4 in {form * 8} bits", "5.5", peer, data, [failed(1002, 2)]))
            for payload in (b"", b"\x03\xe8"):
                data = peer.send(opcode, payload, fin=False)
                vectors.append(vector(f"fragmented {name} of {len(payload)}", "5.5", peer, data, [failed(1002, 1)]))
            begin = peer.send(TEXT, b"a", fin=False)
            data = begin + peer.send(opcode, b"", fin=False)
            vectors.append(
                vector(f"fragmented {name} inside a message", "5.5", peer, data, [failed(1002, len(begin) + 1)])
            )
        vectors += after_own_close(peer)
    return vectors


def after_own_close(peer: Peer) -> list[Vector]:
    own = {"close_first": {"code": 1001, "reason": "bye"}}
    out = peer.answer(CLOSE, close_payload(1001, b"bye"))
    answer = peer.send(CLOSE, close_payload(1001))
    bad = peer.send(TEXT, b"\xff")
    return [
        vector("answer to our close", "5.5.1", peer, answer, [close(1001)], out, **own),
        vector(
            "crossing close of another code",
            "7.1.5",
            peer,
            peer.send(CLOSE, close_payload(4000, b"x")),
            [close(4000, b"x")],
            out,
            **own,
        ),
        vector("empty answer to our close", "7.1.5", peer, peer.send(CLOSE), [close()], out, **own),
        vector(
            "data before the answer",
            "5.5.1",
            peer,
            peer.send(TEXT, b"late") + answer,
            [message(TEXT, b"late"), close(1001)],
            out,
            **own,
        ),
        vector(
            "no pong after our close",
            "5.5.2",
            peer,
            peer.send(PING, b"p") + answer,
            [control(PING, b"p"), close(1001)],
            out,
            **own,
        ),
        vector("nothing is read after the answer", "5.5.1", peer, answer + bad, [close(1001)], out, **own),
        vector(
            "a fault before the answer", "7.1.7", peer, bad + answer, [failed(1007, peer.header(1) + 1)], out, **own
        ),
        vector(
            "our close without a code",
            "5.5.1",
            peer,
            peer.send(CLOSE),
            [close()],
            peer.answer(CLOSE),
            close_first={"code": 1005, "reason": ""},
        ),
    ]


# RFC 6455 section 7.4 and IANA's registry: what a Close frame may carry.
LAWFUL_CODES = [
    1000,
    1001,
    1002,
    1003,
    1007,
    1008,
    1009,
    1010,
    1011,
    1012,
    1013,
    1014,
    3000,
    3001,
    3999,
    4000,
    4001,
    4999,
]
UNLAWFUL_CODES = [
    0,
    1,
    125,
    500,
    999,
    1004,
    1005,
    1006,
    1015,
    1016,
    1017,
    1099,
    1100,
    1500,
    1999,
    2000,
    2001,
    2999,
    5000,
    5001,
    9999,
    32767,
    32768,
    65534,
    65535,
]


def close_codes() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        vectors.append(vector("close without payload", "5.5.1", peer, peer.send(CLOSE), [close()], peer.answer(CLOSE)))
        for octet in (b"\x03", b"\x00", b"\xff"):
            vectors.append(
                vector(f"close of one octet {octet.hex()}", "5.5.1", peer, peer.send(CLOSE, octet), [failed(1002, 2)])
            )
        for code in LAWFUL_CODES:
            for reason in (b"", "Adiós".encode()):
                data = peer.send(CLOSE, close_payload(code, reason))
                name = f"close {code}" + (" with reason" if reason else "")
                vectors.append(
                    vector(name, "7.4", peer, data, [close(code, reason)], peer.answer(CLOSE, close_payload(code)))
                )
        for code in UNLAWFUL_CODES:
            for reason in (b"", b"reason"):
                data = peer.send(CLOSE, close_payload(code, reason))
                name = f"unlawful close {code}" + (" with reason" if reason else "")
                vectors.append(vector(name, "7.4", peer, data, [failed(1002, peer.header(2) + 2)]))
        longest = b"r" * 123
        data = peer.send(CLOSE, close_payload(1000, longest))
        vectors.append(
            vector(
                "close with the longest reason",
                "5.5",
                peer,
                data,
                [close(1000, longest)],
                peer.answer(CLOSE, close_payload(1000)),
            )
        )
        for rest in (peer.send(TEXT, b"x"), peer.send(CLOSE, close_payload(1000)), b"\xff" * 20, peer.send(PING)):
            data = peer.send(CLOSE, close_payload(1000)) + rest
            vectors.append(
                vector(
                    f"nothing is read after close: {rest[:2].hex()}",
                    "5.5.1",
                    peer,
                    data,
                    [close(1000)],
                    peer.answer(CLOSE, close_payload(1000)),
                )
            )
    return vectors
