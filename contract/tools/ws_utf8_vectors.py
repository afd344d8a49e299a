"""Text that is UTF-8 and text that is not (RFC 6455 section 8.1, RFC 3629)."""

from __future__ import annotations

from ws_frames import BINARY, CLOSE, CONTINUATION, TEXT, first_bad_octet
from ws_vector import BOTH, Peer, Vector, close, close_payload, failed, message, vector

VALID_TEXTS = {
    "greek": "κόσμε".encode(),
    "NUL": b"\x00",
    "NUL inside": b"a\x00b",
    "U+007F": b"\x7f",
    "U+0080": b"\xc2\x80",
    "U+07FF": b"\xdf\xbf",
    "U+0800": b"\xe0\xa0\x80",
    "U+0FFF": b"\xe0\xbf\xbf",
    "U+1000": b"\xe1\x80\x80",
    "U+CFFF": b"\xec\xbf\xbf",
    "U+D000": b"\xed\x80\x80",
    "U+D7FF": b"\xed\x9f\xbf",
    "U+E000": b"\xee\x80\x80",
    "U+FFFD": b"\xef\xbf\xbd",
    "U+FFFE": b"\xef\xbf\xbe",
    "U+FFFF": b"\xef\xbf\xbf",
    "U+FEFF": b"\xef\xbb\xbf",
    "U+10000": b"\xf0\x90\x80\x80",
    "U+1FFFF": b"\xf0\x9f\xbf\xbf",
    "U+3FFFF": b"\xf0\xbf\xbf\xbf",
    "U+40000": b"\xf1\x80\x80\x80",
    "U+FFFFF": b"\xf3\xbf\xbf\xbf",
    "U+100000": b"\xf4\x80\x80\x80",
    "U+10FFFF": b"\xf4\x8f\xbf\xbf",
    "four lengths": "aé€😀".encode(),
    "emoji": "😀😃😄😁".encode(),
    "long mixed": "zß水🍌".encode() * 40,
    "long ASCII": b"plain text " * 40,
}

INVALID_TEXTS = {
    "lone continuation 80": b"\x80",
    "lone continuation BF": b"\xbf",
    "two continuations": b"\x80\xbf",
    "lead C2 alone": b"\xc2",
    "lead E0 alone": b"\xe0",
    "lead EF alone": b"\xef",
    "lead F0 alone": b"\xf0",
    "lead F4 alone": b"\xf4",
    "E1 80 truncated": b"\xe1\x80",
    "F1 80 truncated": b"\xf1\x80",
    "F1 80 80 truncated": b"\xf1\x80\x80",
    "truncated at the end": b"abc\xf0\x9f\x98",
    "C2 then space": b"\xc2 ",
    "E1 then space": b"\xe1 ",
    "E1 80 then space": b"\xe1\x80 ",
    "F1 80 80 then space": b"\xf1\x80\x80 ",
    "C2 C2": b"\xc2\xc2\x80",
    "E1 E1": b"\xe1\xe1\x80\x80",
    "one continuation too many": b"\xc2\x80\x80",
    "three and one": b"\xe1\x80\x80\x80",
    "four and one": b"\xf1\x80\x80\x80\x80",
    "overlong NUL in two": b"\xc0\x80",
    "overlong slash in two": b"\xc0\xaf",
    "overlong 7F in two": b"\xc1\xbf",
    "overlong NUL in three": b"\xe0\x80\x80",
    "overlong slash in three": b"\xe0\x80\xaf",
    "overlong U+07FF in three": b"\xe0\x9f\xbf",
    "overlong NUL in four": b"\xf0\x80\x80\x80",
    "overlong slash in four": b"\xf0\x80\x80\xaf",
    "overlong U+FFFF in four": b"\xf0\x8f\xbf\xbf",
    "five octets": b"\xf8\x88\x80\x80\x80",
    "six octets": b"\xfc\x84\x80\x80\x80\x80",
    "overlong in five": b"\xf8\x80\x80\x80\xaf",
    "overlong in six": b"\xfc\x80\x80\x80\x80\xaf",
    "surrogate D800": b"\xed\xa0\x80",
    "surrogate DB7F": b"\xed\xad\xbf",
    "surrogate DC00": b"\xed\xb0\x80",
    "surrogate DFFF": b"\xed\xbf\xbf",
    "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "U+110000": b"\xf4\x90\x80\x80",
    "U+13FFFF": b"\xf4\xbf\xbf\xbf",
    "F5": b"\xf5\x80\x80\x80",
    "F7": b"\xf7\xbf\xbf\xbf",
    "FE": b"\xfe",
    "FF": b"\xff",
    "FE FF": b"\xfe\xff",
    "Latin-1": b"caf\xe9 au lait",
    "UTF-16 mark": b"\xff\xfea\x00",
    "greek, then surrogate, then text": "κόσμε".encode() + b"\xed\xa0\x80edited",
    "greek, then U+110000, then text": "κόσμε".encode() + b"\xf4\x90\x80\x80edited",
    "after 200 plain octets": b"a" * 200 + b"\xff" + b"b" * 200,
    "after 70 characters": "水".encode() * 70 + b"\xe0\x80" + b"a" * 70,
    "at a 64-octet edge": b"a" * 63 + b"\xc2" + b"a" * 64,
}


