"""Frames, UTF-8 and octets as the WebSocket vectors need them, written from RFC 6455 and RFC 3629 alone.

Knows nothing of ProAPI: expected values must follow from the RFCs, not from running the engine.
"""

from __future__ import annotations

from typing import Any

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
OPCODES = {CONTINUATION: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}
KEY = bytes.fromhex("37fa213d")  # the key of RFC 6455 section 5.7; the only one a client under test uses


def mask(payload: bytes, key: bytes = KEY) -> bytes:
    """RFC 6455 section 5.3."""
    repeated = key * (len(payload) // 4 + 1)
    return bytes(a ^ b for a, b in zip(payload, repeated, strict=False))


def length_octets(length: int, form: int | None = None) -> tuple[int, bytes]:
    """The 7-bit length and what extends it; `form` 0, 2 or 8 forces how many octets extend it (section 5.2)."""
    if form is None:
        form = 0 if length < 126 else 2 if length < 65536 else 8
    return (length, b"") if form == 0 else (126 if form == 2 else 127, length.to_bytes(form, "big"))


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes | None = None,
    form: int | None = None,
    claim: int | None = None,
) -> bytes:
    """One frame; `key` None: unmasked. `claim` says another length than the payload's."""
    short, extended = length_octets(len(payload) if claim is None else claim, form)
    head = bytes([fin << 7 | rsv << 4 | opcode, (key is not None) << 7 | short]) + extended
    return head + (payload if key is None else key + mask(payload, key))


def header_size(length: int, masked: bool, form: int | None = None) -> int:
    return 2 + len(length_octets(length, form)[1]) + (4 if masked else 0)


# RFC 3629 section 4: UTF8-octets as (first range, ranges of the others).
UTF8_SEQUENCES: list[tuple[tuple[int, int], list[tuple[int, int]]]] = [
    ((0x00, 0x7F), []),
    ((0xC2, 0xDF), [(0x80, 0xBF)]),
    ((0xE0, 0xE0), [(0xA0, 0xBF), (0x80, 0xBF)]),
    ((0xE1, 0xEC), [(0x80, 0xBF)] * 2),
    ((0xED, 0xED), [(0x80, 0x9F), (0x80, 0xBF)]),
    ((0xEE, 0xEF), [(0x80, 0xBF)] * 2),
    ((0xF0, 0xF0), [(0x90, 0xBF)] + [(0x80, 0xBF)] * 2),
    ((0xF1, 0xF3), [(0x80, 0xBF)] * 3),
    ((0xF4, 0xF4), [(0x80, 0x8F)] + [(0x80, 0xBF)] * 2),
]


def continuations(lead: int) -> list[tuple[int, int]] | None:
    """The ranges of the octets that follow `lead`; None where no character begins with it."""
    return next((others for (low, high), others in UTF8_SEQUENCES if low <= lead <= high), None)


def first_bad_octet(text: bytes) -> int | None:
    """The index of the first octet no UTF-8 text could have there; len(text) where it ends inside a character."""
    at = 0
    while at < len(text):
        others = continuations(text[at])
        if others is None:
            return at
        at += 1
        for low, high in others:
            if at == len(text) or not low <= text[at] <= high:
                return at
            at += 1
    return None


def octets(data: bytes) -> Any:
    """Hex, or for what repeats at length a list with {"repeat": hex, "times": n} in it."""
    if len(data) <= 512:
        return data.hex()
    parts: list[Any] = []
    at = plain = 0
    while at < len(data):
        end = at + 4
        while data[end : end + 4] == data[at : at + 4] and end + 4 <= len(data):
            end += 4
        if end - at >= 64:
            if plain < at:
                parts.append(data[plain:at].hex())
            parts.append({"repeat": data[at : at + 4].hex(), "times": (end - at) // 4})
            at = plain = end
        else:
            at += 1
    if plain < len(data):
        parts.append(data[plain:].hex())
    return parts
