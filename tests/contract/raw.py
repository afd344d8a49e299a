"""An HTTP/1.1 and RFC 6455 client, written from the standards with the standard library only, so that no bug can cancel
out with one of the server. The server's octets are parsed strictly: anything it MUST NOT send raises an AssertionError
that shows the bytes. Every read has a deadline.
"""

import base64
import contextlib
import hashlib
import json
import re
import socket
import ssl
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tls_socket import TlsSocket

DEADLINE_S = 10.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

Headers = Sequence[tuple[str, str]]

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t -~]*)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?[ \t]*")
_NO_BODY = {204, 304}


class ClosedError(Exception):
    """The server has sent a Close."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class EndOfStreamError(Exception):
    """The stream ended or was reset before the expected octets arrived."""


# ---- writing --------------------------------------------------------------------------------------------------------


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: int = 1,
    rsv: int = 0,
    mask: bytes | None = MASK,
    form: int | None = None,
    claim: int | None = None,
) -> bytes:
    """Returns one frame. ``form`` is the number of octets of extended length (0, 2, 8), by default the least possible;
    ``claim`` is a false payload length."""
    length = len(payload) if claim is None else claim
    if form is None:
        form = 0 if length < 126 else 2 if length < 65536 else 8
    mask_bit = 0x80 if mask is not None else 0
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if form == 0:
        head += bytes([mask_bit | length])
    else:
        head += bytes([mask_bit | (126 if form == 2 else 127)]) + length.to_bytes(form, "big")
    return head + (mask or b"") + (xor(payload, mask) if mask else payload)


def xor(payload: bytes, mask: bytes) -> bytes:
    if not payload:
        return b""
    stream = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(payload), "big")


def close_frame(code: int | None = 1000, reason: str | bytes = b"") -> bytes:
    text = reason.encode() if isinstance(reason, str) else reason
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + text)


def request(
    method: str, target: str, headers: Headers = (), body: bytes = b"", *, host: str | None = "localhost"
) -> bytes:
    """Returns a request. Content-Length is added if there is a body and ``headers`` specify no framing."""
    fields = [("Host", host), *headers] if host is not None else list(headers)
    names = {name.lower() for name, _ in fields}
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def upgrade(
    path: str,
    headers: Headers = (),
    *,
    method: str = "GET",
    host: str = "localhost",
    version: str | None = "13",
    key: str | None = KEY,
    upgrade_field: str | None = "websocket",
    connection: str | None = "Upgrade",
) -> bytes:
    """Returns a handshake. A value of None omits that field."""
    fields = [
        ("Upgrade", upgrade_field),
        ("Connection", connection),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", version),
    ]
    return request(method, path, [*((name, value) for name, value in fields if value is not None), *headers], host=host)


def accept_value(key: str) -> str:
    return base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()


# ---- reading --------------------------------------------------------------------------------------------------------


@dataclass
class Response:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def getlist(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str, default: str = "") -> str:
        values = self.getlist(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times: {self}"
        return values[0] if values else default

    def tokens(self, name: str) -> list[str]:
        return [token.strip().lower() for value in self.getlist(name) for token in value.split(",")]

    def json(self) -> Any:
        assert self.get("content-type").partition(";")[0] == "application/json", self
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return "close" in self.tokens("connection")


@dataclass
class Frame:
    fin: bool
    opcode: int
    payload: bytes
    rsv: int = 0


tls_context: ssl.SSLContext | None = None
"""With ``pytest --tls`` every connection uses it."""


def scheme(plain: str) -> str:
    """Returns http or ws, or with ``pytest --tls`` https or wss."""
    return plain + "s" if tls_context else plain


class Peer:
    """A connection to a server, over TCP, TLS or a Unix socket, and the octets that were read from it but not yet
    consumed.

    ``port`` is a TCP port, or the path of a Unix socket ("@name": an abstract name).
    """

    def __init__(self, port: int | str, *, receive_buffer: int | None = None, host: str = "127.0.0.1") -> None:
        address: tuple[str, int] | str
        if isinstance(port, str):
            family, address = socket.AF_UNIX, "\0" + port[1:] if port.startswith("@") else port
        else:
            family, address = socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port)
        self.socket: socket.socket | TlsSocket = socket.socket(family)
        if receive_buffer is not None:  # before connect(), because it decides the window
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE_S)
        try:
            self.socket.connect(address)
            if tls_context is not None:
                self.socket = TlsSocket(self.socket, tls_context)
        except OSError:
            self.socket.close()
            raise
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def disconnect(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.settimeout(DEADLINE_S)
        self.socket.sendall(data)

    def send_unless_closed(self, data: bytes) -> None:
        """Sends, although the server may already have refused and closed the connection."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send(data)

    def end_sending(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def fill(self, within_s: float = DEADLINE_S) -> bool:
        """Reads the available octets, at least one. Returns False at the end of the stream."""
        self.socket.settimeout(max(within_s, 0.001))
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionResetError:
            data = b""
            self.ended = True
            raise EndOfStreamError(f"reset by the server; unread so far: {shown(self.buffer)}") from None
        except TimeoutError:
            raise AssertionError(
                f"nothing arrived within {within_s:.1f} s; unread so far: {shown(self.buffer)}"
            ) from None
        self.buffer += data
        self.ended = not data
        return bool(data)

    def read(self, count: int, within_s: float = DEADLINE_S) -> bytes:
        end = time.monotonic() + within_s
        while len(self.buffer) < count:
            if not self.fill(end - time.monotonic()):
                raise EndOfStreamError(f"expected {count} octets, got {shown(self.buffer)} and the end")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_until(self, mark: bytes, within_s: float = DEADLINE_S) -> bytes:
        """Returns the octets up to and including the mark."""
        end = time.monotonic() + within_s
        while mark not in self.buffer:
            if not self.fill(end - time.monotonic()):
                raise EndOfStreamError(f"expected {mark!r}, got {shown(self.buffer)} and the end")
        return self.read(self.buffer.index(mark) + len(mark))

    def expect_end(self, within_s: float = DEADLINE_S) -> None:
        """Expects the server's FIN (or RST), and no octet before it."""
        try:
            if not self.buffer and not self.fill(within_s):
                return
        except EndOfStreamError:
            return
        raise AssertionError(f"expected the end of the stream, got {shown(self.buffer)}")

    def is_quiet(self, for_s: float) -> bool:
        """Whether nothing arrives for that long. For tests that send slowly, and tests of time limits."""
        self.socket.settimeout(for_s)
        try:
            self.buffer += self.socket.recv(65536)
        except TimeoutError:
            return True
        return False

    # ---- HTTP ----

    def read_head(self, within_s: float = DEADLINE_S) -> Response:
        head = self.read_until(b"\r\n\r\n", within_s)
        status_line, *lines = head[:-4].split(b"\r\n")
        match = _STATUS_LINE.fullmatch(status_line)
        assert match, f"not a status line: {status_line!r} in {shown(head)}"
        headers = []
        for line in lines:
            parts = _FIELD.fullmatch(line)
            assert parts, f"not a field line: {line!r} in {shown(head)}"
            headers.append((parts[1].decode(), (parts[2] or b"").decode("latin-1")))
        return Response(int(match[1]), match[2].decode(), headers)

    def read_response(self, method: str = "GET", within_s: float = DEADLINE_S) -> Response:
        """Returns one response with its body. An interim response (1xx) is also returned."""
        response = self.read_head(within_s)
        lengths, codings = response.getlist("content-length"), response.getlist("transfer-encoding")
        assert len(lengths) + len(codings) <= 1, f"framing is ambiguous: {response}"
        if response.status < 200:
            assert not lengths and not codings, f"a 1xx with framing: {response}"
            return response
        assert response.getlist("date"), f"no Date: {response}"
        if method == "HEAD" or response.status in _NO_BODY:
            assert response.status != 204 or (not lengths and not codings), f"a 204 with framing: {response}"
            return response
        if codings:
            assert codings == ["chunked"], response
            response.body, response.trailers = self._read_chunks(within_s)
        elif lengths:
            assert re.fullmatch("[0-9]+", lengths[0]), response
            response.body = self.read(int(lengths[0]), within_s)
        else:
            while self.fill(within_s):
                pass
            response.body, self.buffer = self.buffer, b""
        return response

    def _read_chunks(self, within_s: float) -> tuple[bytes, list[tuple[str, str]]]:
        body = bytearray()
        while True:
            line = self.read_until(b"\r\n", within_s)
            assert re.fullmatch(rb"[0-9A-Fa-f]+\r\n", line), f"not a chunk size: {line!r}"
            size = int(line, 16)
            if size == 0:
                end = self.read(2, within_s)
                assert end == b"\r\n", f"not the end of chunks: {shown(end + self.buffer)}"
                return bytes(body), []
            body += self.read(size, within_s)
            assert self.read(2, within_s) == b"\r\n"

    def ask(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> Response:
        self.send(request(method, target, headers, body))
        return self.read_response(method)

    # ---- WebSocket ----

    def read_frame(self, within_s: float = DEADLINE_S, *, rsv: tuple[int, ...] = (0,)) -> Frame:
        first, second = self.read(2, within_s)
        assert first >> 4 & 7 in rsv, f"RSV bits in {first:#04x}"
        assert second & 0x80 == 0, f"a masked frame: {first:#04x} {second:#04x}"
        opcode, length = first & 0x0F, second
        assert opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), f"opcode {opcode}"
        if length == 126:
            length = int.from_bytes(self.read(2, within_s), "big")
            assert length >= 126, f"length {length} in 2 octets"
        elif length == 127:
            length = int.from_bytes(self.read(8, within_s), "big")
            assert 65536 <= length < 1 << 63, f"length {length} in 8 octets"
        fin = bool(first & 0x80)
        if opcode >= CLOSE:
            assert fin, f"a fragmented control frame, opcode {opcode}"
            assert length <= 125, f"a control frame of {length} octets"
        return Frame(fin, opcode, self.read(length, within_s), first >> 4 & 7)


class WebSocket(Peer):
    """An open WebSocket, for well-behaved and for hostile use. It answers pings and keeps them in ``pings``."""

    def __init__(
        self,
        port: int | str,
        path: str,
        headers: Headers = (),
        *,
        receive_buffer: int | None = None,
        subprotocols: Iterable[str] = (),
        then: bytes = b"",
        wait: bool = True,
    ) -> None:
        """``then`` is sent in the same segment as the handshake. ``wait`` waits for the 101; otherwise call
        ``read_accept``."""
        super().__init__(port, receive_buffer=receive_buffer)
        offered = ", ".join(subprotocols)
        fields = [*headers, ("Sec-WebSocket-Protocol", offered)] if offered else headers
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.response: Response
        try:
            self.send(upgrade(path, fields) + then)
            if wait:
                self.read_accept()
        except BaseException:
            self.disconnect()
            raise

    def read_accept(self) -> Response:
        self.response = self.read_head()
        assert self.response.status == 101, f"expected 101, got {self.response} and {shown(self.buffer)}"
        check_accept(self.response)
        return self.response

    def send_frame(self, opcode: int, payload: bytes = b"", **details: Any) -> None:
        self.send(frame(opcode, payload, **details))

    def send_message(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.send_frame(TEXT, message.encode())
        else:
            self.send_frame(BINARY, message)

    def receive(self, within_s: float = DEADLINE_S) -> str | bytes:
        """Returns the next message. Raises ClosedError at a Close."""
        kind, parts = None, b""
        while True:
            got = self.read_frame(within_s)
            if got.opcode == PING:
                self.pings.append(got.payload)
                self.send_unless_closed(frame(PONG, got.payload))
            elif got.opcode == PONG:
                self.pongs.append(got.payload)
            elif got.opcode == CLOSE:
                raise parse_close(got.payload)
            else:
                assert (got.opcode == CONTINUATION) == (kind is not None), f"unexpected {got}"
                kind = kind or got.opcode
                parts += got.payload
                if got.fin:
                    return parts.decode() if kind == TEXT else parts

    def receive_json(self, within_s: float = DEADLINE_S) -> Any:
        return json.loads(self.receive(within_s))

    def ask(self, message: str | bytes) -> str | bytes:  # type: ignore[override]
        self.send_message(message)
        return self.receive()

    def expect_close(self, code: int, reason: str | None = None, *, within_s: float = DEADLINE_S) -> str:
        """Expects a Close with exactly this code (1005: an empty Close) and no message before it, answers it, and
        expects the end of the stream. Returns the reason."""
        try:
            message = self.receive(within_s)
        except ClosedError as closed:
            assert closed.code == code, f"expected Close {code}, got {closed.code} {closed.reason!r}"
            if reason is not None:
                assert closed.reason == reason
            self.send_unless_closed(frame(CLOSE, b"" if code == 1005 else code.to_bytes(2, "big")))
            self.expect_end(within_s)
            self.disconnect()
            return closed.reason
        raise AssertionError(f"expected Close {code}, got the message {shown(message)}")

    def finish(self, code: int = 1000, reason: str = "") -> None:
        """Performs a closing handshake that this side starts."""
        self.send(close_frame(code, reason))
        self.expect_close(code)


def parse_close(payload: bytes) -> ClosedError:
    assert len(payload) != 1, f"a Close of one octet: {payload!r}"
    if not payload:
        return ClosedError(1005, "")
    code = int.from_bytes(payload[:2], "big")
    assert 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999, f"Close {code} on the wire"
    return ClosedError(code, payload[2:].decode())


def check_accept(response: Response, key: str = KEY) -> None:
    assert response.get("upgrade").lower() == "websocket", response
    assert "upgrade" in response.tokens("connection"), response
    assert response.get("sec-websocket-accept") == accept_value(key), response
    assert not response.getlist("content-length"), response
    assert not response.getlist("transfer-encoding"), response


def http(port: int | str, method: str, target: str, headers: Headers = (), body: bytes = b"") -> Response:
    """Sends one request on its own connection and returns the response."""
    with Peer(port) as peer:
        peer.send_unless_closed(request(method, target, headers, body))
        return peer.read_response(method)


def exchange(port: int | str, data: bytes, method: str = "GET") -> Response:
    """Sends these octets and returns the final response to them."""
    with Peer(port) as peer:
        peer.send_unless_closed(data)
        return peer.read_response(method)


def shown(data: str | bytes, most: int = 300) -> str:
    return repr(data) if len(data) <= most else f"{data[:most]!r}... ({len(data)} in all)"