def utf8() -> list[Vector]:
    vectors = []
    for peer in BOTH:
        for name, text in VALID_TEXTS.items():
            assert first_bad_octet(text) is None, name
            vectors.append(vector(f"valid: {name}", "8.1", peer, peer.send(TEXT, text), [message(TEXT, text)]))
            split = b"".join(
                peer.send(CONTINUATION if i else TEXT, text[i : i + 1], fin=i == len(text) - 1)
                for i in range(len(text))
            )
            vectors.append(vector(f"valid, a fragment an octet: {name}", "8.1", peer, split, [message(TEXT, text)]))
            if len(text) <= 123:
                data = peer.send(CLOSE, close_payload(1000, text))
                vectors.append(
                    vector(
                        f"valid reason: {name}",
                        "5.5.1",
                        peer,
                        data,
                        [close(1000, text)],
                        peer.answer(CLOSE, close_payload(1000)),
                    )
                )
        for name, text in INVALID_TEXTS.items():
            vectors += invalid_text(peer, name, text)
    return vectors


def invalid_text(peer: Peer, name: str, text: bytes) -> list[Vector]:
    bad = first_bad_octet(text)
    assert bad is not None, name
    told = min(
        bad + 1, len(text)
    )  # octets of the text after which it is known; all of them where it only ends too soon
    binary = vector(f"binary may be anything: {name}", "5.6", peer, peer.send(BINARY, text), [message(BINARY, text)])
    head = peer.header(len(text))
    vectors = [binary, vector(f"invalid: {name}", "8.1", peer, peer.send(TEXT, text), [failed(1007, head + told)])]
    # A fragment an octet: told in the bad octet's own frame, or at the end of the last.
    split = [peer.send(CONTINUATION if i else TEXT, text[i : i + 1], fin=i == len(text) - 1) for i in range(len(text))]
    vectors.append(
        vector(
            f"invalid, a fragment an octet: {name}",
            "8.1",
            peer,
            b"".join(split),
            [failed(1007, len(b"".join(split[:told])))],
        )
    )
    if bad < len(text):
        # The message goes on: the failure does not wait for its end.
        data = peer.send(TEXT, text, fin=False)
        vectors.append(
            vector(f"invalid before the message ends: {name}", "8.1", peer, data, [failed(1007, head + told)])
        )
    if len(text) <= 123:
        at = peer.header(2 + len(text)) + 2 + told
        data = peer.send(CLOSE, close_payload(1000, text))
        vectors.append(vector(f"invalid reason: {name}", "8.1", peer, data, [failed(1007, at)]))
    return vectors
