"""Files: those of a directory, and one that a handler returns."""

import contextlib
import errno
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, http, request

Start = Callable[..., Server]

SECRET = b"what nobody who asks for /static may read\n"
BIG = bytes(range(256)) * (4 * 1024 * 1024 // 256)


@promise("static-files")
def test_a_file(server: Server) -> None:
    response = http(server.port, "GET", "/static/big.bin")
    assert response.body == BIG
    assert response.get("content-type") == "application/octet-stream"
    assert response.get("accept-ranges") == "bytes"
    assert response.get("x-content-type-options") == "nosniff"
    assert re.fullmatch(r'(W/)?"[^"]+"', response.get("etag"))
    assert parsedate_to_datetime(response.get("last-modified"))


def test_an_index_file(server: Server) -> None:
    for path in ("/static/", "/static/index.html"):
        response = http(server.port, "GET", path)
        assert (response.status, response.get("content-type")) == (200, "text/html; charset=utf-8")


def test_head_of_a_file(server: Server) -> None:
    response = http(server.port, "HEAD", "/static/big.bin")
    assert (response.get("content-length"), response.body) == (str(len(BIG)), b"")


@promise("static-files")
@pytest.mark.parametrize(
    ("field", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, len(BIG)),
        ("bytes=-1", len(BIG) - 1, len(BIG)),
        (f"bytes=-{len(BIG) * 2}", 0, len(BIG)),
        (f"bytes=4000000-{10**15}", 4000000, len(BIG)),
    ],
)
def test_a_range(server: Server, field: str, begin: int, end: int) -> None:
    response = http(server.port, "GET", "/static/big.bin", [("Range", field)])
    assert response.status == 206
    assert response.get("content-range") == f"bytes {begin}-{end - 1}/{len(BIG)}"
    assert response.body == BIG[begin:end]


@pytest.mark.parametrize("field", [f"bytes={len(BIG)}-", "bytes=-0", f"bytes={2**62}-{2**63 - 1}"])
def test_a_range_beyond_the_end(server: Server, field: str) -> None:
    response = http(server.port, "GET", "/static/big.bin", [("Range", field)])
    assert (response.status, response.get("content-range")) == (416, f"bytes */{len(BIG)}")


@pytest.mark.parametrize("field", ["bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=--1", "bytes=0-1,3-4" + ",5-6" * 1000])
def test_a_range_that_is_ignored(server: Server, field: str) -> None:
    response = http(server.port, "GET", "/static/index.html", [("Range", field)])
    assert response.status in (200, 206)
    assert response.status == 200 or "," in field


