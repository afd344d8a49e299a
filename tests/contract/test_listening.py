"""Where a server listens: Unix sockets, descriptors that it inherits, several addresses at once, a port that several
servers share. Every front end of the engine, with one worker and with two."""

import os
import re
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from front_ends import FRONT_ENDS, HERE, PLACE, Program
from promises import promise
from raw import CLOSE, Peer, WebSocket, http, request

pytestmark = pytest.mark.plain("starts programs of its own")

Start = Callable[..., Program]
WORKERS = ["1", "2"]
START_S = 20.0


def command(front_end: str, *options: str) -> list[str]:
    """The command of the contract application, without the address that it listens on otherwise."""
    whole = FRONT_ENDS[front_end].command()
    at = whole.index("--port")
    return [*whole[:at], *whole[at + 2 :], *options]


@pytest.fixture
def start(front_end: str) -> Iterator[Start]:
    """``start("--uds", path)`` starts the front end with these options, and returns when it serves."""
    programs: list[Program] = []

    def begin(*options: str, env: dict[str, str] | None = None) -> Program:
        programs.append(Program(command(front_end, *options), env))
        programs[-1].wait_for_line("ProAPI serves", START_S)
        return programs[-1]

    yield begin
    for program in programs:
        if program.process.poll() is None:
            program.signal(signal.SIGTERM)
            assert program.wait() == 0, program.log
    for program in programs:
        program.kill()


def refusal(front_end: str, *options: str) -> str:
    """The one line with which the front end ends at once, with status 1."""
    program = Program(command(front_end, *options))
    assert program.wait(START_S) == 1, program.log
    [line] = program.lines
    assert line.startswith("proapi: ")
    return line.removeprefix("proapi: ")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "app.sock")


def stop(program: Program) -> None:
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.log


# ---- Unix sockets ---------------------------------------------------------------------------------------------------


@promise("unix-socket")
@pytest.mark.parametrize("workers", WORKERS)
def test_a_unix_socket(front_end: str, start: Start, path: str, workers: str) -> None:
    program = start("--uds", path, "--workers", workers)
    program.wait_for_line(re.escape(f"ProAPI serves unix:{path} (Ctrl-C stops)"))
    assert http(path, "GET", "/livez").body == b"ok"
    with WebSocket(path, "/echo") as websocket:
        assert websocket.ask("over a Unix socket") == "over a Unix socket"
        websocket.finish()
    stop(program)
    assert not os.path.lexists(path), "the file ends with the server"


@promise("unix-socket-mode")
@pytest.mark.parametrize("workers", WORKERS)
def test_its_mode(start: Start, path: str, workers: str) -> None:
    start("--uds", path, "--workers", workers)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    start("--uds", f"{path}.group", "--uds-mode", "660", "--workers", workers)
    assert stat.S_IMODE(os.stat(f"{path}.group").st_mode) == 0o660


@promise("stale-unix-socket")
@pytest.mark.parametrize("workers", WORKERS)
def test_the_file_of_a_server_that_was_killed(front_end: str, start: Start, path: str, workers: str) -> None:
    with Program(command(front_end, "--uds", path)) as killed:
        killed.wait_for_line("ProAPI serves", START_S)
        killed.process.kill()
        killed.wait()
    assert os.path.lexists(path)
    start("--uds", path, "--workers", workers)
    assert http(path, "GET", "/livez").status == 200


@promise("live-unix-socket")
@pytest.mark.parametrize("workers", WORKERS)
def test_a_server_that_lives_keeps_its_socket(front_end: str, start: Start, path: str, workers: str) -> None:
    start("--uds", path)
    assert refusal(front_end, "--uds", path, "--workers", workers) == (
        f"can't listen on unix:{path}: another process listens there; stop it or choose another path"
    )
    assert http(path, "GET", "/livez").status == 200


@promise("live-unix-socket")
def test_a_file_that_is_no_socket_is_kept(front_end: str, path: str) -> None:
    Path(path).write_text("kept")
    assert "a file that is not a socket is there" in refusal(front_end, "--uds", path)
    assert Path(path).read_text() == "kept"


@promise("live-unix-socket")
def test_a_socket_that_took_its_place_is_kept(start: Start, path: str) -> None:
    first = start("--uds", path)
    os.unlink(path)
    start("--uds", path)
    stop(first)
    assert http(path, "GET", "/livez").status == 200


@promise("start-errors-are-one-line")
def test_a_path_that_can_not_be(front_end: str, tmp_path: Path) -> None:
    too_long = "/tmp/" + "x" * 103
    assert refusal(front_end, "--uds", too_long) == (
        f"uds: expected the path of a socket, at most 107 octets, got 108 octets: {too_long}"
    )
    missing = f"{tmp_path}/missing/app.sock"
    assert refusal(front_end, "--uds", missing) == (
        f"can't listen on unix:{missing}: No such file or directory; check that its folder exists and can be written to"
    )
    assert refusal(front_end, "--uds", f"{tmp_path}/app.sock", "--uds-mode", "1000").startswith("uds_mode: ")


