"""What a path below a folder of files must not reach: files outside it, dot files, and what is no file. A path may be
written in many ways, and links may change while it is followed.
"""

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from front_ends import Server
from promises import promise
from raw import Peer, http

SECRET = b"what nobody who asks for /static may read\n"
RACES = int(os.environ.get("PROAPI_FILE_RACES", "1000"))  # requests while links change


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


def swap(place: Path, inside: Path, outside: Path, until: threading.Event) -> None:
    """Replaces ``place`` by turns with a link to what may be served and to what may not, as fast as it can."""
    following = place.with_name(f"{place.name}-next")
    while not until.is_set():
        for target in (inside, outside):
            following.symlink_to(target)
            following.replace(place)


@promise("static-files")
def test_a_link_that_changes_during_the_request(server: Server, root: Path) -> None:
    """There is no moment between a check and the opening: each request gets the file inside, or nothing."""
    whole = http(server.port, "GET", "/static/index.html").body
    file, folder = root / "ways" / "swapped.html", root / "ways" / "swapped"
    inside, outside = root / "ways" / "index", root.parent / f"{root.name}-beside"
    (root / "ways" / "page.html").write_bytes(whole)
    (inside / "index.html").unlink()
    (inside / "index.html").write_bytes(whole)
    done = threading.Event()
    swaps = [
        threading.Thread(target=swap, args=(file, Path("page.html"), root.parent / "secret.txt", done)),
        threading.Thread(target=swap, args=(folder, Path("index"), outside, done)),
    ]
    for thread in swaps:
        thread.start()
    try:
        seen = set()
        with Peer(server.port) as peer:
            for number in range(RACES):
                response = peer.ask(
                    "GET", "/static/ways/" + ("swapped.html", "swapped/", "swapped/index.html")[number % 3]
                )
                assert (response.status, response.body) == (200, whole) or response.status == 404
                seen.add(response.status)
    finally:
        done.set()
        for thread in swaps:
            thread.join()
    assert seen == {200, 404}, "the links did not change, so nothing was tested"


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
        "\\\\evil.test\\share\\secret.txt",
        "%5c%5cevil.test%5cshare%5csecret.txt",
        "//evil.test/share/secret.txt",
        "C:%5cWindows%5cwin.ini",
        "%5c%5c.%5cCOM1",
        "index.html::$DATA",
        "index.html.",
        "index.html%20",
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
