"""One vector and its parts, as contract/README.md describes them under "ws"."""

from __future__ import annotations

from typing import Any

from ws_frames import KEY, OPCODES, frame, header_size, octets

Vector = dict[str, Any]


class Peer:
    """Writes what a peer sends: a client (to a server under test) masks, a server doesn't."""

    def __init__(self, role: str) -> None:
        self.role = role  # of the endpoint under test
        self.key = KEY if role == "server" else None
        self.own_key = None if role == "server" else KEY

    def send(self, opcode: int, payload: bytes = b"", **options: Any) -> bytes:
        return frame(opcode, payload, **{"key": self.key, **options})

    def answer(self, opcode: int, payload: bytes = b"") -> bytes:
        """What the endpoint under test writes."""
        return frame(opcode, payload, key=self.own_key)

    def header(self, length: int, form: int | None = None) -> int:
        return header_size(length, self.key is not None, form)


SERVER, CLIENT = Peer("server"), Peer("client")
BOTH = (SERVER, CLIENT)


def message(opcode: int, payload: bytes) -> Vector:
    return {"kind": "message", "opcode": opcode, "payload": octets(payload)}


def control(opcode: int, payload: bytes = b"") -> Vector:
    return {"kind": OPCODES[opcode], "payload": octets(payload)}


def close(code: int = 1005, reason: bytes = b"") -> Vector:
    return {"kind": "close", "code": code, "payload": reason.hex()}


def failed(code: int, at: int) -> Vector:
    return {"kind": "failed", "code": code, "at": at}


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason


def vector(name: str, rfc: str, peer: Peer, data: bytes, events: list[Vector], out: bytes = b"", **more: Any) -> Vector:
    return {
        "name": name,
        "rfc": rfc,
        "role": peer.role,
        **more,
        "in": octets(data),
        "events": events,
        "out": octets(out),
    }
