"""The vectors of contract/ through the extension: whole, cut at every octet, octet by octet, always with the same
result."""

import asyncio
import itertools
import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from front_ends import ROOT
from promises import promise
from raw import CLOSE, frame, xor

from proapi import Request, RequestBodyError, UploadFile, _engine

EVERY_CUT = 2048  # inputs of up to this many octets are cut at each octet
SOME_CUTS = 200  # longer ones are cut within this many octets of the start and the end, and at some places between
PARTS = 4096  # longer inputs are cut into random pieces instead of single octets

Vector = dict[str, Any]


def vectors(folder: str, *names: str) -> list[Any]:
    found = []
    for name in names:
        for vector in json.loads((ROOT / "contract" / folder / f"{name}.json").read_text()):
            found.append(pytest.param(vector, id=f"{name}: {vector['name']}"))
    return found


def octets(given: Any) -> bytes:
    """Decodes hex, or a list of pieces of it."""
    if isinstance(given, str):
        return bytes.fromhex(given)
    return b"".join(
        bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece["repeat"]) * piece["times"]
        for piece in given
    )


def characters(given: Any) -> bytes:
    """Decodes text with one character per octet, or a list of pieces of it."""
    if isinstance(given, str):
        return given.encode("latin-1")
    return b"".join(
        piece.encode("latin-1") if isinstance(piece, str) else piece["repeat"].encode("latin-1") * piece["times"]
        for piece in given
    )


