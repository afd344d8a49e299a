"""The opening handshakes of the WebSocket vectors (RFC 6455 sections 4.1 and 4.2), both roles."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

Vector = dict[str, Any]
SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
FIELDS = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": SAMPLE_KEY,
    "Sec-WebSocket-Version": "13",
}


def accept(key: str) -> str:
    """RFC 6455 section 4.2.2 item 5.4."""
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def request(changes: dict[str, Any] | None = None, line: str = "GET /chat HTTP/1.1") -> str:
    """The sample request; a change of None leaves a field out, a list writes it once for each member."""
    lines = [line]
    for name, value in {**FIELDS, **(changes or {})}.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        lines += [f"{name}: {v}" for v in values]
    return "\r\n".join(lines) + "\r\n\r\n"


def accepted(
    name: str,
    rfc: str,
    changes: dict[str, Any],
    *,
    key: str = SAMPLE_KEY,
    subprotocols: list[str] | None = None,
    line: str = "GET /chat HTTP/1.1",
) -> Vector:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept(key)}
    return {
        "name": name,
        "rfc": rfc,
        "role": "server",
        "request": request(changes, line),
        "status": 101,
        "headers": headers,
        "subprotocols": subprotocols or [],
    }


def refused(name: str, rfc: str, status: int, changes: dict[str, Any], line: str = "GET /chat HTTP/1.1") -> Vector:
    headers = {405: {"Allow": "GET"}, 426: {"Sec-WebSocket-Version": "13", "Connection": "close"}}.get(status, {})
    return {
        "name": name,
        "rfc": rfc,
        "role": "server",
        "request": request(changes, line),
        "status": status,
        "headers": headers,
    }


def ordinary(name: str, upgrade: Any) -> Vector:
    return {"name": name, "rfc": "4.2.1", "role": "server", "request": request({"Upgrade": upgrade}), "upgrade": False}


def server_accepts() -> list[Vector]:
    vectors = [
        accepted("the RFC's sample", "1.3", {"Origin": "http://example.com"}),
        accepted(
            "the RFC's sample with subprotocols",
            "1.2",
            {"Sec-WebSocket-Protocol": "chat, superchat"},
            subprotocols=["chat", "superchat"],
        ),
        accepted("Upgrade in mixed case", "4.2.1", {"Upgrade": "WebSocket"}),
        accepted("Upgrade among others", "4.2.1", {"Upgrade": "foo, websocket"}),
        accepted("Upgrade on two lines", "4.2.1", {"Upgrade": ["foo", "websocket"]}),
        accepted("Connection of several tokens", "4.2.1", {"Connection": "keep-alive, Upgrade"}),
        accepted("Connection in upper case", "4.2.1", {"Connection": "keep-alive, UPGRADE"}),
        accepted("Connection on two lines", "4.2.1", {"Connection": ["keep-alive", "upgrade"]}),
        accepted("Content-Length of 0", "4.2.1", {"Content-Length": "0"}),
        accepted("an unknown extension", "9.1", {"Sec-WebSocket-Extensions": "x-unknown; a=1"}),
        accepted("white space in extensions", "9.1", {"Sec-WebSocket-Extensions": 'x ;\ta\t= 1\t; b = "2" ;c'}),
        accepted("an absolute target", "4.2.1", {}, line="GET http://server.example.com/chat HTTP/1.1"),
        accepted("a query", "4.2.1", {}, line="GET /chat?room=1 HTTP/1.1"),
        accepted("white space around the key", "4.2.1", {"Sec-WebSocket-Key": f" \t{SAMPLE_KEY} \t"}),
        accepted("white space around the version", "4.2.1", {"Sec-WebSocket-Version": " 13 "}),
        accepted(
            "subprotocols on two lines",
            "11.3.4",
            {"Sec-WebSocket-Protocol": ["a, b", "c"]},
            subprotocols=["a", "b", "c"],
        ),
        accepted(
            "subprotocols differ by case",
            "4.1",
            {"Sec-WebSocket-Protocol": "chat, Chat"},
            subprotocols=["chat", "Chat"],
        ),
        accepted(
            "subprotocols without spaces",
            "4.1",
            {"Sec-WebSocket-Protocol": "v1.chat,v2.chat"},
            subprotocols=["v1.chat", "v2.chat"],
        ),
        accepted("field names in lower case", "4.2.1", {}),
    ]
    lower = vectors[-1]
    for field in FIELDS:
        lower["request"] = lower["request"].replace(f"\r\n{field}:", f"\r\n{field.lower()}:")
    for octets in (bytes(16), b"\xff" * 16, bytes(range(16)), bytes(range(240, 256))):
        key = base64.b64encode(octets).decode()
        vectors.append(accepted(f"key of {octets.hex()}", "4.2.2", {"Sec-WebSocket-Key": key}, key=key))
    return vectors


def server_refuses() -> list[Vector]:
    vectors = []
    for method in ("POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "get"):
        vectors.append(refused(f"method {method}", "4.2.1", 405, {}, f"{method} /chat HTTP/1.1"))
    vectors += [
        refused("HTTP/1.0", "4.2.1", 400, {}, "GET /chat HTTP/1.0"),
        refused("no Host", "4.2.1", 400, {"Host": None}),
        refused("empty Host", "4.2.1", 400, {"Host": ""}),
        refused("two Hosts", "4.2.1", 400, {"Host": ["a.example", "b.example"]}),
        ordinary("no Upgrade", None),
        ordinary("Upgrade to another protocol", "h2c"),
        ordinary("Upgrade to a version of it", "websocket/13"),
        ordinary("Upgrade to a longer name", "websockets"),
        refused("no Connection", "4.2.1", 400, {"Connection": None}),
        refused("Connection: close", "4.2.1", 400, {"Connection": "close"}),
        refused("Connection: keep-alive", "4.2.1", 400, {"Connection": "keep-alive"}),
        refused("Connection: upgraded", "4.2.1", 400, {"Connection": "upgraded"}),
        refused("Content-Length of 5", "4.2.1", 400, {"Content-Length": "5"}),
        refused("chunked body", "4.2.1", 400, {"Transfer-Encoding": "chunked"}),
        refused("no key", "4.2.1", 400, {"Sec-WebSocket-Key": None}),
        refused("two keys", "11.3.1", 400, {"Sec-WebSocket-Key": [SAMPLE_KEY, SAMPLE_KEY]}),
        refused("the key twice in one field", "11.3.1", 400, {"Sec-WebSocket-Key": f"{SAMPLE_KEY}, {SAMPLE_KEY}"}),
    ]
    keys = {
        "empty": "",
        "23 characters": SAMPLE_KEY[1:],
        "25 characters": "A" + SAMPLE_KEY,
        "no padding": "A" * 24,
        "not base64": "*" * 22 + "==",
        "base64url": "-_" * 11 + "==",
        "15 octets": base64.b64encode(bytes(15)).decode(),
        "17 octets": base64.b64encode(bytes(17)).decode(),
        "32 octets": base64.b64encode(bytes(32)).decode(),
        "inner space": SAMPLE_KEY[:10] + " " + SAMPLE_KEY[11:],
        "inner padding": "AA==" * 6,
    }
    vectors += [refused(f"key: {name}", "4.2.1", 400, {"Sec-WebSocket-Key": key}) for name, key in keys.items()]
    for version in ("0", "7", "8", "12", "14", "013", "13, 8", "8, 13", "13.0", "+13", "1 3", "", "abc", "255", "256"):
        vectors.append(refused(f'version "{version}"', "4.4", 426, {"Sec-WebSocket-Version": version}))
    extensions = {"nothing": "", "two words": "a b", "no parameter": "a;", "no value": "a; b=", "a value": 'a; b="c d"'}
    vectors += [
        refused(f"extensions: {name}", "9.1", 400, {"Sec-WebSocket-Extensions": value})
        for name, value in extensions.items()
    ]
    vectors += [
        refused("no version", "4.4", 426, {"Sec-WebSocket-Version": None}),
        refused("version twice", "4.4", 426, {"Sec-WebSocket-Version": ["13", "13"]}),
        refused("two versions", "4.4", 426, {"Sec-WebSocket-Version": ["13", "8"]}),
        refused("subprotocol twice", "4.1", 400, {"Sec-WebSocket-Protocol": "chat, chat"}),
        refused("subprotocol twice on two lines", "4.1", 400, {"Sec-WebSocket-Protocol": ["chat", "x, chat"]}),
    ]
    for name in ("a b", "a/b", '"quoted"', "a;b", "{x}", "a@b", "caf\u00e9"):
        vectors.append(refused(f"subprotocol {name}", "4.1", 400, {"Sec-WebSocket-Protocol": f"chat, {name}"}))
    return vectors


ANSWER = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept(SAMPLE_KEY)}


def answer(
    name: str, ok: bool, changes: dict[str, Any] | None = None, line: str = "HTTP/1.1 101 Switching Protocols"
) -> Vector:
    lines = [line]
    for field, value in {**ANSWER, **(changes or {})}.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        lines += [f"{field}: {v}" for v in values]
    response = "\r\n".join(lines) + "\r\n\r\n"
    return {"name": name, "rfc": "4.1", "role": "client", "key": SAMPLE_KEY, "response": response, "ok": ok}


def client_checks() -> list[Vector]:
    good = accept(SAMPLE_KEY)
    return [
        answer("the RFC's sample answer", True),
        answer("with a subprotocol", True, {"Sec-WebSocket-Protocol": "chat"}),
        answer("with other fields", True, {"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Server": "x"}),
        answer("no reason phrase", True, line="HTTP/1.1 101 "),
        answer("another reason phrase", True, line="HTTP/1.1 101 Web Socket Protocol Handshake"),
        answer("upgrade in other case", True, {"Upgrade": "WebSocket", "Connection": "upgrade"}),
        answer("connection of several tokens", True, {"Connection": "keep-alive, Upgrade"}),
        answer("white space around the accept value", True, {"Sec-WebSocket-Accept": f"  {good}\t"}),
        answer("status 200", False, line="HTTP/1.1 200 OK"),
        answer("status 400", False, line="HTTP/1.1 400 Bad Request"),
        answer("status 1010", False, line="HTTP/1.1 1010 Long"),
        answer("no HTTP", False, line="SSH-2.0-x"),
        answer("no Upgrade", False, {"Upgrade": None}),
        answer("another Upgrade", False, {"Upgrade": "h2c"}),
        answer("no Connection", False, {"Connection": None}),
        answer("Connection: close", False, {"Connection": "close"}),
        answer("no accept value", False, {"Sec-WebSocket-Accept": None}),
        answer("empty accept value", False, {"Sec-WebSocket-Accept": ""}),
        answer("accept value of another key", False, {"Sec-WebSocket-Accept": accept("AAAAAAAAAAAAAAAAAAAAAA==")}),
        answer("accept value in lower case", False, {"Sec-WebSocket-Accept": good.lower()}),
        answer("the key sent back", False, {"Sec-WebSocket-Accept": SAMPLE_KEY}),
        answer("two accept values", False, {"Sec-WebSocket-Accept": [good, good]}),
        answer("an extension not offered", False, {"Sec-WebSocket-Extensions": "permessage-deflate"}),
        answer("two subprotocols", False, {"Sec-WebSocket-Protocol": ["chat", "superchat"]}),
        answer("a subprotocol that is no token", False, {"Sec-WebSocket-Protocol": "a b"}),
    ]


def handshakes() -> list[Vector]:
    return server_accepts() + server_refuses() + client_checks()
