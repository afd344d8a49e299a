"""Responses: what handlers may return, headers and cookies that can't break the message, streams."""

import asyncio
import math
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from promises import promise

from proapi import (
    FileResponse,
    HTMLResponse,
    HTTPException,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from proapi._core.threads import ThreadPool
from proapi.response import to_response


@dataclass
class Item:
    name: str


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        ("<p>é", 200, "text/html; charset=utf-8", "<p>é".encode()),
        (b"\0", 200, "application/octet-stream", b"\0"),
        (memoryview(b"ab"), 200, "application/octet-stream", b"ab"),
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ([], 200, "application/json", b"[]"),
        (Item("x"), 200, "application/json", b'{"name":"x"}'),
        (None, 204, None, b""),
        (Response("x", 201, media_type="text/css"), 201, "text/css; charset=utf-8", b"x"),
        (PlainTextResponse("x"), 200, "text/plain; charset=utf-8", b"x"),
        (HTMLResponse("x"), 200, "text/html; charset=utf-8", b"x"),
        (JSONResponse(1, status_code=202), 202, "application/json", b"1"),
    ],
)
def test_results(result: Any, status: int, content_type: str | None, body: bytes) -> None:
    response = to_response(result)
    assert response.status_code == status
    assert dict(response.headers).get("Content-Type") == content_type
    assert response.body == body


@pytest.mark.parametrize("result", [1, object(), ("a", 200), Item])
def test_other_results_are_refused(result: Any) -> None:
    with pytest.raises(TypeError, match=r"JSONResponse takes any other value|that JSON can hold"):
        to_response(result)


async def test_other_results_get_a_hint() -> None:
    async def forgotten() -> None: ...

    coroutine = forgotten()
    with pytest.raises(TypeError, match="got coroutine; is an await missing"):
        to_response(coroutine)
    coroutine.close()
    with pytest.raises(TypeError, match="got generator; StreamingResponse takes it"):
        to_response(part for part in ("a", "b"))


@promise("stream-part-types")
@pytest.mark.parametrize("part", [1, [65, 66], None])
async def test_parts_that_are_neither_text_nor_octets(part: Any) -> None:
    async def parts() -> AsyncIterator[Any]:
        yield part

    exchange = Recorder()
    with pytest.raises(TypeError, match=f"expected str or bytes as part, got {type(part).__name__}"):
        await StreamingResponse(parts()).send_to(exchange, ThreadPool())
    assert exchange.parts == []