def cuttings(data: bytes, seed: str) -> Iterator[list[bytes]]:
    yield [data]
    chooser = random.Random(seed)
    cuts = set(range(len(data) + 1))
    if len(data) > EVERY_CUT:
        between = chooser.sample(range(len(data)), max(1, 20 - len(data) // 65536))
        ends = {*range(SOME_CUTS + 1), *range(len(data) - SOME_CUTS, len(data) + 1)}
        cuts = {*sorted(ends)[:: max(1, len(data) // 65536)], *between}
    for cut in sorted(cuts):
        yield [data[:cut], data[cut:]]
    if len(data) <= PARTS:
        yield [data[i : i + 1] for i in range(len(data))]
    else:
        places = [0, *sorted(chooser.sample(range(len(data)), 1000)), len(data)]
        yield [data[a:b] for a, b in itertools.pairwise(places)]


# ---- WebSocket ------------------------------------------------------------------------------------------------------


def told(events: list[tuple[str, str, int, bytes]]) -> list[tuple[Any, ...]]:
    """Returns the events in the form of the vectors: of a failure only the code."""
    return [
        (kind, code) if kind == "failed" else (kind, opcode, code, payload) for kind, opcode, code, payload in events
    ]


def expected(vector: Vector) -> list[tuple[Any, ...]]:
    events: list[tuple[Any, ...]] = []
    for event in vector["events"]:
        payload = octets(event.get("payload", ""))
        match event["kind"]:
            case "message":
                events.append(("message", {1: "text", 2: "binary"}[event["opcode"]], 0, payload))
            case "failed":
                events.append(("failed", event["code"]))
            case "close":
                events.append(("close", "", event["code"], payload))
            case kind:
                events.append((kind, "", 0, payload))
    return events


@promise("rfc-6455", "client-role")
@pytest.mark.parametrize("vector", vectors("ws", "frames", "sizes", "fragments", "control", "close_codes", "utf8"))
def test_frames(vector: Vector) -> None:
    data, wanted, out = octets(vector["in"]), expected(vector), octets(vector["out"])
    for pieces in cuttings(data, vector["name"]):
        machine = _engine.WebSocketMachine(vector["role"], **vector.get("limits", {}))
        if close := vector.get("close_first"):
            machine.send_close(close["code"], close.get("reason", ""))
        events: list[tuple[Any, ...]] = []
        fed, failed_at = 0, None
        for piece in pieces:
            events += told(machine.feed(piece))
            fed += len(piece)
            if failed_at is None and events and events[-1][0] == "failed":
                failed_at = fed
        shown = [piece.hex() for piece in pieces][:50]
        assert events == wanted, shown
        check_output(machine.take_output(), out, wanted, shown)
        if wanted and wanted[-1][0] == "failed" and all(len(piece) == 1 for piece in pieces):
            assert failed_at == vector["events"][-1]["at"], shown


def check_output(got: bytes, out: bytes, events: list[tuple[Any, ...]], shown: list[str]) -> None:
    """Expects ``out``. After a failure, one Close with its code and any reason must follow, unless a Close was sent
    before."""
    assert got.startswith(out), shown
    rest = got[len(out) :]
    failures = [code for kind, code, *_ in events if kind == "failed"]
    if failures and rest:
        masked = rest[1] & 0x80
        payload = xor(rest[6:], rest[2:6]) if masked else rest[2:]
        assert rest[0] == 0x80 | CLOSE, shown
        assert len(payload) == rest[1] & 0x7F, shown
        assert int.from_bytes(payload[:2], "big") == failures[0], shown
        payload[2:].decode()
    else:
        assert rest == b"", shown


@promise("message-limits")
def test_limits_of_the_machine() -> None:
    machine = _engine.WebSocketMachine("server", max_message_size=3)
    assert told(machine.feed(frame(2, b"1234"))) == [("failed", 1009)]
    with pytest.raises(ValueError, match="role"):
        _engine.WebSocketMachine("both")  # type: ignore[arg-type]


def fields_of(head: str) -> list[tuple[str, str]]:
    parts = (line.partition(": ") for line in head.split("\r\n")[1:] if line)
    return [(name, value) for name, _, value in parts]


@promise("rfc-6455")
@pytest.mark.parametrize("vector", [v for v in vectors("ws", "handshakes") if v.values[0]["role"] == "server"])
def test_handshakes_of_clients(vector: Vector) -> None:
    data = vector["request"].encode("latin-1")
    for splits in splittings(data, vector["name"]):
        status, answer, subprotocols = _engine.answer_handshake(data, splits)
        if not vector.get("upgrade", True):
            assert status == 0, splits
            continue
        assert status == vector["status"], splits
        fields = fields_of(answer) if status == 101 else answer
        if status == 101:
            assert dict(fields) == vector["headers"]
            assert len(fields) == len(vector["headers"])
            assert subprotocols == vector["subprotocols"]
        else:
            assert vector["headers"].items() <= dict(fields).items()


@pytest.mark.parametrize("vector", [v for v in vectors("ws", "handshakes") if v.values[0]["role"] == "client"])
def test_handshakes_of_servers(vector: Vector) -> None:
    response, key = vector["response"], vector["key"]
    assert (_engine.check_accept_response(response, key) is None) == vector["ok"]
    for size in range(len(response)):
        assert _engine.check_accept_response(response[:size], key) is not None, size


# ---- HTTP -----------------------------------------------------------------------------------------------------------


def splittings(data: bytes, seed: str) -> Iterator[list[int]]:
    for pieces in cuttings(data, seed):
        places, place = [], 0
        for piece in pieces[:-1]:
            place += len(piece)
            places.append(place)
        yield places


HEAD_DEFAULTS = {
    "query": "",
    "minor_version": 1,
    "framing": "none",
    "content_length": 0,
    "keep_alive": True,
    "expects_continue": False,
}


@pytest.mark.parametrize("vector", vectors("http", "heads_accepted"))
def test_heads_that_are_accepted(vector: Vector) -> None:
    data, rest = characters(vector["bytes"]), characters(vector.get("rest", ""))
    wanted = HEAD_DEFAULTS | vector["expect"]
    for key in ("method", "target", "raw_path", "query", "host"):
        wanted[key] = characters(wanted[key]).decode("latin-1")
    if "headers" in wanted:
        wanted["headers"] = [tuple(characters(part).decode("latin-1") for part in field) for field in wanted["headers"]]
    for splits in splittings(data + rest, vector["name"]):
        state, _, head = _engine.parse_request(data + rest, splits, vector.get("limits", {}))
        assert state == "complete", splits
        assert head["taken"] == len(data), splits
        assert {key: head[key] for key in wanted} == wanted, splits


@pytest.mark.parametrize("vector", vectors("http", "heads_refused"))
def test_heads_that_are_refused(vector: Vector) -> None:
    data = characters(vector["bytes"])
    for splits in splittings(data, vector["name"]):
        state, status, _ = _engine.parse_request(data, splits, vector.get("limits", {}))
        assert (state, status) == ("failed", vector["status"]), splits


@pytest.mark.parametrize("vector", vectors("http", "bodies"))
def test_bodies(vector: Vector) -> None:
    data, rest = characters(vector["bytes"]), characters(vector.get("rest", ""))
    for splits in splittings(data, vector["name"]):
        state, status, body, taken = _engine.decode_body(
            data, splits, vector.get("content_length"), vector.get("limits", {})
        )
        if "status" in vector:
            assert (state, status) == ("failed", vector["status"]), splits
        else:
            assert state == "complete", splits
            assert body == characters(vector["body"]), splits
            assert taken == len(data) - len(rest), splits


CONVERTERS = {"integer": int, "floating": float, "uuid": uuid.UUID, "text": str, "path": str}


STATUS_OF_REFUSAL = {"bad_path": 400, "not_found": 404, "wrong_method": 405, "websocket_only": 426}


def open_exchange(
    site: _engine.Site,
    method: str | None,
    raw_path: bytes,
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes = b"",
) -> _engine.AsgiExchange:
    """Opens an exchange as another server would. If ``method`` is None, it is the handshake of a WebSocket."""
    scope: dict[str, Any] = {
        "type": "websocket" if method is None else "http",
        "http_version": "2",
        "method": method,
        "path": raw_path.decode("latin-1"),
        "raw_path": raw_path,
        "headers": headers or [],
    }
    exchange = _engine.AsgiExchange(_engine.AsgiService(site, lambda level, line: None), scope)
    if exchange.takes_body:
        exchange.feed(body, False)
    return exchange


def response_of(exchange: _engine.AsgiExchange) -> tuple[int, dict[bytes, bytes]]:
    start = exchange.take_messages()[0]
    return start["status"], dict(start["headers"])


@pytest.mark.parametrize("vector", vectors("http", "routes"))
@pytest.mark.parametrize("order", ["as listed", "reversed"])
async def test_routes(vector: Vector, order: str) -> None:
    site = _engine.Site()
    numbers: dict[int, int] = {}  # the site's number of a route -> its number in the vector
    listed = list(enumerate(vector["routes"]))
    for number, (method, pattern) in listed if order == "as listed" else reversed(listed):
        numbers[site.add_route(method, characters(pattern).decode(), {})] = number
    for request in vector["requests"]:
        raw_path = characters(request["path"])
        exchange = open_exchange(site, request["method"], raw_path)
        websocket = exchange.websocket
        if "refusal" in request:
            assert exchange.route is None, request
            assert websocket is None, request
            status, headers = response_of(exchange)
            refusal = "websocket_only" if request.get("websocket_only") else request["refusal"]
            is_handshake = request["method"] is None and refusal != "bad_path"
            assert status == (404 if is_handshake else STATUS_OF_REFUSAL[refusal]), request
            if status == 405:
                assert headers[b"allow"] == ", ".join(request["allowed_methods"]).encode(), request
            continue
        route = exchange.route if websocket is None else websocket.route
        assert route is not None, request
        assert numbers[route] == request["route"], request
        path_params = exchange.request.path_params if websocket is None else websocket.connection.path_params
        assert path_params == {
            name: CONVERTERS[kind](characters(value).decode()) for name, value, kind in request["parameters"]
        }, request


async def read_form(request: Request) -> tuple[list[tuple[str, str]], list[tuple[str, UploadFile]]]:
    form = (await request.form()).multi_items()
    texts = [(name, value) for name, value in form if isinstance(value, str)]
    files = (await request.files()).multi_items()
    assert files == [item for item in form if isinstance(item[1], UploadFile)]
    return texts, files


@promise("forms", "form-filename")
@pytest.mark.parametrize("vector", vectors("http", "forms"))
def test_forms(vector: Vector) -> None:
    content_type = characters(vector["content_type"])
    headers = [(b"content-type", content_type)] if content_type else []
    body = characters(vector["body"])
    site = _engine.Site()
    site.add_route("POST", "/", {}, whole_body=True)
    site.set("max_body_size", str(4 * 1024 * 1024))
    exchange = open_exchange(site, "POST", b"/", headers, body)
    asked = Request(exchange.request, exchange)
    if "status" in vector:
        with pytest.raises(RequestBodyError, match=r"The body: .*expected .*, got ") as caught:
            asyncio.run(read_form(asked))
        assert caught.value.status_code == vector["status"]
        return
    fields, files = asyncio.run(read_form(asked))
    assert [[name.encode(), value.encode()] for name, value in fields] == [
        [characters(text) for text in field] for field in vector.get("fields", [])
    ]
    assert [[name.encode(), file.filename.encode(), file.content_type.encode(), file.data] for name, file in files] == [
        [characters(text) for text in file] for file in vector.get("files", [])
    ]


def test_the_vectors_are_there() -> None:
    """Those of "deflate" are replayed by tests/cpp/ws/vector_test.cpp only: Python's machine negotiates nothing."""
    names = ("frames", "sizes", "fragments", "control", "close_codes", "utf8", "deflate", "handshakes")
    assert {path.name for path in Path(ROOT / "contract" / "ws").glob("*.json")} == {f"{name}.json" for name in names}