@promise("static-files")
def test_conditions(server: Server) -> None:
    first = http(server.port, "GET", "/static/index.html")
    etag, modified = first.get("etag"), first.get("last-modified")
    for name, value, status in (
        ("If-None-Match", etag, 304),
        ("If-None-Match", f'"other", {etag}', 304),
        ("If-None-Match", f"W/{etag}", 304),
        ("If-None-Match", f'"other", W/{etag}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 200),
        ("If-None-Match", etag.upper().replace("W/", "") + "x", 200),
        ("If-Match", etag, 200),
        ("If-Match", f'"other", {etag}', 200),
        ("If-Match", "*", 200),
        ("If-Unmodified-Since", modified, 200),
        ("If-Modified-Since", modified, 304),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ):
        response = http(server.port, "GET", "/static/index.html", [(name, value)])
        assert (response.status, response.body) == (status, b"" if status == 304 else first.body), (name, value)
        assert response.get("etag") == etag
    for name, value in (
        ("If-Match", '"other"'),
        ("If-Match", f"W/{etag}"),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ):
        assert http(server.port, "GET", "/static/index.html", [(name, value)]).status == 412, (name, value)
    for condition, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
        fields = [("Range", "bytes=0-3"), ("If-Range", condition)]
        assert http(server.port, "GET", "/static/index.html", fields).status == status


@pytest.fixture
def dot_files(server: Server) -> Iterator[list[str]]:
    """Files that are served only with dot_files=True."""
    [root] = server.temporary.glob("capp-*")
    hidden = [".env", ".git/config", ".git/index.html", "sub/.htpasswd", "sub/.cache/data.txt", ".well-known/.env"]
    hidden += ["sub/.well-known/security.txt", ".well-known.txt"]
    for name in [*hidden, ".well-known/security.txt", "sub/a.b.txt"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(SECRET)
    yield hidden
    for name in ("sub", ".git", ".well-known"):
        shutil.rmtree(root / name)
    for name in (".env", ".well-known.txt"):
        (root / name).unlink()


@promise("dot-files")
def test_dot_files_are_not_there(server: Server, dot_files: list[str]) -> None:
    escaped = [name.replace(".", "%2e").replace("/", "%2F") for name in dot_files]
    for name in [*dot_files, *escaped, ".git/", "sub//.htpasswd"]:
        refuses(server, f"/static/{name}")
        assert http(server.port, "GET", f"/static/{name}", [("Range", "bytes=0-0")]).status == 404
        assert http(server.port, "GET", f"/all-static/{name}").body == SECRET
    for name in (".well-known/security.txt", "%2ewell-known/security.txt", "sub/a.b.txt"):
        for mount in ("/static/", "/all-static/"):
            assert http(server.port, "GET", mount + name).body == SECRET
            assert http(server.port, "HEAD", mount + name).status == 200


@pytest.fixture
def root(server: Server) -> Iterator[Path]:
    """The folder that is served, with a secret next to it and links that lead out of it."""
    [root] = server.temporary.glob("capp-*")
    secret, beside, ways = root.parent / "secret.txt", root.parent / f"{root.name}-beside", root / "ways"
    beside.mkdir()
    for folder in ("folder", "index"):
        (ways / folder).mkdir(parents=True)
    for place in (secret, beside / "secret.txt", beside / "index.html"):
        place.write_bytes(SECRET)
    for name, target in {
        "link": secret,
        "relative": "../../secret.txt",
        "chain": "link",
        "out": beside,
        "up": "../..",
        "inside": "../index.html",
        "index/index.html": secret,
        "endless": "/dev/zero",
        "process": "/proc/self/cwd",
        "self": "self",
    }.items():
        (ways / name).symlink_to(target)
    os.mkfifo(ways / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(ways / "socket"))
        listener.listen()
        yield root
    shutil.rmtree(ways)
    shutil.rmtree(beside)
    secret.unlink()


def followed(root: Path, path: str) -> Path:
    """Returns the file that a careless server would find: it decodes repeatedly, takes backslashes for slashes, and
    checks nothing."""
    while (decoded := unquote(path)) != path:
        path = decoded
    path = path.partition("\0")[0].replace("\\", "/")
    return Path(os.path.normpath(os.path.join(root, path)), "" if path[-1] != "/" else "index.html")


@promise("static-files")
@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        ".%2e/secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "..%5csecret.txt",
        "..\\secret.txt",
        "%252e%252e/secret.txt",
        "..%252fsecret.txt",
        "./../secret.txt",
        "ways/../../secret.txt",
        "ways/folder/../../../secret.txt",
        "big.bin/../../secret.txt",
        "nothing/../../secret.txt",
        "../ROOT-beside/secret.txt",
        "../ROOT-beside/",
        "../ROOT/../secret.txt",
        "../secret.txt%00.html",
        "UP/AROUND/secret.txt",
        "/AROUND/secret.txt",
        "%2fAROUND/secret.txt",
        "%2f%2fAROUND%2fsecret.txt",
    ],
)
def test_files_outside(server: Server, root: Path, path: str) -> None:
    for name, value in {
        "ROOT": root.name,
        "UP": "/".join([".."] * (len(root.parts) - 1)),
        "AROUND": str(root.parent).lstrip("/"),
    }.items():
        path = path.replace(name, value)
    assert followed(root, path).read_bytes() == SECRET
    refuses(server, f"/static/{path}")


@promise("static-files")
@pytest.mark.parametrize(
    "name", ["link", "relative", "chain", "out/secret.txt", "out/", "up/secret.txt", "index/", "index/index.html"]
)
def test_links_that_lead_outside(server: Server, root: Path, name: str) -> None:
    assert followed(root, f"ways/{name}").read_bytes() == SECRET
    refuses(server, f"/static/ways/{name}")


@promise("static-files")
@pytest.mark.usefixtures("root")
def test_a_link_that_stays_inside(server: Server) -> None:
    whole = http(server.port, "GET", "/static/index.html")
    assert http(server.port, "GET", "/static/ways/inside").body == whole.body


@promise("static-files")
@pytest.mark.parametrize(
    "name", ["fifo", "socket", "endless", "process/app.py", "self", "folder", "folder/", "folder/.", "out", "index"]
)
@pytest.mark.usefixtures("root")
def test_what_is_no_file(server: Server, name: str) -> None:
    """It also must not block the server, as a FIFO without a writer would."""
    refuses(server, f"/static/ways/{name}")