@promise("abstract-unix-socket")
def test_an_abstract_name(start: Start) -> None:
    name = f"@proapi-contract-{os.getpid()}"
    start("--uds", name).wait_for_line(f"unix:{name}")
    assert http(name, "GET", "/livez").status == 200


@promise("unix-client")
def test_what_a_client_over_a_unix_socket_is_called(start: Start, path: str) -> None:
    """In the application, in the log and in the access log."""
    program = start("--uds", path, "--access-log", "json")
    told = http(path, "GET", "/features/request").json()
    assert told["client"] == ["unix", 0]
    assert told["url"] == "http://localhost/features/request"
    program.wait_for_line('"client": "unix"')
    with WebSocket(path, "/echo") as websocket:
        websocket.send(b"\x83\x80\0\0\0\0")  # a reserved opcode
        assert websocket.read_frame().opcode == CLOSE
    program.wait_for_line("unix closed with 1002: ")


@promise("unix-client")
def test_over_a_unix_socket_any_host_is_served(start: Start, path: str) -> None:
    """No page can make a browser connect to one. A port of loopback beside it has its rule all the same."""
    program = start("--uds", path, "--port", "0")
    port = int(program.wait_for_line(r"http://127\.0\.0\.1:(\d+) and unix:")[1])
    for host in ("chat.example.org", "localhost"):
        with Peer(path) as peer:
            peer.send(request("GET", "/livez", host=host))
            assert peer.read_response().status == 200
    with Peer(port) as peer:
        peer.send(request("GET", "/livez", host="chat.example.org"))
        assert peer.read_response().status == 421


@promise("unix-socket-limits")
def test_a_slow_reader_over_a_unix_socket_is_alive(start: Start, path: str) -> None:
    """The kernel says how much of what was sent is unread, and counts pieces of up to 32 KiB until they are read."""
    start("--uds", path, "--limit", "ping_interval=0.5", "--limit", "ping_timeout=1")
    with WebSocket(path, "/echo") as websocket:
        websocket.send_message(bytes(180_000))
        for _ in range(10):  # longer than a ping and its timeout
            websocket.buffer += websocket.socket.recv(16_000)
            time.sleep(0.2)
        assert len(websocket.receive()) == 180_000
        assert websocket.ask("still here") == "still here"


@promise("unix-socket-limits")
def test_a_silent_peer_of_a_unix_socket_is_lost(start: Start, path: str) -> None:
    """Although its socket holds octets that it has not read."""
    program = start("--uds", path, "--limit", "ping_interval=0.3", "--limit", "ping_timeout=0.3")
    with WebSocket(path, "/echo") as websocket:
        websocket.send_message(bytes(50_000))
        program.wait_for_line("ping timeout")


@promise("unix-socket-limits")
def test_a_peer_that_takes_nothing_of_the_last_answer_is_dropped(start: Start, path: str) -> None:
    program = start("--uds", path, "--limit", "write_timeout=0.5", "--limit", "close_timeout=0.2")
    with Peer(path) as peer:
        peer.send(request("GET", "/static/index.html", [("Connection", "close")]))
        assert select.select([peer.socket], [], [], START_S)[0], "the answer has come; nobody reads it"
        with Peer(path) as other:
            while other.ask("GET", "/stats").json()["conns"]["tcp"] > 1:
                pass
    assert program.process.poll() is None


# ---- descriptors ----------------------------------------------------------------------------------------------------


def launched(front_end: str, sockets: list[socket.socket], *options: str) -> Program:
    """Starts the front end with these sockets, as systemd does. Returns when it serves."""
    numbers = [each.fileno() for each in sockets]
    launcher = [sys.executable, str(HERE / "launch.py"), ",".join(map(str, numbers))]
    program = Program([*launcher, *command(front_end, *options)], pass_fds=numbers)
    program.wait_for_line("ProAPI serves", START_S)
    return program


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that the launcher listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@promise("inherited-socket")
@pytest.mark.parametrize("workers", WORKERS)
def test_a_descriptor(front_end: str, listening: socket.socket, workers: str) -> None:
    number, port = listening.fileno(), listening.getsockname()[1]
    options = command(front_end, "--fd", str(number), "--workers", workers)
    with Program(options, pass_fds=[number]) as program:
        program.wait_for_line(f"ProAPI serves http://127.0.0.1:{port} ", START_S)
        assert http(port, "GET", "/livez").status == 200
        stop(program)
    # The launcher's socket still listens.
    with socket.create_connection(("127.0.0.1", port)), listening.accept()[0]:
        pass


@promise("inherited-socket")
def test_a_descriptor_that_can_not_be(front_end: str) -> None:
    expected = "fd: expected a TCP or Unix socket that listens, got descriptor "
    assert refusal(front_end, "--fd", "1") == f"{expected}1, which is not a socket"
    assert refusal(front_end, "--fd", "99") == f"{expected}99, which is not open"


