"""A client's socket with TLS, strict about its end: one without close_notify (RFC 8446 section 6.1) is like a reset.

``ssl.SSLSocket`` can't end its sending side alone, and takes a missing close_notify for an end.
"""

import socket
import ssl
from typing import Any

_PART = 64 * 1024


class TlsSocket:
    """Has the methods of ``socket.socket`` that the tests use."""

    def __init__(self, lower: socket.socket, context: ssl.SSLContext, server_hostname: str = "localhost") -> None:
        self.lower = lower
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._has_ended_sending = False
        while True:
            try:
                self.session.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._read_more()
        self._flush()

    def sendall(self, data: bytes) -> None:
        if self._has_ended_sending:
            raise BrokenPipeError("close_notify was sent")
        view = memoryview(data)
        while view:
            self.session.write(view[:_PART])
            view = view[_PART:]
            self._flush()

    def recv(self, size: int) -> bytes:
        while True:
            try:
                return self.session.read(size)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLWantReadError:
                self._flush()  # an answer to a change of keys
                self._read_more()

    def shutdown(self, how: int) -> None:
        """Sends close_notify and ends the sending side."""
        self._has_ended_sending = True
        try:
            self.session.unwrap()
        except ssl.SSLWantReadError:  # the other side goes on
            self._flush()
        self.lower.shutdown(how)

    def settimeout(self, seconds: float | None) -> None:
        self.lower.settimeout(seconds)

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        self.lower.setsockopt(level, name, value)

    def getsockname(self) -> Any:
        return self.lower.getsockname()

    def close(self) -> None:
        self.lower.close()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self.lower.sendall(data)

    def _read_more(self) -> None:
        data = self.lower.recv(_PART)
        if not data:
            raise ConnectionResetError("TLS ended without close_notify")
        self._incoming.write(data)