@pytest.mark.parametrize(
    "path",
    [
        "big.bin/",
        "big.bin/..",
        "big.bin%00.html",
        "big.bin%00",
        "%00",
        "big.bin.",
        ".",
        "..",
        "../",
        "x" * 255,
        "x" * 256,
        "x/" * 2048,
        "nothing",
    ],
)
def test_no_file_of_that_name(server: Server, path: str) -> None:
    refuses(server, f"/static/{path}")


def refuses(server: Server, target: str) -> None:
    """The response shows neither the content nor its size, and the server goes on."""
    for method in ("GET", "HEAD"):
        with Peer(server.port) as peer:
            response = peer.ask(method, target)
            assert response.status in (400, 404), response
            assert SECRET not in response.body
            assert response.get("content-length") != str(len(SECRET))
    assert http(server.port, "GET", "/livez").status == 200


def test_a_file_to_a_slow_reader(server: Server) -> None:
    with Peer(server.port, receive_buffer=4096) as slow:
        slow.send(request("GET", "/static/big.bin"))
        assert slow.read_head().status == 200
        assert http(server.port, "GET", "/livez").status == 200
        assert slow.read(len(BIG)) == BIG


@promise("slow-disks")
def test_a_file_that_is_not_in_the_cache(server: Server, root: Path) -> None:
    with Peer(server.port) as peer:
        take_out_of_the_cache(root / "big.bin")
        assert peer.ask("GET", "/static/big.bin").body == BIG
        take_out_of_the_cache(root / "big.bin")
        assert peer.ask("GET", "/static/big.bin", [("Range", "bytes=5-9")]).body == BIG[5:10]


def take_out_of_the_cache(path: Path) -> None:
    """Evicts the file from the kernel's page cache and checks that it is gone, if the file system can tell. For other
    file systems, such as overlayfs, the server reads in a thread anyway."""
    until = time.monotonic() + 10
    with open(path, "rb") as file:
        while time.monotonic() < until:
            os.fsync(file.fileno())  # octets that are not yet written to disk can't be evicted
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            try:
                os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                assert error.errno == errno.EOPNOTSUPP
                return
    raise AssertionError(f"{path} stays in the kernel's cache")


@promise("kinds-of-responses")
def test_one_file(server: Server) -> None:
    response = http(server.port, "GET", "/features/file")
    assert (response.status, response.get("content-type")) == (200, "application/json")
    with open(os.path.join(os.path.dirname(__file__), "package.json"), "rb") as file:
        assert response.body == file.read()


def test_a_part_of_one_file(server: Server) -> None:
    whole = http(server.port, "GET", "/features/file")
    part = http(server.port, "GET", "/features/file", [("Range", "bytes=2-5")])
    assert (part.status, part.body) == (206, whole.body[2:6])
    assert part.get("content-range") == f"bytes 2-5/{len(whole.body)}"
    etag = whole.get("etag")
    assert etag
    unchanged = http(server.port, "GET", "/features/file", [("If-None-Match", etag)])
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert http(server.port, "GET", "/features/file", [("Range", "bytes=1000000-")]).status == 416


@pytest.mark.parametrize("what", ["directory", "nothing"])
def test_a_file_that_can_not_be_sent(server: Server, what: str) -> None:
    with Peer(server.port) as peer:
        response = peer.ask("GET", f"/features/no-file/{what}")
        assert response.status == 404
        assert response.get("content-type") == "text/plain; charset=utf-8"
        assert peer.ask("GET", "/readyz").body == b"ok"


@promise("files-need-no-pool-thread")
def test_files_while_sync_handlers_hold_every_thread(start_server: Start) -> None:
    server = start_server()
    with contextlib.ExitStack() as held:
        threads = http(server.port, "GET", "/features/blocked").json()["threads"]
        # One more than there are threads, so that one request waits for a thread.
        holding = [held.enter_context(Peer(server.port)) for _ in range(threads + 1)]
        for peer in holding:
            peer.send(request("GET", "/features/block"))
        while http(server.port, "GET", "/features/blocked").json()["blocked"] < threads:
            pass
        assert http(server.port, "GET", "/static/big.bin").body == BIG
        assert http(server.port, "GET", "/static/index.html", [("Range", "bytes=0-3")]).status == 206
        assert http(server.port, "GET", "/features/file").status == 200
        assert http(server.port, "GET", "/features/unblock").status == 204
        assert [peer.read_response().body for peer in holding] == [b"let go"] * len(holding)
