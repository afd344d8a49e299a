"""Deflate blocks as the vectors of permessage-deflate need them, written from RFC 1951 alone.

A payload is built piece by piece, and `at` then holds, for each octet of the message, how many octets of the payload
show it: a decoder that loses no time knows the octet after these, and not before. Knows no window and no zlib.
"""

from __future__ import annotations

STORED, FIXED = 0, 1
# Section 3.2.5: the first length or distance of each code, and how many extra bits follow the code.
LENGTHS = [*range(3, 11), 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
LENGTH_BITS = [0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0]
DISTANCES = [1, 2] + [((2 + code % 2) << (code // 2 - 1)) + 1 for code in range(2, 30)]
DISTANCE_BITS = [0, 0] + [code // 2 - 1 for code in range(2, 30)]


class Deflate:
    """Section 3.2: bits fill each octet from its lowest bit on; Huffman codes begin with their highest bit."""

    def __init__(self) -> None:
        self.bits: list[int] = []
        self.at: list[int] = []

    @property
    def size(self) -> int:
        """Octets, the one that has just begun included."""
        return (len(self.bits) + 7) // 8

    def number(self, value: int, count: int) -> None:
        self.bits += [value >> i & 1 for i in range(count)]

    def code(self, value: int, count: int) -> None:
        self.bits += [value >> i & 1 for i in reversed(range(count))]

    def symbol(self, symbol: int) -> None:
        """Section 3.2.6: the fixed codes of literals and lengths."""
        if symbol < 144:
            self.code(0x30 + symbol, 8)
        elif symbol < 256:
            self.code(0x190 + symbol - 144, 9)
        elif symbol < 280:
            self.code(symbol - 256, 7)
        else:
            self.code(0xC0 + symbol - 280, 8)

    def stored(self, data: bytes, *, final: bool = False, complement: int | None = None) -> Deflate:
        """Section 3.2.4. A false `complement` is written in place of the length's own."""
        self.number(final, 1)
        self.number(STORED, 2)
        self.number(0, -len(self.bits) % 8)
        self.number(len(data), 16)
        self.number(len(data) ^ 0xFFFF if complement is None else complement, 16)
        for octet in data:
            self.number(octet, 8)
            self.at.append(self.size)
        return self

    def begin_fixed(self, *, final: bool = False) -> Deflate:
        self.number(final, 1)
        self.number(FIXED, 2)
        return self

    def literals(self, data: bytes) -> Deflate:
        for octet in data:
            self.symbol(octet)
            self.at.append(self.size)
        return self

    def match(self, length: int, distance: int) -> Deflate:
        """Section 3.2.5: the octets `distance` before are repeated."""
        code = max(i for i, first in enumerate(LENGTHS) if first <= length)
        self.symbol(257 + code)
        self.number(length - LENGTHS[code], LENGTH_BITS[code])
        code = max(i for i, first in enumerate(DISTANCES) if first <= distance)
        self.code(code, 5)
        self.number(distance - DISTANCES[code], DISTANCE_BITS[code])
        self.at += [self.size] * length
        return self

    def end_fixed(self) -> Deflate:
        self.symbol(256)
        return self

    def fixed(self, data: bytes, *, final: bool = False) -> Deflate:
        return self.begin_fixed(final=final).literals(data).end_fixed()

    def octets(self) -> bytes:
        padded = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(sum(bit << i for i, bit in enumerate(padded[at : at + 8])) for at in range(0, len(padded), 8))

    def payload(self) -> bytes:
        """RFC 7692 section 7.2.1: an empty stored block ends the payload; its last four octets are not sent."""
        ended = Deflate()
        ended.bits = [*self.bits, 0, 0, 0]
        return ended.octets()
