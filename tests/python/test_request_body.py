"""How handlers get the body of their request: whole or in parts, when, and what they may not do."""

import asyncio
import functools
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from asgi_peer import Message, Peer, scope_of
from conftest import Serve, http
from promises import promise

from proapi import ClientDisconnect, Depends, ProAPI, Request, StreamingResponse

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 6\r\n\r\n"


@asynccontextmanager
async def connection(port: int) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def ask_in_two(port: int, called: asyncio.Event | None, first: bytes = b"abc", rest: bytes = b"def") -> bytes:
    """Sends the rest of the body once ``called`` is set. Returns the response's body."""
    async with connection(port) as (reader, writer):
        writer.write(HEAD + first)
        if called is not None:
            await asyncio.wait_for(called.wait(), 5)
        writer.write(rest)
        response: bytes = await reader.read()
        return response.partition(b"\r\n\r\n")[2]


def read_content(request: Request) -> bytes:
    """Elsewhere than in the handler's own code."""
    return request.content


READERS: dict[str, Callable[[Request], Any]] = {
    "body": lambda request: request.body(),
    "json": lambda request: request.json(str),
}


@promise("async-body")
@pytest.mark.parametrize("reader", READERS)
async def test_an_async_handler_is_called_at_once_and_waits_for_the_body(serve: Serve, reader: str) -> None:
    app, called = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        called.set()
        return [str(await READERS[reader](request)), len(await request.body()), len(read_content(request))]

    body = b'"abcd"' if reader == "json" else b"abcdef"
    answer = await ask_in_two(await serve(app), called, body[:3], body[3:])
    assert answer == (b'["abcd",6,6]' if reader == "json" else b"[\"b'abcdef'\",6,6]")


@promise("async-body")
async def test_a_form_is_waited_for(serve: Serve) -> None:
    app, called = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        called.set()
        return dict(await request.form())

    async with connection(await serve(app)) as (reader, writer):
        form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        writer.write(HEAD.replace(b"\r\n\r\n", b"\r\n" + form) + b"a=1&")
        await asyncio.wait_for(called.wait(), 5)
        writer.write(b"b=")
        assert (await reader.read()).endswith(b'{"a":"1","b":""}')


@promise("async-body")
async def test_a_sync_handler_is_called_when_the_body_is_whole(serve: Serve) -> None:
    app = ProAPI()
    app.post("/")(lambda request: request.content)
    assert await ask_in_two(await serve(app), None) == b"abcdef"


@pytest.mark.parametrize("arrives_whole", [True, False])
async def test_content_in_an_async_handler(serve: Serve, arrives_whole: bool) -> None:
    """It would work as long as clients are quick."""
    app, called = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        called.set()
        with pytest.raises(RuntimeError, match=r"content: .* await request\.body\(\)"):
            read_content(request)
        await request.body()
        return read_content(request)

    port = await serve(app)
    if arrives_whole:
        assert (await http(port, "POST", "/", body=b"abcdef"))[2] == b"abcdef"
    else:
        assert await ask_in_two(port, called) == b"abcdef"


@promise("request-content")
async def test_an_async_handler_that_reads_content_is_called_with_the_whole_body(serve: Serve) -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(request: Request) -> Any:
        return request.content

    @app.post("/with-values")
    async def with_values(request: Request, skip: int = 0) -> Any:
        return request.content[skip:]

    @app.post("/with-dependency")
    async def with_dependency(request: Request, skip: Annotated[int, Depends(lambda: 2)]) -> Any:
        return request.content[skip:]

    app.post("/nested")(functools.partial(nested))
    port = await serve(app)
    assert (await http(port, "POST", "/with-values?skip=1", body=b"abc"))[2] == b"bc"
    assert (await http(port, "POST", "/with-dependency", body=b"abc"))[2] == b"c"
    assert await ask_in_two(port, None) == b"abcdef"
    assert (await http(port, "POST", "/nested", body=b"abc"))[2] == b"abc"


async def nested(request: Request) -> Any:
    return (lambda: request.content)()


@promise("request-stream")
async def test_a_stream_is_read_once(serve: Serve) -> None:
    app, called = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        called.set()
        parts = [part async for part in request.stream()]
        for again in (request.body(), request.stream().__anext__(), request.json()):
            with pytest.raises(RuntimeError, match="expected a body that nobody has begun to read"):
                await again
        return b"".join(parts)

    assert await ask_in_two(await serve(app), called) == b"abcdef"


@promise("request-stream")
async def test_a_stream_after_the_body(serve: Serve) -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(request: Request) -> Any:
        await request.body()
        return b"|".join([part async for part in request.stream()])

    port = await serve(app)
    assert await ask_in_two(port, None) == b"abcdef"
    assert (await http(port, "POST", "/"))[2] == b""


async def test_a_cancelled_read(serve: Serve) -> None:
    """The rest of the body is nobody's."""
    app, called = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        reading = asyncio.ensure_future(request.body())
        await asyncio.sleep(0)
        reading.cancel()
        called.set()
        with pytest.raises(RuntimeError, match="read in parts"):
            await request.body()
        return b"gone on"

    assert await ask_in_two(await serve(app), called) == b"gone on"


