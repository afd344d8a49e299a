"""A WebSocket client that costs as little as possible, so that one process can simulate thousands of users.

Frames to the server carry a masking key of zeros, so that sending is one join of bytes (RFC 6455 section 5.3 requires
masking, and any key is valid). The client answers pings and closes, and trusts everything else that the server sends.
"""

import asyncio
import base64
import os
import socket
import struct
from collections import deque
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
NO_CODE = 1005
LOST = 1006


class Refused(Exception):
    """The server answered the handshake with a status other than 101."""

    def __init__(self, status: int, head: bytes) -> None:
        super().__init__(status, head)
        self.status = status


class Ended(Exception):
    """The connection has ended. ``code`` is that of the server's close frame, or 1006 if there was none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ended with {code}")
        self.code = code


def frame(opcode: int, payload: bytes) -> bytes:
    """Returns a complete client frame."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


class LeanWebSocket(asyncio.Protocol):
    """One client. ``receive()`` returns payloads in order. With ``keeps_messages`` off, reads are only counted, and no
    frame is answered."""

    def __init__(self, *, keeps_messages: bool = True) -> None:
        self.keeps_messages = keeps_messages
        self.reads = 0
        """How many times data arrived."""
        self.close_code: int | None = None
        self.ended = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._messages: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_head = True

    # ---- for users ----

    @classmethod
    async def connect(cls, port: int, path: str, *, keeps_messages: bool = True) -> "LeanWebSocket":
        """Raises Refused if the status is not 101, and Ended or OSError if the server closes the connection instead."""
        loop = asyncio.get_running_loop()
        _, self = await loop.create_connection(lambda: cls(keeps_messages=keeps_messages), "127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        try:
            await self._opened
        except BaseException:
            self._transport.abort()
            raise
        return self

    def send_text(self, text: str | bytes) -> None:
        self._transport.write(frame(TEXT, text.encode() if isinstance(text, str) else text))

    def send_raw(self, octets: bytes) -> None:
        self._transport.write(octets)

    async def receive(self) -> bytes:
        """Returns the next message. Raises Ended if there is none any more."""
        while not self._messages:
            if self.ended.done():
                raise Ended(self.close_code or LOST)
            await self.wait_read()
        return self._messages.popleft()

    async def wait_read(self) -> None:
        """Waits until data arrives or the connection ends."""
        if self.ended.done():
            return
        if self._waiter is None or self._waiter.done():  # done: left by a cancelled wait
            self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def start_close(self, code: int = 1000) -> None:
        self._transport.write(frame(CLOSE, struct.pack("!H", code)))

    async def close(self, code: int = 1000) -> None:
        """Sends a close frame and waits until the server, after its own close frame, has ended the connection."""
        self.start_close(code)
        await self.ended

    def abort(self) -> None:
        """Resets the connection (RST) without a close frame."""
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def hang_up(self) -> None:
        """Ends the connection (FIN) without a close frame."""
        self._transport.abort()

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.reads += 1
        if self._in_head or self.keeps_messages:
            self._buffer += data
            if not self._in_head or self._take_head():
                self._take_frames()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.close_code = self.close_code or LOST
        if not self.ended.done():
            self.ended.set_result(None)
        if not self._opened.done():
            self._opened.set_exception(Ended(LOST))
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        self._in_head = False
        if self._opened.done():  # connect() was cancelled
            return False
        status = int(head[9:12])
        if status != 101:
            self._opened.set_exception(Refused(status, head))
            return False
        self._opened.set_result(None)
        return self.keeps_messages

    def _take_frames(self) -> None:
        buffer, start = self._buffer, 0
        while len(buffer) - start >= 2:
            size, body = buffer[start + 1], start + 2
            if size == 126:
                size, body = int.from_bytes(buffer[start + 2 : start + 4], "big"), start + 4
            elif size == 127:
                size, body = int.from_bytes(buffer[start + 2 : start + 10], "big"), start + 10
            if len(buffer) < body + size:
                break
            self._take_frame(buffer[start] & 0xF, bytes(buffer[body : body + size]))
            start = body + size
        del buffer[:start]

    def _take_frame(self, opcode: int, payload: bytes) -> None:
        if opcode in (TEXT, BINARY):
            self._messages.append(payload)
        elif opcode == PING:
            self._transport.write(frame(PONG, payload))
        elif opcode == CLOSE:
            if self.close_code is None:
                self._transport.write(frame(CLOSE, payload[:2]))
            self.close_code = int.from_bytes(payload[:2], "big") if payload else NO_CODE
