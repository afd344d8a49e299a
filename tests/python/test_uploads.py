"""Multipart forms that are read while they arrive. Their files are in memory or in one temporary file."""

import asyncio
import errno
import gc
import io
import logging
import os
import tracemalloc
from pathlib import Path
from typing import Annotated, Any

import pytest
from asgi_peer import Peer, scope_of
from conftest import Serve, http
from promises import promise
from test_request_body import connection

from proapi import ClientDisconnect, Depends, File, Form, FormData, ProAPI, Request, UploadFile
from proapi._core import spool
from proapi._core.form import SPOOL_BYTES
from proapi._core.spool import Spool

MOST = 1 << 30
KIB = 1024


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    more = "" if filename is None else f'; filename="{filename}"'
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"


def head(size: int, path: str = "/") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {size}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    ).encode()


async def post(port: int, body: bytes, path: str = "/") -> tuple[int, bytes]:
    status, _, answer = await http(
        port, "POST", path, headers="Content-Type: multipart/form-data; boundary=b\r\n", body=body
    )
    return status, answer


def count_temporary_files() -> int:
    """Files of this process that have no name."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            count += "(deleted)" in os.readlink(each) and "/memfd:" not in os.readlink(each)
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return count


def is_in_memory(file: UploadFile) -> bool:
    return isinstance(file.file, io.BytesIO)


@promise("form-files")
async def test_files_go_to_one_temporary_file_when_they_are_large_together(serve: Serve) -> None:
    app = ProAPI()
    seen: dict[str, Any] = {}
    before = count_temporary_files()

    @app.post("/", max_body_size=MOST)
    async def handler(request: Request) -> Any:
        async with request.form() as form:
            assert form is await request.form()
            files = form.getlist("f")
            seen["disk"] = [not is_in_memory(file) for file in files if isinstance(file, UploadFile)]
            seen["temporary"] = count_temporary_files() - before
            octets = [await file.read() for file in files if isinstance(file, UploadFile)]
            answer = [form["name"], [f"{data[:1].decode()}{len(data)}" for data in octets]]
        for file in files:
            assert isinstance(file, UploadFile)
            with pytest.raises(ValueError, match="closed file"):
                await file.read()
        return answer

    sizes = [SPOOL_BYTES - 10, 20, 2 * SPOOL_BYTES, 5, 100 * KIB]
    body = b"".join(part("f", bytes([ord("a") + i]) * size, f"{i}") for i, size in enumerate(sizes))
    status, answer = await post(await serve(app), body + part("name", b"Ada") + b"--b--\r\n")
    assert (status, answer) == (
        200,
        b'["Ada",["a1048566","b20","c2097152","d5","e102400"]]',
    )
    assert seen == {"disk": [False, True, True, False, True], "temporary": 1}
    assert count_temporary_files() == before


@promise("form-files")
async def test_an_upload_takes_little_memory(serve: Serve) -> None:
    app = ProAPI()
    pieces, piece = 1024, b"x" * 64 * KIB
    peak = 0

    @app.post("/", max_body_size=MOST)
    def handler(large: UploadFile) -> Any:  # a def handler too, whose body is whole otherwise
        nonlocal peak
        peak = tracemalloc.get_traced_memory()[1]
        large.file.seek(-5, os.SEEK_END)
        return {"size": large.size, "end": large.file.read().decode()}

    begin, end = part("large", b"", "g")[:-2], b"-end\r\n--b--\r\n"
    async with connection(await serve(app)) as (reader, writer):
        tracemalloc.start()
        try:
            writer.write(head(len(begin) + pieces * len(piece) + len(end)) + begin)
            for _ in range(pieces):
                writer.write(piece)
                await writer.drain()
            writer.write(end)
            answer = await reader.read()
        finally:
            tracemalloc.stop()
    assert answer.endswith(b'{"size":%d,"end":"x-end"}' % (pieces * len(piece) + 4))
    assert 0 < peak < 8 * 1024 * KIB


@promise("form-limits")
@pytest.mark.parametrize(
    ("limits", "body", "expected"),
    [
        ({"max_fields": 1}, part("a", b"1") + part("b", b"2"), (400, "at most 1 text fields (max_fields)")),
        ({"max_files": 1}, part("a", b"1", "a") + part("b", b"", ""), (400, "at most 1 files (max_files)")),
        (
            {"max_part_size": 3},
            part("a", b"12") + part("b", b"34"),
            (413, "at most 3 octets in all text fields together (max_part_size)"),
        ),
        ({}, part("a", b"1")[:-5], (400, "a last line of two hyphens")),
        ({}, b"--b\r\nX: y\r\n\r\n\r\n--b--", (400, "part 1: expected a Content-Disposition")),
    ],
    ids=["fields", "files", "text", "cut", "head"],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_what_a_form_may_not_be(
    serve: Serve, limits: dict[str, int], body: bytes, expected: tuple[int, str], whole: bool
) -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(request: Request) -> Any:
        if whole:
            await request.body()
        return len(await request.form(**limits))

    status, answer = await post(await serve(app), body)
    assert status == expected[0]
    assert expected[1] in answer.decode()


@promise("form-files")
async def test_files_are_taken_out_of_the_form(serve: Serve) -> None:
    """As a program expects that asks for files and for fields; parameters still find theirs."""
    app = ProAPI()

    @app.middleware
    async def look(request: Request, call_next: Any) -> Any:
        both = await request.form()
        files = await request.files()
        fields = await request.form()
        assert [name for name, _ in both.multi_items()] == ["note", "media"]
        assert [(name, file.data) for name, file in files.multi_items()] == [("media", b"x")]
        assert fields.multi_items() == [("note", "n")]
        return await call_next(request)

    @app.post("/")
    async def handler(media: UploadFile, note: Annotated[str, Form()]) -> Any:
        return [note, media.filename]

    body = part("note", b"n") + part("media", b"x", "a.bin") + b"--b--\r\n"
    assert await post(await serve(app), body) == (200, b'["n","a.bin"]')


@promise("form-limits")
@pytest.mark.parametrize("whole", [True, False])
async def test_a_urlencoded_form_is_bounded_too(serve: Serve, whole: bool) -> None:
    """On a route of large uploads it would fill the memory."""
    app = ProAPI()

    @app.post("/", max_body_size=MOST)
    async def handler(request: Request) -> Any:
        if whole:
            await request.body()
        form = await request.form(max_part_size=10)
        assert await request.body() == b"a=12345678"
        return form["a"]

    port = await serve(app)
    type_ = "Content-Type: application/x-www-form-urlencoded\r\n"
    status, _, answer = await http(port, "POST", "/", headers=type_, body=b"a=12345678")
    assert (status, answer) == (200, b"12345678")
    status, _, answer = await http(port, "POST", "/", headers=type_, body=b"a=123456789")
    assert status == 413
    assert "at most 10 octets in all text fields together (max_part_size)" in answer.decode()
    if not whole:  # what else is sent is not read
        async with connection(port) as (reader, writer):
            writer.write(
                f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MOST}\r\n{type_}\r\n".encode() + b"a" * 11
            )
            assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


@promise("form-files")
async def test_a_client_that_leaves_leaves_nothing_behind(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = ProAPI()
    loop = asyncio.get_running_loop()
    written, left, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    before = count_temporary_files()

    class Watched(spool._Disk):
        def append(self, data: bytes) -> None:
            super().append(data)
            loop.call_soon_threadsafe(written.set)

        def __del__(self) -> None:
            super().__del__()
            loop.call_soon_threadsafe(closed.set)

    monkeypatch.setattr(spool, "_Disk", Watched)

    @app.post("/", max_body_size=MOST)
    async def handler(request: Request) -> None:
        try:
            await request.form()
        except ClientDisconnect:
            left.set()
            raise

    async with connection(await serve(app)) as (_, writer):
        writer.write(head(10 * SPOOL_BYTES) + part("f", b"x" * 3 * SPOOL_BYTES, "g"))
        await asyncio.wait_for(written.wait(), 5)
        assert count_temporary_files() == before + 1
    await asyncio.wait_for(left.wait(), 5)
    gc.collect()  # the exception and the frames that it refers to
    await asyncio.wait_for(closed.wait(), 5)
    assert count_temporary_files() == before


@promise("form-files")
async def test_a_full_disk_is_the_servers_fault(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = ProAPI()

    @app.post("/", max_body_size=MOST)
    async def handler(f: UploadFile) -> None: ...

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", fail)
    with caplog.at_level(logging.ERROR, "proapi"):
        status, _ = await post(await serve(app), part("f", b"x" * 2 * SPOOL_BYTES, "g") + b"--b--")
    assert status == 500
    assert "No space left on device" in caplog.text


@promise("form-files")
async def test_an_upload_outlives_its_request(serve: Serve, tmp_path: Path) -> None:
    """A task that goes on after the response needs the file."""
    app = ProAPI()
    kept: list[UploadFile] = []

    @app.post("/", max_body_size=MOST)
    async def handler(files: Annotated[list[UploadFile], File()]) -> None:
        kept.extend(files)

    data = os.urandom(SPOOL_BYTES)
    body = part("files", b"small", "a") + part("files", data, "../b") + b"--b--"
    assert await post(await serve(app), body) == (204, b"")
    small, large = kept
    assert (small.size, large.size) == (5, len(data))
    assert repr(large) == f"UploadFile(filename='../b', size={len(data)}, content_type='text/plain')"
    for file, expected in ((small, b"small"), (large, data)):
        assert await file.read(2) == expected[:2]
        assert file.data == expected
        assert await file.read() == expected[2:]
        await file.seek(1)
        assert file.file.read(1) == expected[1:2]
        await file.save(tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == expected
    await large.close()
    await large.close()


@promise("form-files")
async def test_a_file_may_be_taken_twice(serve: Serve) -> None:
    """As octets and as a file, in whatever order."""
    app = ProAPI()

    async def size(f: Annotated[bytes, File()]) -> int:
        return len(f)

    @app.post("/", max_body_size=MOST)
    def handler(
        before: Annotated[int, Depends(size)], f: UploadFile, again: Annotated[bytes, File(alias="f")]
    ) -> list[int]:
        return [before, len(f.file.read()), len(again)]

    for octets in (5, 2 * SPOOL_BYTES):
        answer = b"[%d,%d,%d]" % (octets, octets, octets)
        assert await post(await serve(app), part("f", b"x" * octets, "g") + b"--b--") == (200, answer)


async def test_octets_that_come_one_by_one_take_no_more_memory() -> None:
    each = Spool(SPOOL_BYTES)
    tracemalloc.start()
    try:
        for _ in range(100_000):
            await each.write(b"x")
        assert tracemalloc.get_traced_memory()[0] < 2 * 100_000
    finally:
        tracemalloc.stop()
    file, size = each.end_file()
    assert (size, file.read()) == (100_000, b"x" * 100_000)


@pytest.mark.parametrize("is_dependency", [True, False])
async def test_content_beside_a_form_in_the_handlers_own_code(serve: Serve, *, is_dependency: bool) -> None:
    app = ProAPI()

    async def take(a: Annotated[str, Form()]) -> str:
        return a

    if is_dependency:

        @app.post("/")
        async def of_dependency(request: Request, a: Annotated[str, Depends(take)]) -> Any:
            return [a, len(request.content)]

    else:

        @app.post("/")
        async def own(request: Request, a: Annotated[str, Form()]) -> Any:
            return [a, len(request.content)]

    body = part("a", b"1") + b"--b--"
    assert await post(await serve(app), body) == (200, b'["1",%d]' % len(body))


async def test_the_body_is_gone_after_a_form(serve: Serve) -> None:
    app = ProAPI()

    @app.post("/")
    async def handler(request: Request) -> int:
        form = await request.form()
        with pytest.raises(RuntimeError, match=r"body\(\): expected a body that nobody has begun to read"):
            await request.body()
        assert list(await request.files()) == ["f"]
        return len(form)

    assert await post(await serve(app), part("f", b"1", "g") + part("a", b"2") + b"--b--") == (200, b"2")


async def test_under_an_asgi_server() -> None:
    app = ProAPI()

    @app.post("/", max_body_size=MOST)
    async def handler(request: Request) -> Any:
        form = await request.form()
        assert isinstance(form, FormData)
        file = form["f"]
        assert isinstance(file, UploadFile)
        return [is_in_memory(file), file.size, form["a"]]

    body = part("f", b"x" * 2 * SPOOL_BYTES, "g") + part("a", b"1") + b"--b--"
    peer = Peer(app, scope_of("http", "/", headers={"content-type": "multipart/form-data; boundary=b"}, method="POST"))
    for at in range(0, len(body), 100 * KIB):
        peer.put("http.request", body=body[at : at + 100 * KIB], more_body=at + 100 * KIB < len(body))
    await peer.end()
    assert (await peer.get())["status"] == 200
    assert (await peer.get())["body"] == b'[false,%d,"1"]' % (2 * SPOOL_BYTES)


async def test_positions_in_a_file_on_the_disk() -> None:
    files = Spool(0)
    await files.write(b"first")
    first, _ = files.end_file()
    await files.write(b"one\n")
    await files.write(b"two\n")
    second, size = files.end_file()
    assert (size, list(second), first.read()) == (8, [b"one\n", b"two\n"], b"first")
    assert (second.seek(-2, os.SEEK_END), second.read(), second.tell()) == (6, b"o\n", 8)
    assert (second.seek(20), second.read()) == (20, b"")
    with pytest.raises(ValueError, match="expected a position from 0, got -1"):
        second.seek(-1)
    assert second.seekable()
    assert second.readable()
    assert not second.writable()
    second.close()
    with pytest.raises(ValueError, match="closed file"):
        second.read()
    assert first.seek(0) == 0
    assert first.read() == b"first"
