"""The vectors of contract/ through the extension: whole, cut at every octet, octet by octet, always with one result."""

import asyncio
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from front_ends import ROOT
from raw import CLOSE, frame, xor

from proapi import Request, RequestBodyError, UploadFile, _engine

MANY_CUTS = 200  # of longer inputs, every cut within so many octets from the start and from the end
PARTS = 4096  # longer inputs are also cut into random pieces instead of single octets

Vector = dict[str, Any]


def vectors(folder: str, *names: str) -> list[Any]:
    found = []
    for name in names:
        for vector in json.loads((ROOT / "contract" / folder / f"{name}.json").read_text()):
            if folder == "http" and "limits" in vector:
                continue  # the extension parses with the default limits; the C++ tests replay these
            found.append(pytest.param(vector, id=f"{name}: {vector['name']}"))
    return found


def octets(given: Any) -> bytes:
    """Hex, or pieces of it."""
    if isinstance(given, str):
        return bytes.fromhex(given)
    return b"".join(
        bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece["repeat"]) * piece["times"]
        for piece in given
    )


def characters(given: Any) -> bytes:
    """One character an octet, or pieces of such text."""
    if isinstance(given, str):
        return given.encode("latin-1")
    return b"".join(
        piece.encode("latin-1") if isinstance(piece, str) else piece["repeat"].encode("latin-1") * piece["times"]
        for piece in given
    )


def cuttings(data: bytes, seed: str) -> Iterator[list[bytes]]:
    yield [data]
    cuts = {*range(min(len(data), MANY_CUTS) + 1), *range(max(len(data) - MANY_CUTS, 0), len(data) + 1)}
    if len(data) > PARTS:
        cuts = set(sorted(cuts)[:: max(1, len(data) // 65536)])
    for cut in sorted(cuts):
        yield [data[:cut], data[cut:]]
    if len(data) <= PARTS:
        yield [data[i : i + 1] for i in range(len(data))]
    else:
        chooser = random.Random(seed)
        places = [0, *sorted(chooser.sample(range(len(data)), 1000)), len(data)]
        yield [data[a:b] for a, b in itertools.pairwise(places)]


# ---- WebSocket ------------------------------------------------------------------------------------------------------


def told(events: list[tuple[str, str, int, bytes]]) -> list[tuple[Any, ...]]:
    """As the vectors say it: of a failure only the code."""
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
    """A failure is followed by one Close of its code and any reason, unless a Close went before."""
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


def test_limits_of_the_machine() -> None:
    machine = _engine.WebSocketMachine("server", max_message_size=3)
    assert told(machine.feed(frame(2, b"1234"))) == [("failed", 1009)]
    with pytest.raises(ValueError, match="role"):
        _engine.WebSocketMachine("both")  # type: ignore[arg-type]


# ---- HTTP -----------------------------------------------------------------------------------------------------------


def splittings(data: bytes, seed: str) -> Iterator[list[int]]:
    for pieces in cuttings(data, seed):
        places, place = [], 0
        for piece in pieces[:-1]:
            place += len(piece)
            places.append(place)
        yield places


@pytest.mark.parametrize("vector", vectors("http", "heads_accepted"))
def test_heads_that_are_accepted(vector: Vector) -> None:
    data, wanted = characters(vector["bytes"]), vector["expect"]
    for splits in splittings(data, vector["name"]):
        state, _, head = _engine.parse_request(data, splits)
        assert state == "complete", splits
        assert head["method"] == wanted["method"]
        assert head["raw_path"] == characters(wanted["raw_path"]).decode("latin-1")
        assert head["query"] == wanted.get("query", "")
        assert head["host"] == wanted["host"]
        assert head["minor_version"] == wanted.get("minor_version", 1)
        assert head["keep_alive"] == wanted.get("keep_alive", True)
        if "headers" in wanted:
            assert [list(field) for field in head["headers"]] == [list(field) for field in wanted["headers"]]


@pytest.mark.parametrize("vector", vectors("http", "heads_refused"))
def test_heads_that_are_refused(vector: Vector) -> None:
    data = characters(vector["bytes"])
    for splits in splittings(data, vector["name"]):
        assert _engine.parse_request(data, splits)[:2] == ("failed", vector["status"]), splits


async def read_form(request: Request) -> tuple[list[tuple[str, str]], list[tuple[str, UploadFile]]]:
    return (await request.form()).multi_items(), (await request.files()).multi_items()


@pytest.mark.parametrize("vector", vectors("http", "forms"))
def test_forms(vector: Vector) -> None:
    content_type = characters(vector["content_type"])
    headers = [(b"content-type", content_type)] if content_type else []
    body = characters(vector["body"])
    info = _engine.RequestInfo(
        _engine.Site(),
        method="POST",
        raw_path=b"/",
        query=b"",
        headers=headers,
        client=None,
        secure=False,
        body=body,
    )
    if "status" in vector:
        for parse in (Request(info).form, Request(info).files):
            with pytest.raises(RequestBodyError, match=r"The body: .*expected .*, got ") as caught:
                asyncio.run(parse())
            assert caught.value.status == vector["status"]
        return
    fields, files = asyncio.run(read_form(Request(info)))
    assert [[name.encode(), value.encode()] for name, value in fields] == [
        [characters(text) for text in field] for field in vector.get("fields", [])
    ]
    assert [[name.encode(), file.filename.encode(), file.content_type.encode(), file.data] for name, file in files] == [
        [characters(text) for text in file] for file in vector.get("files", [])
    ]


def test_the_vectors_are_there() -> None:
    assert {path.name for path in Path(ROOT / "contract" / "ws").glob("*.json")} == {
        f"{name}.json" for name in ("frames", "sizes", "fragments", "control", "close_codes", "utf8", "handshakes")
    }
