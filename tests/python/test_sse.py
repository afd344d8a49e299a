"""Server-sent events: their lines, the response's fields, and comments while nothing happens."""

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from asgi_peer import Peer, scope_of
from conftest import Serve, http
from promises import promise

from proapi import EventSourceResponse, ProAPI, ServerSentEvent


@promise("server-sent-events")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"data": "one"}, "data: one"),
        ({"data": ""}, "data: "),
        ({"data": "a\nb\r\nc\rd\n"}, "data: a\ndata: b\ndata: c\ndata: d\ndata: "),
        ({"data": "x\u2028y\x0bz"}, "data: x\u2028y\x0bz"),
        ({"data": {"n": [1, "\u20ac"]}}, 'data: {"n":[1,"\u20ac"]}'),
        ({"data": None}, "data: null"),
        ({"data": "d", "event": "e", "id": "7", "retry": 100}, "event: e\nid: 7\nretry: 100\ndata: d"),
        ({"comment": "one\ntwo"}, ": one\n: two"),
        ({"id": ""}, "id: "),
        ({"retry": 0}, "retry: 0"),
    ],
)
def test_the_lines_of_an_event(fields: dict[str, Any], expected: str) -> None:
    assert ServerSentEvent(**fields).encode() == f"{expected}\n\n".encode()


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        ({}, ValueError, "expected data, event, id, retry or comment, got none"),
        ({"event": "a\nb"}, ValueError, "no line break and no NUL in event"),
        ({"id": "a\0"}, ValueError, "no line break and no NUL in id"),
        ({"id": "a\r"}, ValueError, "no line break and no NUL in id"),
        ({"id": 5}, TypeError, "expected str as id, got int"),
        ({"comment": b""}, TypeError, "expected str as comment"),
        ({"retry": -1}, ValueError, "from 0 on as retry, got -1"),
        ({"retry": 1.5}, TypeError, "as retry, got float"),
        ({"retry": True}, TypeError, "as retry, got bool"),
    ],
)
def test_what_an_event_can_not_have(fields: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        ServerSentEvent(**fields)


def test_data_that_is_not_json() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ServerSentEvent(math.nan).encode()
    with pytest.raises(TypeError):
        ServerSentEvent(object()).encode()


@promise("server-sent-events")
def test_the_fields_of_the_response() -> None:
    fields = dict(EventSourceResponse([]).headers.items())
    assert fields["Content-Type"] == "text/event-stream; charset=utf-8"
    assert (fields["Cache-Control"], fields["X-Accel-Buffering"]) == ("no-store", "no")
    own = EventSourceResponse([], headers={"cache-control": "private"}).headers
    assert own.getlist("Cache-Control") == ["private"]


@pytest.mark.parametrize("ping", [0, -1, timedelta(0), math.nan])
def test_a_ping_that_is_no_time(ping: Any) -> None:
    with pytest.raises(ValueError, match="expected a time above 0 as ping"):
        EventSourceResponse([], ping=ping)


@promise("server-sent-events")
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_events_of_an_iterator(serve: Serve, kind: str) -> None:
    app = ProAPI()
    events = ["text", {"a": 1}, ServerSentEvent("last", id="3")]

    async def generate() -> AsyncIterator[Any]:
        for event in events:
            yield event

    app.get("/")(lambda: EventSourceResponse(generate() if kind == "async" else iter(events)))
    status, head, body = await http(await serve(app), "GET", "/")
    assert status == 200
    assert "content-type: text/event-stream" in head
    for event in (b"data: text\n\n", b'data: {"a":1}\n\n', b"id: 3\ndata: last\n\n"):
        assert event in body


async def read_until(reader: asyncio.StreamReader, mark: bytes) -> bytes:
    return await asyncio.wait_for(reader.readuntil(mark), 5)


@promise("server-sent-events")
async def test_comments_while_nothing_happens(serve: Serve) -> None:
    app, ended, go = ProAPI(), asyncio.Event(), asyncio.Event()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def events() -> AsyncIterator[str]:
            try:
                await go.wait()
                yield "one"
                await asyncio.Event().wait()
            finally:
                ended.set()

        return EventSourceResponse(events(), ping=0.01)

    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(app))
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await read_until(reader, b"\r\n\r\n")
    for _ in range(3):
        await read_until(reader, b": ping\n\n")
    go.set()
    await read_until(reader, b"data: one\n\n")
    await read_until(reader, b": ping\n\n")
    writer.close()
    await writer.wait_closed()
    await asyncio.wait_for(ended.wait(), 5)  # the client's end is the iterator's


@promise("server-sent-events")
async def test_no_comments_to_a_slow_client(serve: Serve) -> None:
    """What waits for it stays bounded."""
    app, full = ProAPI(), asyncio.Event()
    written = 0

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def events() -> AsyncIterator[str]:
            nonlocal written
            while True:
                written += 1
                asyncio.get_running_loop().call_later(0.2, full.set) if written == 1 else None
                yield "x" * 100_000

        return EventSourceResponse(events(), ping=0.001)

    reader, writer = await asyncio.open_connection("127.0.0.1", await serve(app))
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.wait_for(full.wait(), 5)
    before = written
    (server,) = app.servers
    queued = server.engine.counts["send_queued_bytes"]
    await asyncio.sleep(0.1)
    assert server.engine.counts["send_queued_bytes"] == queued < 400_000
    assert written == before
    writer.transport.abort()
    del reader


@promise("server-sent-events")
async def test_asgi_comments_come_between_events() -> None:
    app, go = ProAPI(), asyncio.Event()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def events() -> AsyncIterator[str]:
            await go.wait()
            yield "one"

        return EventSourceResponse(events(), ping=0.01)

    peer = Peer(app, scope_of("http", "/"))
    peer.put("http.request", body=b"", more_body=False)
    assert (await peer.get())["status"] == 200
    assert (await peer.get())["body"] == b": ping\n\n"
    go.set()
    while (body := (await peer.get())["body"]) == b": ping\n\n":
        pass
    assert body == b"data: one\n\n"
    await peer.end()


async def test_an_iterator_that_fails_at_once(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = ProAPI()

    @app.get("/")
    async def handler() -> EventSourceResponse:
        async def events() -> AsyncIterator[str]:
            raise RuntimeError("no database")
            yield ""

        return EventSourceResponse(events())

    assert (await http(await serve(app), "GET", "/"))[0] == 500
    assert "no database" in caplog.text


async def test_head(serve: Serve) -> None:
    app = ProAPI()
    app.get("/")(lambda: EventSourceResponse(iter(["one"])))
    status, head, body = await http(await serve(app), "HEAD", "/")
    assert (status, body) == (200, b"")
    assert "content-type: text/event-stream" in head
