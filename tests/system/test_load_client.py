"""The load client of `make bench` with compression: it must send what is valid, and must not believe a server."""

import itertools
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from system_servers import BUILD, END_S
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.sync.server import ServerConnection, serve

SIZES = [1024, 16 * 1024]
Handler = Callable[[ServerConnection], None]


@contextmanager
def serving(handler: Handler, **options: Any) -> Iterator[int]:
    with serve(handler, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.socket.getsockname()[1])
        finally:
            server.shutdown()
            thread.join()


def load(port: int, reply_bytes: int) -> subprocess.CompletedProcess[str]:
    command = [BUILD / "bench/load_client", "--deflate", "echo", port, 2, 3, reply_bytes, 0, 0.2]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=END_S)


def echo(websocket: ServerConnection) -> None:
    for message in websocket:
        websocket.send(f"Echo: {message!s}")


def test_small_texts_are_refused() -> None:
    refused = load(1, 20)
    assert refused.returncode == 1
    assert "expected texts of 262 to 1,048,570 octets" in refused.stderr


@pytest.mark.parametrize("reply_bytes", SIZES)
def test_messages_are_compressed_json(reply_bytes: int) -> None:
    seen: set[str] = set()

    def check_and_echo(websocket: ServerConnection) -> None:
        for message in websocket:
            assert isinstance(message, str)
            assert json.loads(message)["trades"]
            seen.add(message)
            websocket.send(f"Echo: {message}")

    with serving(check_and_echo) as port:
        done = load(port, reply_bytes)
    assert done.returncode == 0, done.stderr
    assert {len(message) for message in seen} == {reply_bytes - len("Echo: ")}
    assert len(seen) > 1, "messages differ"

    begin, end, deflate = done.stdout.splitlines()
    assert begin == "begin"
    assert int(end.split()[1]) > 0
    word, payload_bytes, zlib_bytes, *extensions = deflate.split()
    assert word == "deflate"
    assert 0.9 < int(payload_bytes) / int(zlib_bytes) < 1.1, "this server compresses with level 6, too"
    assert " ".join(extensions).startswith("permessage-deflate; server_no_context_takeover; client_no_context_takeover")


def test_a_server_that_compresses_in_two_ways() -> None:
    """Replies that differ in their octets from earlier ones are decompressed again."""
    levels = itertools.cycle((1, 9))

    def set_level(websocket: ServerConnection, _request: Any, _response: Any) -> None:
        (extension,) = websocket.protocol.extensions
        assert isinstance(extension, PerMessageDeflate)
        extension.compress_settings = {"level": next(levels)}

    with serving(echo, process_response=set_level) as port:
        done = load(port, 1024)
    assert done.returncode == 0, done.stderr


def reply_something_else(websocket: ServerConnection) -> None:
    for message in websocket:
        websocket.send(f"Echo: {str(message)[:-1]}!")


def reply_less(websocket: ServerConnection) -> None:
    for message in websocket:
        websocket.send(str(message))


def reply_to_the_third_with_the_second(websocket: ServerConnection) -> None:
    texts = [f"Echo: {websocket.recv()!s}" for _ in range(3)]
    for text in (texts[0], texts[1], texts[1]):
        websocket.send(text)
    websocket.recv()


def reply_twice(websocket: ServerConnection) -> None:
    for message in websocket:
        websocket.send(f"Echo: {message!s}")
        websocket.send(f"Echo: {message!s}")


def reply_in_parts(websocket: ServerConnection) -> None:
    for message in websocket:
        websocket.send(["Echo: ", str(message)])


@pytest.mark.parametrize(
    ("handler", "options", "why"),
    [
        (echo, {"compression": None}, "expected permessage-deflate with server_no_context_takeover"),
        (reply_something_else, {}, "a reply does not decompress to the echo of its message"),
        (reply_less, {}, "a reply does not decompress to the echo of its message"),
        (reply_to_the_third_with_the_second, {}, "a reply does not decompress to the echo of its message"),
        (reply_twice, {}, "a reply does not decompress to the echo of its message"),
        (reply_in_parts, {}, "expected a compressed text in one frame"),
    ],
)
def test_a_server_that_errs_is_found_out(handler: Handler, options: dict[str, Any], why: str) -> None:
    with serving(handler, **options) as port:
        failed = load(port, 1024)
    assert failed.returncode == 1
    assert why in failed.stderr