def test_headers() -> None:
    response = Response("x", headers=[("X-A", "1"), ("X-A", "2"), ("content-type", "text/plain")])
    assert response.headers.multi_items() == [("X-A", "1"), ("X-A", "2"), ("content-type", "text/plain")]
    assert Response(headers={"X-A": "1"}).headers.multi_items() == [("X-A", "1")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nSet-Cookie: b"),
        ("X-A", "a\nb"),
        ("X-A", "a\0"),
        ("X-A", "é"),
        ("X-A", " a"),
        ("X A", "a"),
        ("", "a"),
        ("X-A:", "a"),
        ("Content-Length", "1"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("Date", "now"),
    ],
)
def test_refuses_headers_that_would_break_the_message(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        Response(headers=[(name, value)])


@promise("exception-texts")
@pytest.mark.parametrize("status", [0, 100, 199, 600, "200", True, None])
def test_refuses_bad_statuses(status: Any) -> None:
    with pytest.raises(ValueError, match="expected a status from 200 to 599"):
        Response(status_code=status)


def test_refuses_a_body_of_another_type() -> None:
    with pytest.raises(TypeError, match="expected str or bytes as body, got dict"):
        Response({})  # type: ignore[arg-type]


def cookie(*args: Any, **options: Any) -> str:
    response = Response()
    response.set_cookie(*args, **options)
    return next(iter(response.headers.values()))


@promise("cookie-expiry")
def test_cookies() -> None:
    assert cookie("a", "b") == "a=b; Path=/; SameSite=Lax"
    expires = datetime(2030, 1, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert cookie(
        "a", "b", max_age=60, expires=expires, path="/x", domain="a.example", secure=True, httponly=True, samesite=None
    ) == ("a=b; Max-Age=60; Expires=Tue, 01 Jan 2030 12:00:00 GMT; Path=/x; Domain=a.example; Secure; HttpOnly")
    response = Response()
    response.delete_cookie("a")
    assert "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT" in response.headers["Set-Cookie"]


@promise("cookie-expiry")
@pytest.mark.parametrize("seconds", [0, 3600, -60, 1.5, -0.5, timedelta(days=1), timedelta(0)])
def test_a_cookies_expiry_in_seconds_is_from_now(seconds: Any) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    written = re.search("Expires=([^;]+ GMT)", cookie("a", "b", expires=seconds))
    assert written
    from_now = timedelta(seconds=math.ceil(seconds)) if isinstance(seconds, (int, float)) else seconds
    assert before <= parsedate_to_datetime(written[1]) - from_now <= datetime.now(UTC)


@promise("cookie-expiry")
@pytest.mark.parametrize(
    ("max_age", "written"),
    [(60, "60"), (0, "0"), (-1, "-1"), (0.5, "1"), (60.0, "60"), (timedelta(hours=1), "3600"), (10**400, f"{10**400}")],
)
def test_max_age_is_in_whole_seconds(max_age: Any, written: str) -> None:
    assert f"; Max-Age={written};" in cookie("a", "b", max_age=max_age)


def test_an_expiry_may_be_a_date_in_text() -> None:
    assert "Expires=Wed, 02 Jan 2030 03:04:05 GMT;" in cookie("a", "b", expires="Wed, 02 Jan 2030 03:04:05 GMT")
    assert "Expires=Wed, 02 Jan 2030 03:04:05 GMT;" in cookie("a", "b", expires="Wed, 02 Jan 2030 05:04:05 +0200")


@pytest.mark.parametrize("options", [{"expires": True}, {"expires": b"x"}, {"max_age": "60"}, {"max_age": True}])
def test_what_is_no_time_of_a_cookie(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"expected .*seconds.* of the cookie 'a', got "):
        cookie("a", "b", **options)


PAIRS = [chr(first) + chr(second) for first in range(256) for second in range(256)]


def test_no_pair_of_characters_breaks_out_of_a_header() -> None:
    response = Response()
    for pair in PAIRS:
        for name, value in ((f"X{pair}", "a"), ("X-A", pair), ("X-A", f"a{pair}b")):
            try:
                response.add_header(name, value)
            except ValueError:
                continue
            written = response.headers.multi_items()[-1]
            assert written == (name, value)
            assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", written[0])
            assert re.fullmatch(r"[!-~]([\t -~]*[!-~])?|", written[1])


def test_no_pair_of_characters_breaks_out_of_a_cookie() -> None:
    attributes = "; Path=/; SameSite=Lax"
    for pair in PAIRS:
        for name, value in ((f"a{pair}", "b"), ("a", pair)):
            try:
                written = cookie(name, value)
            except ValueError:
                continue
            assert written == f"{name}={value}{attributes}"
            assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[!#-+\--:<-\[\]-~]*", written.removesuffix(attributes))


def test_no_pair_of_characters_breaks_out_of_a_path_or_domain_of_a_cookie() -> None:
    for pair in PAIRS[:: 256 // 8] + PAIRS[::257]:
        for option in ("path", "domain"):
            try:
                written = cookie("a", "b", **{option: pair})
            except ValueError:
                continue
            assert re.fullmatch(r"[ -~]*", written)
            assert written.count(";") <= 3


def test_no_pair_of_characters_breaks_out_of_a_redirect() -> None:
    for pair in PAIRS:
        [(name, url)] = RedirectResponse(f"/{pair}").headers.multi_items()
        assert name == "Location"
        assert re.fullmatch(r"/[!-~]+", url)


def test_cookies_with_prefixes_can_be_deleted() -> None:
    """Browsers ignore a Set-Cookie with such a name unless it is Secure."""
    response = Response()
    response.delete_cookie("__Host-a", secure=True, httponly=True, samesite="none")
    assert response.headers["Set-Cookie"].endswith("Path=/; SameSite=None; Secure; HttpOnly")


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (("a", "b"), {"expires": "soon"}),
        (("a", "b"), {"expires": math.nan}),
        (("a", "b"), {"expires": 10**30}),
        (("a", "b"), {"expires": -(10**400)}),
        (("a", "b"), {"expires": "Wed, 02 Jan 99999999999999999999 03:04:05 GMT"}),
        (("a", "b"), {"expires": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}),
        (("a", "b"), {"expires": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))}),
        (("a", "b"), {"max_age": math.inf}),
        (("a b", ""), {}),
        (("", ""), {}),
        (("a", "b;c"), {}),
        (("a", "b c"), {}),
        (("a", 'b"'), {}),
        (("a", "é"), {}),
        (("a", "b\r\n"), {}),
        (("a", "b"), {"path": "/;Domain=evil"}),
        (("a", "b"), {"domain": "a\r\nb"}),
        (("a", "b"), {"samesite": "Lax;"}),
        (("a", "b"), {"samesite": "none"}),
        (("a", "b"), {"expires": datetime(2030, 1, 1)}),
    ],
)
def test_refuses_cookies_that_browsers_would_misread(args: tuple[str, str], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cookie"):
        cookie(*args, **options)


def test_redirect_quotes_its_url() -> None:
    assert RedirectResponse("/a b?c=é#d").headers.multi_items() == [("Location", "/a%20b?c=%C3%A9#d")]
    assert RedirectResponse("https://a.example/%20", 303).status_code == 303
    assert RedirectResponse("/\r\nX: y").headers.multi_items() == [("Location", "/%0D%0AX:%20y")]


def test_file_names_its_type() -> None:
    assert dict(FileResponse("a.html").headers)["Content-Type"] == "text/html; charset=utf-8"
    assert dict(FileResponse("a.png").headers)["Content-Type"] == "image/png"
    assert dict(FileResponse("a.tar.gz").headers)["Content-Type"] == "application/octet-stream"
    named = dict(FileResponse("x", filename='é".txt').headers)
    assert named["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A9%22.txt"


class Recorder:
    """An exchange that records the calls made to it."""

    def __init__(self, parts_wanted: int = 100, method: str = "GET") -> None:
        self.request: Any = SimpleNamespace(method=method)
        self.started = self.finished = self.ended = False
        self.parts: list[bytes] = []
        self.parts_wanted = parts_wanted
        self.on_start: Callable[[], object] = lambda: None

    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...
    def respond_with_file(self, status: int, headers: list[tuple[str, str]], path: str) -> None: ...
    def fail(self) -> None: ...
    def end_with_client(self) -> None:
        pass

    def on_end(self, callback: Callable[[], object] | None) -> None: ...

    def start(self, status: int, headers: list[tuple[str, str]], content_length: int | None) -> None:
        assert not self.started
        self.started = True
        self.on_start()

    def write(self, data: bytes) -> Awaitable[bool]:
        async def write() -> bool:
            self.parts.append(data)
            return len(self.parts) < self.parts_wanted

        return write()

    def finish(self) -> None:
        self.finished = True


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("parts_wanted", [100, 2])
async def test_streams_and_closes_the_iterator(is_async: bool, parts_wanted: int) -> None:
    closed = False

    def parts() -> Iterator[str | bytes]:
        nonlocal closed
        try:
            yield from ("a", b"b", "é")
        finally:
            closed = True

    async def async_parts() -> AsyncIterator[str | bytes]:
        nonlocal closed
        try:
            for part in ("a", b"b", "é"):
                yield part
        finally:
            closed = True

    exchange = Recorder(parts_wanted)
    await StreamingResponse(async_parts() if is_async else parts()).send_to(exchange, ThreadPool())
    assert exchange.parts == [b"a", b"b", "é".encode()][:parts_wanted]
    assert exchange.finished
    assert closed


@pytest.mark.parametrize("pool_is_closed", [False, True])
async def test_a_cancelled_stream_closes_a_sync_iterator_that_still_runs(
    pool_is_closed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The generator is closed after its current part, in the thread that runs it: it can't be closed from another
    one."""
    runs, may_go_on, closed = threading.Event(), threading.Event(), threading.Event()
    threads: list[str] = []

    def parts() -> Iterator[str]:
        try:
            yield "a"
            runs.set()
            may_go_on.wait(5)
            yield "b"
        finally:
            threads.append(threading.current_thread().name)
            closed.set()

    pool, exchange = ThreadPool(), Recorder()
    task = asyncio.create_task(StreamingResponse(parts()).send_to(exchange, pool))
    assert await asyncio.to_thread(runs.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert not closed.is_set()
    if pool_is_closed:
        pool.close()
    may_go_on.set()
    assert await asyncio.to_thread(closed.wait, 5)
    assert threads[0].startswith("proapi")
    assert exchange.parts == [b"a"]
    assert not caplog.records


@promise("stream-fails-before-first-part")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("is_async", [True, False])
async def test_what_fails_before_its_first_part_has_not_begun(is_async: bool, method: str) -> None:
    def parts() -> Iterator[str]:
        raise HTTPException(404, "no such table")
        yield ""

    async def async_parts() -> AsyncIterator[str]:
        await asyncio.sleep(0)  # waits, as a generator that queries a database would
        raise HTTPException(404, "no such table")
        yield ""

    exchange = Recorder(method=method)
    with pytest.raises(HTTPException):
        await StreamingResponse(async_parts() if is_async else parts()).send_to(exchange, ThreadPool())
    assert not exchange.started


@promise("stream-fails-before-first-part")
async def test_what_fails_later_has_begun() -> None:
    async def parts() -> AsyncIterator[str]:
        await started.wait()
        raise HTTPException(404, "no such table")
        yield ""

    started, exchange = asyncio.Event(), Recorder()
    exchange.on_start = started.set
    with pytest.raises(HTTPException):
        await asyncio.wait_for(StreamingResponse(parts()).send_to(exchange, ThreadPool()), 5)
    assert exchange.started
    assert not exchange.finished


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_stream_without_parts(is_async: bool, method: str) -> None:
    async def async_parts() -> AsyncIterator[str]:
        return
        yield ""

    exchange = Recorder(method=method)
    await StreamingResponse(async_parts() if is_async else []).send_to(exchange, ThreadPool())
    assert (exchange.started, exchange.finished, exchange.parts) == (True, True, [])


async def test_head_of_a_stream_takes_only_its_first_part() -> None:
    taken: list[int] = []

    def parts() -> Iterator[str]:
        try:
            for number in range(3):
                taken.append(number)
                yield "x"
        finally:
            taken.append(-1)

    exchange = Recorder(method="HEAD")
    await StreamingResponse(parts()).send_to(exchange, ThreadPool())
    assert taken == [0, -1]
    assert exchange.finished


async def test_head_of_a_quiet_stream_is_answered_and_closes_it() -> None:
    closed = False

    async def parts() -> AsyncIterator[str]:
        nonlocal closed
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            closed = True

    exchange = Recorder(method="HEAD")
    await asyncio.wait_for(StreamingResponse(parts()).send_to(exchange, ThreadPool()), 5)
    assert exchange.finished
    assert closed


async def test_a_time_limit_of_the_iterators_own_is_a_failure() -> None:
    async def parts() -> AsyncIterator[str]:
        raise TimeoutError
        yield ""

    for method in ("GET", "HEAD"):
        with pytest.raises(TimeoutError):
            await StreamingResponse(parts()).send_to(Recorder(method=method), ThreadPool())


async def test_204_and_304_ask_for_no_part() -> None:
    async def parts() -> AsyncIterator[str]:
        raise AssertionError
        yield ""

    for status in (204, 304):
        exchange = Recorder()
        await StreamingResponse(parts(), status).send_to(exchange, ThreadPool())
        assert exchange.finished


@pytest.mark.parametrize("parts", ["text", b"octets", 1, None])
def test_refuses_what_is_no_iterator_of_parts(parts: Any) -> None:
    with pytest.raises(TypeError, match="expected an iterator"):
        StreamingResponse(parts)


def test_times_are_utc() -> None:
    assert "GMT" in cookie("a", "b", expires=datetime.now(UTC))