async def test_two_that_read_at_once(serve: Serve) -> None:
    app, called = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        first = asyncio.ensure_future(request.body())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="read in parts"):
            await request.body()
        called.set()
        return await first

    assert await ask_in_two(await serve(app), called) == b"abcdef"


async def test_a_handler_may_go_on_when_its_client_has_left(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app, called, ended = ProAPI(), asyncio.Event(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        called.set()
        try:
            with pytest.raises(ClientDisconnect):
                await request.body()
            return b"to nobody"
        finally:
            ended.set()

    async with connection(await serve(app)) as (_, writer):
        writer.write(HEAD)
        await asyncio.wait_for(called.wait(), 5)
    await asyncio.wait_for(ended.wait(), 5)
    assert not caplog.records


async def test_a_client_disconnect_that_is_none(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Raised while the client is there, it is a failure as any other."""
    app = ProAPI()

    @app.post("/")
    async def handler(request: Request) -> None:
        raise ClientDisconnect

    assert (await http(await serve(app), "POST", "/"))[0] == 500
    assert "the handler" in caplog.text


# ---- under an ASGI server -------------------------------------------------------------------------------------------


def upload(app: ProAPI) -> Peer:
    return Peer(app, scope_of("http", "/", {"content-length": "6"}, method="POST"))


async def response_of(peer: Peer) -> tuple[int, bytes]:
    start: Message = await peer.get()
    body = await peer.get()
    return start["status"], body["body"]


@promise("request-stream")
async def test_asgi_nothing_is_received_before_the_handler_reads() -> None:
    app, may_read = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        await may_read.wait()
        return b"|".join([part async for part in request.stream()])

    peer = upload(app)
    await asyncio.sleep(0)
    assert peer.readers == []
    may_read.set()
    peer.put("http.request", body=b"abc", more_body=True)
    await asyncio.wait_for(peer.incoming.join(), 5)
    peer.put("http.request", body=b"def", more_body=False)
    assert await response_of(peer) == (200, b"abc|def")
    await peer.end()


@promise("route-max-body-size")
@pytest.mark.parametrize(("length", "is_called"), [("6", True), ("7", False), ("6 octets", True)])
async def test_asgi_an_announced_length_is_refused_before_the_handler_is_called(length: str, is_called: bool) -> None:
    """A length that is none is the server's business; what comes is counted."""
    app = ProAPI()
    calls = []

    @app.post("/", max_body_size=6)
    async def handler(request: Request) -> Any:
        calls.append(request)
        return await request.body()

    peer = Peer(app, scope_of("http", "/", {"content-length": length}, method="POST"))
    peer.put("http.request", body=b"1234567"[: 6 if is_called else 7], more_body=False)
    status, _ = await response_of(peer)
    assert (status, bool(calls)) == ((200, True) if is_called else (413, False))
    await peer.end()


async def test_asgi_a_question_for_the_client_takes_no_part_of_the_body() -> None:
    app, asked = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        assert not await request.is_disconnected()
        asked.set()
        return await request.body()

    peer = upload(app)
    await asyncio.wait_for(asked.wait(), 5)
    for part, more in ((b"ab", True), (b"cd", True), (b"ef", False)):
        peer.put("http.request", body=part, more_body=more)
    assert await response_of(peer) == (200, b"abcdef")
    await peer.end()


async def test_asgi_the_end_is_noticed_after_a_body_that_nobody_reads() -> None:
    app, cancelled = ProAPI(), asyncio.Event()

    @app.post("/", cancel_on_disconnect=True)
    async def handler() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    peer = upload(app)
    peer.put("http.request", body=b"abcdef", more_body=True)
    peer.put("http.request", body=b"", more_body=False)
    peer.put("http.disconnect")
    await peer.end()
    assert cancelled.is_set()


@pytest.mark.parametrize("is_watched", [False, True])
async def test_asgi_a_client_that_leaves(is_watched: bool, caplog: pytest.LogCaptureFixture) -> None:
    app, raised = ProAPI(), asyncio.Event()

    @app.post("/")
    async def handler(request: Request) -> Any:
        if is_watched:
            await request.is_disconnected()
        try:
            await request.body()
        except ClientDisconnect:
            raised.set()
            raise

    peer = upload(app)
    peer.put("http.request", body=b"abc", more_body=True)
    await asyncio.wait_for(peer.incoming.join(), 5)
    assert not raised.is_set()
    peer.put("http.disconnect")
    await peer.end()
    assert raised.is_set()
    assert peer.outgoing.empty()
    assert not caplog.records


@promise("request-stream")
async def test_asgi_both_directions_at_once() -> None:
    """A response in parts watches for the client's end, and must not take the body for that."""
    app = ProAPI()

    @app.post("/")
    async def handler(request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream())

    peer = upload(app)
    for part, more in ((b"abc", True), (b"def", False)):
        peer.put("http.request", body=part, more_body=more)
        if more:
            await peer.get()
        assert (await peer.get())["body"] == part
    await peer.end()