@promise("socket-activation")
@pytest.mark.parametrize("workers", WORKERS)
def test_activation(front_end: str, listening: socket.socket, path: str, workers: str) -> None:
    """Without a word in the program: on all the sockets that systemd has passed."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        program = launched(front_end, [listening, other], "--workers", workers)
    port = listening.getsockname()[1]
    with program:
        program.wait_for_line(f"ProAPI serves http://127.0.0.1:{port} and unix:{path} ")
        assert http(port, "GET", "/livez").status == 200
        assert http(path, "GET", "/livez").status == 200
        stop(program)
    assert os.path.lexists(path), "the file is systemd's"


@promise("socket-activation")
def test_activation_is_for_servers_that_name_no_address(front_end: str, listening: socket.socket) -> None:
    with launched(front_end, [listening], "--port", "0") as program:
        port = int(program.wait_for_line(r"ProAPI serves http://127\.0\.0\.1:(\d+) \(")[1])
        assert port != listening.getsockname()[1]
        stop(program)


@promise("socket-activation")
def test_activation_of_another_process_is_ignored(start: Start) -> None:
    program = start(env={"LISTEN_PID": "1", "LISTEN_FDS": "1", "PROAPI_PORT": "0"})
    assert http(int(program.wait_for_line(PLACE)[1]), "GET", "/livez").status == 200


@promise("hot-restart")
@pytest.mark.parametrize("workers", WORKERS)
def test_a_restart_refuses_nobody(front_end: str, listening: socket.socket, workers: str) -> None:
    """The launcher keeps the socket. A client that connects while no server runs waits for the next one."""
    port = listening.getsockname()[1]
    with launched(front_end, [listening], "--workers", workers) as first:
        with WebSocket(port, "/echo") as websocket:
            assert websocket.ask("first") == "first"
            first.signal(signal.SIGTERM)
            websocket.expect_close(1001)
        with Peer(port) as between:  # stopping, or stopped
            between.send(request("GET", "/livez"))
            assert first.wait() == 0, first.log
            with launched(front_end, [listening], "--workers", workers) as second:
                # Either the first one answered while it stopped, or the second one has.
                assert between.read_response().status in (200, 503)
                with Peer(port) as after:
                    assert after.ask("GET", "/livez").status == 200
                stop(second)


@promise("hot-restart")
def test_two_generations_at_once(front_end: str, listening: socket.socket) -> None:
    """The next server starts before the first one stops: each request is answered by one of them."""
    port = listening.getsockname()[1]
    with launched(front_end, [listening]) as first, launched(front_end, [listening]) as second:
        first.signal(signal.SIGTERM)
        while first.process.poll() is None:
            assert http(port, "GET", "/livez").status in (200, 503)
        assert first.wait() == 0, first.log
        for _ in range(20):
            assert http(port, "GET", "/livez").status == 200
        stop(second)


# ---- several addresses ----------------------------------------------------------------------------------------------


@promise("several-addresses")
@pytest.mark.parametrize("workers", WORKERS)
def test_several_addresses(start: Start, path: str, workers: str) -> None:
    hosts = ["--host", "127.0.0.1", "--host", "127.0.0.2"]
    program = start(*hosts, "--port", "0", "--uds", path, "--workers", workers)
    line = program.wait_for_line(
        r"ProAPI serves http://127\.0\.0\.1:(\d+) and http://127\.0\.0\.2:(\d+) and unix:(\S+) "
    )
    assert line[1] == line[2]
    for host in ("127.0.0.1", "127.0.0.2"):
        with Peer(int(line[1]), host=host) as peer:
            assert peer.ask("GET", "/livez").status == 200
    assert http(line[3], "GET", "/livez").status == 200


@promise("dual-stack")
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("workers", WORKERS)
def test_both_families(start: Start, workers: str) -> None:
    program = start("--host", "::", "--port", "0", "--workers", workers)
    port = int(program.wait_for_line(r"ProAPI serves http://\[::\]:(\d+) ")[1])
    for host in ("127.0.0.1", "::1"):
        with Peer(port, host=host) as peer:
            assert peer.ask("GET", "/features/request").json()["client"][0] == host


@promise("reuse-port")
@pytest.mark.parametrize("workers", WORKERS)
def test_a_port_that_processes_share(front_end: str, start: Start, workers: str) -> None:
    first = start("--port", "0", "--reuse-port", "--workers", workers)
    port = first.wait_for_line(PLACE)[1]
    start("--port", port, "--reuse-port", "--workers", workers)
    assert "choose another port" in refusal(front_end, "--port", port)
    stop(first)
    assert http(int(port), "GET", "/livez").status == 200, "the other one serves"


# ---- workers --------------------------------------------------------------------------------------------------------


@promise("shared-listening-socket")
def test_workers_share_a_unix_socket(start: Start, path: str) -> None:
    """Also connections that stay, and that come one by one while all workers are idle."""
    start("--uds", path, "--workers", "2")
    peers: list[Peer] = []
    try:
        while True:
            peers.append(Peer(path))
            accepted = peers[-1].ask("GET", "/stats").json()["accepted"]  # by this worker
            if accepted < len(peers):
                break
            assert len(peers) < 500, "one worker has accepted all of them"
    finally:
        for peer in peers:
            peer.disconnect()
