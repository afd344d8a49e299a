"""Whole messages: their size and their fragments (RFC 6455 sections 5.4 and 10.4)."""

from __future__ import annotations

from ws_frames import BINARY, CLOSE, CONTINUATION, OPCODES, PING, PONG, TEXT
from ws_vector import BOTH, Peer, Vector, close, close_payload, control, failed, message, vector

MAX = 1024 * 1024  # the default of max_message_size


def size_limits() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        for opcode in (TEXT, BINARY):
            name = OPCODES[opcode]
            for limit in (0, 1, 125, 126, 1000, 65536):
                limits = {"max_message_size": limit}
                payload = b"x" * limit
                vectors.append(
                    vector(
                        f"{name} of exactly {limit}",
                        "10.4",
                        peer,
                        peer.send(opcode, payload),
                        [message(opcode, payload)],
                        limits=limits,
                    )
                )
                head = peer.send(opcode, b"", claim=limit + 1)
                vectors.append(
                    vector(f"{name} of {limit} and one", "7.4.1", peer, head, [failed(1009, len(head))], limits=limits)
                )
            parts = [b"x" * 400, b"y" * 400, b"z" * 200]
            frames = [peer.send(opcode if i == 0 else CONTINUATION, p, fin=i == 2) for i, p in enumerate(parts)]
            limits = {"max_message_size": 1000}
            whole = message(opcode, b"".join(parts))
            vectors.append(
                vector(f"{name} of exactly 1000 in three", "10.4", peer, b"".join(frames), [whole], limits=limits)
            )
            begin = b"".join(frames[:2])
            head = peer.send(CONTINUATION, b"", claim=201)
            vectors.append(
                vector(
                    f"{name} of 1001 in three",
                    "7.4.1",
                    peer,
                    begin + head,
                    [failed(1009, len(begin + head))],
                    limits=limits,
                )
            )
            for claim in (2**62, 2**63 - 1, 2**63 - 400):
                head = peer.send(CONTINUATION, b"", claim=claim)
                data = frames[0] + head
                vectors.append(
                    vector(f"{name} of 400 and {claim}", "7.4.1", peer, data, [failed(1009, len(data))], limits=limits)
                )
        for claim in (MAX + 1, 2**32, 2**63 - 1):
            head = peer.send(BINARY, b"", claim=claim)
            vectors.append(vector(f"{claim} octets claimed", "7.4.1", peer, head, [failed(1009, len(head))]))
        ping = peer.send(PING, b"12345")
        vectors.append(
            vector(
                "control frames have no share in the size",
                "5.5",
                peer,
                ping + peer.send(TEXT, b"ab"),
                [control(PING, b"12345"), message(TEXT, b"ab")],
                peer.answer(PONG, b"12345"),
                limits={"max_message_size": 2},
            )
        )
    return vectors


