"""Where ``serve()`` and ``serving()`` listen: their arguments, and what is refused before anything is opened."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from promises import promise

from proapi import ProAPI
from proapi._serving.options import OptionError, read_listen


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROAPI_HOST", "PROAPI_PORT", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)


@promise("several-addresses")
def test_what_is_named_is_what_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROAPI_HOST", "192.0.2.1")
    monkeypatch.setenv("PROAPI_PORT", "9")
    assert (read_listen(None, None).hosts, read_listen(None, None).port) == (("192.0.2.1",), 9)
    assert read_listen(["127.0.0.1", "::1"], None).hosts == ("127.0.0.1", "::1")
    only = read_listen(None, None, uds=Path("/run/app.sock"), fd=3)
    assert (only.hosts, only.uds, only.fds, only.uds_mode) == ((), "/run/app.sock", (3,), 0o666)
    both = read_listen(None, 80, uds="/run/app.sock")
    assert (both.hosts, both.port, both.uds) == (("192.0.2.1",), 80, "/run/app.sock")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"host": 1}, "host: expected a name or an address, got 1"),
        ({"host": []}, "host: expected at least one name or address, got none"),
        ({"host": ["127.0.0.1", None]}, "host: expected a name or an address, got None"),
        ({"host": "a\0b"}, r"host: expected a name or an address, got 'a\\x00b'"),
        ({"port": 65536}, "port: expected a number from 0 to 65535, got 65536"),
        ({"uds": ""}, "uds: expected the path of a socket, got ''"),
        ({"uds": b"/run/app.sock"}, "uds: expected the path of a socket, got b'/run/app.sock'"),
        ({"uds": "/run/app.sock", "uds_mode": 0o1000}, "uds_mode: expected permissions from 0 to 0o777, got 512"),
        ({"uds": "/run/app.sock", "uds_mode": "660"}, "uds_mode: expected permissions from 0 to 0o777, got '660'"),
        ({"fd": -1}, "fd: expected a descriptor, got -1"),
        ({"fd": True}, "fd: expected a descriptor, got True"),
    ],
)
def test_arguments_that_are_not_valid(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionError, match=f"^{text}$"):
        read_listen(arguments.pop("host", None), arguments.pop("port", None), **arguments)


@promise("socket-activation")
def test_systemds_sockets_are_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_FDNAMES", "http:more")
    assert read_listen(None, 0).fds == ()
    assert read_listen(None, None, uds="/run/app.sock").fds == ()
    taken = read_listen(None, None)
    assert (taken.fds, taken.hosts) == ((3, 4), ())
    assert not {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} & os.environ.keys()
    assert read_listen(None, None).fds == ()


@promise("socket-activation")
@pytest.mark.parametrize(("process", "count"), [("1", "1"), ("", "1"), ("own", "x"), ("own", "-1"), ("own", "0")])
def test_sockets_of_another_process_are_not_taken(monkeypatch: pytest.MonkeyPatch, process: str, count: str) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()) if process == "own" else process)
    monkeypatch.setenv("LISTEN_FDS", count)
    assert read_listen(None, None).fds == ()


@promise("unix-socket")
async def test_serving_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    async with ProAPI().serving(uds=path, uds_mode=0o600) as server:
        assert (server.url, server.port) == (f"unix:{path}", 0)
        assert server.addresses == [(f"unix:{path}", 0)]
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(OSError, match="another process listens there"):
            await ProAPI().serve(uds=path)
    assert not path.exists()


@promise("inherited-socket")
async def test_serving_on_a_descriptor_again_and_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for _ in range(2):
            async with ProAPI().serving(fd=listening.fileno()) as server:
                assert server.addresses == [listening.getsockname()]
        assert os.get_blocking(listening.fileno()) is False
        with pytest.raises(OSError, match=r"fd: expected a TCP or Unix socket that listens, got descriptor"):
            await ProAPI().serve(fd=0)


@promise("several-addresses")
async def test_serving_on_several_addresses(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    async with ProAPI().serving(["127.0.0.1", "127.0.0.2"], 0, uds=path) as server:
        assert [host for host, _ in server.addresses] == ["127.0.0.1", "127.0.0.2", f"unix:{path}"]
        assert server.url == f"http://127.0.0.1:{server.port}"


@promise("reuse-port")
async def test_serving_on_one_port_twice() -> None:
    async with ProAPI().serving(port=0, reuse_port=True) as first:
        async with ProAPI().serving(port=first.port, reuse_port=True) as second:
            assert second.addresses == first.addresses
        with pytest.raises(OSError, match="choose another port"):
            await ProAPI().serve(port=first.port)