def fragments() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        for opcode in (TEXT, BINARY):
            name = OPCODES[opcode]
            for parts in (
                [b"Hel", b"lo"],
                [b"", b"Hello"],
                [b"Hello", b""],
                [b"", b""],
                [b"", b"", b""],
                [b"", b"x", b""],
                [b"x", b"", b"y"],
                [b"a" * 126, b"b" * 65536, b"c"],
                [bytes([97 + i % 26]) for i in range(60)],
                [b"1" * 3, b"2" * 5, b"3" * 7, b"4" * 11],
            ):
                data = b"".join(
                    peer.send(CONTINUATION if i else opcode, p, fin=i == len(parts) - 1) for i, p in enumerate(parts)
                )
                sizes = "+".join(str(len(p)) for p in parts[:4]) + ("+..." if len(parts) > 4 else "")
                vectors.append(vector(f"{name} of {sizes}", "5.4", peer, data, [message(opcode, b"".join(parts))]))
            first, last = peer.send(opcode, b"ab", fin=False), peer.send(CONTINUATION, b"cd")
            for size in (0, 1, 125):
                payload = b"p" * size
                vectors.append(
                    vector(
                        f"ping of {size} inside {name}",
                        "5.4",
                        peer,
                        first + peer.send(PING, payload) + last,
                        [control(PING, payload), message(opcode, b"abcd")],
                        peer.answer(PONG, payload),
                    )
                )
            vectors.append(
                vector(
                    f"pings and pongs inside {name}",
                    "5.4",
                    peer,
                    first
                    + peer.send(PING, b"1")
                    + peer.send(PONG, b"2")
                    + peer.send(CONTINUATION, b"-", fin=False)
                    + peer.send(PING, b"3")
                    + last,
                    [control(PING, b"1"), control(PONG, b"2"), control(PING, b"3"), message(opcode, b"ab-cd")],
                    peer.answer(PONG, b"1") + peer.answer(PONG, b"3"),
                )
            )
            vectors.append(
                vector(
                    f"close inside {name}",
                    "5.4",
                    peer,
                    first + peer.send(CLOSE, close_payload(1000)) + last,
                    [close(1000)],
                    peer.answer(CLOSE, close_payload(1000)),
                )
            )
            for second in (TEXT, BINARY):
                for fin in (True, False):
                    data = first + peer.send(second, b"x", fin=fin)
                    vectors.append(
                        vector(
                            f"{OPCODES[second]} inside {name}, FIN {int(fin)}",
                            "5.4",
                            peer,
                            data,
                            [failed(1002, len(first) + 1)],
                        )
                    )
        vectors.append(
            vector(
                "two fragmented messages",
                "5.4",
                peer,
                peer.send(TEXT, b"a", fin=False)
                + peer.send(CONTINUATION, b"b")
                + peer.send(BINARY, b"c", fin=False)
                + peer.send(CONTINUATION, b"d"),
                [message(TEXT, b"ab"), message(BINARY, b"cd")],
            )
        )
        for fin in (True, False):
            data = peer.send(CONTINUATION, b"x", fin=fin)
            vectors.append(vector(f"continuation of nothing, FIN {int(fin)}", "5.4", peer, data, [failed(1002, 1)]))
            for begin, events in (
                (peer.send(TEXT, b"whole"), [message(TEXT, b"whole")]),
                (peer.send(TEXT, b"a", fin=False) + peer.send(CONTINUATION, b"b"), [message(TEXT, b"ab")]),
            ):
                vectors.append(
                    vector(
                        f"continuation after a message's end, FIN {int(fin)}",
                        "5.4",
                        peer,
                        begin + data,
                        [*events, failed(1002, len(begin) + 1)],
                    )
                )
        vectors += fragment_limits(peer)
    return vectors


def fragment_limits(peer: Peer) -> list[Vector]:
    few, empty = {"max_fragments": 3}, {"max_empty_fragments": 2}
    first, middle, last = (
        peer.send(TEXT, b"a", fin=False),
        peer.send(CONTINUATION, b"b", fin=False),
        peer.send(CONTINUATION, b"c"),
    )
    nothing = peer.send(CONTINUATION, b"", fin=False)
    head = peer.header(1)
    whole = message(TEXT, b"abc")
    return [
        vector("as many fragments as allowed", "10.4", peer, first + middle + last, [whole], limits=few),
        vector(
            "one fragment too many",
            "7.4.1",
            peer,
            first + middle * 2 + last,
            [failed(1008, len(first + middle * 2) + head)],
            limits=few,
        ),
        vector(
            "fragments are counted anew in each message",
            "10.4",
            peer,
            (first + middle + last) * 3,
            [whole] * 3,
            limits=few,
        ),
        vector(
            "whole messages have no fragments",
            "10.4",
            peer,
            peer.send(TEXT, b"abc") * 5,
            [whole] * 5,
            limits={"max_fragments": 1},
        ),
        vector(
            "control frames are no fragments",
            "10.4",
            peer,
            first + peer.send(PONG) * 5 + middle + last,
            [control(PONG)] * 5 + [whole],
            limits=few,
        ),
        vector(
            "as many empty fragments as allowed",
            "10.4",
            peer,
            first + nothing * 2 + last,
            [message(TEXT, b"ac")],
            limits=empty,
        ),
        vector(
            "one empty fragment too many",
            "7.4.1",
            peer,
            first + nothing * 3,
            [failed(1008, len(first + nothing * 3))],
            limits=empty,
        ),
        vector(
            "empty first and last fragments count",
            "7.4.1",
            peer,
            peer.send(TEXT, b"", fin=False) + nothing + peer.send(CONTINUATION),
            [failed(1008, len(nothing) * 3)],
            limits=empty,
        ),
        vector(
            "empty fragments are counted anew in each message",
            "10.4",
            peer,
            (first + nothing * 2 + last) * 3,
            [message(TEXT, b"ac")] * 3,
            limits=empty,
        ),
        vector(
            "whole empty messages are no fragments",
            "10.4",
            peer,
            peer.send(TEXT) * 5,
            [message(TEXT, b"")] * 5,
            limits={"max_empty_fragments": 0},
        ),
    ]
