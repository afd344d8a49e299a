"""run(): where it serves, what it refuses, and how it stops."""

import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from front_ends import FRONT_ENDS, PLACE, Program, Server
from promises import promise
from raw import ClosedError, Peer, WebSocket, http, request

pytestmark = pytest.mark.plain("starts programs of its own")

Start = Callable[..., Server]
Run = Callable[..., Program]
AT_ONCE_S = 3.0  # includes the interpreter's own shutdown on a busy machine


@pytest.fixture
def run(front_end: str) -> Iterator[Run]:
    """Starts the contract application with only these options."""
    programs: list[Program] = []

    def start(*options: str, env: dict[str, str] | None = None) -> Program:
        command = FRONT_ENDS[front_end].command()
        place = command.index("--port")
        programs.append(Program([*command[:place], *command[place + 2 :], *options], env))
        return programs[-1]

    yield start
    for program in programs:
        program.kill()


def port_of(program: Program) -> int:
    return int(program.wait_for_line(PLACE)[1])


# ---- where ----------------------------------------------------------------------------------------------------------


@promise("run-prints-its-address")
def test_it_prints_where_it_serves(run: Run) -> None:
    program = run("--port", "0")
    port = port_of(program)
    assert f"http://127.0.0.1:{port}" in program.lines[0]
    assert http(port, "GET", "/livez").status == 200


@promise("host-and-port-from-environment")
def test_the_environment_says_where(run: Run) -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        port = taken.getsockname()[1]
    program = run(env={"PROAPI_HOST": "::1", "PROAPI_PORT": str(port)})
    line = program.wait_for_line("http://").string
    assert f"http://[::1]:{port}" in line
    with Peer(port, host="::1") as peer:
        assert peer.ask("GET", "/livez").status == 200


@promise("run-prints-its-address")
def test_localhost(run: Run) -> None:
    program = run("--host", "localhost", "--port", "0")
    with WebSocket(port_of(program), "/echo") as websocket:
        assert websocket.ask("x") == "x"


def refused(program: Program, *words: str) -> None:
    """Expects exit status 1 and one line with the error."""
    assert program.wait() == 1, program.log
    assert len(program.lines) == 1, program.log
    for word in words:
        assert word in program.lines[0]


@promise("start-errors-are-one-line")
def test_a_busy_port(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(run("--port", str(port)), str(port), "in use")


def test_a_host_that_does_not_resolve(run: Run) -> None:
    refused(run("--host", "no.such.host.invalid", "--port", "0"), "no.such.host.invalid")


@promise("exception-texts", "start-errors-are-one-line", "settings-are-checked")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "70000"], ["port", "70000"]),
        (["--port", "-1"], ["port", "-1"]),
        (["--port", "0", "--workers", "0"], ["workers", "0"]),
        (["--port", "0", "--limit", "max_message_size=much"], ["max_message_size", "much"]),
        (["--port", "0", "--limit", "max_message_size=0"], ["max_message_size", "0"]),
        (["--port", "0", "--limit", "max_nothing=1"], ["max_nothing"]),
        (["--port", "0", "--limit", "head_timeout=-1"], ["head_timeout", "-1"]),
        (["--port", "0", "--limit", "allowed_origins=https://a.example/page"], ["allowed_origins", "a.example/page"]),
        (["--port", "0", "--limit", "low_water=100000"], ["low_water", "high_water"]),
        (["--port", "0", "--limit", "max_buffered=1000"], ["high_water", "max_buffered"]),
    ],
)
def test_bad_options(run: Run, options: list[str], words: list[str]) -> None:
    refused(run(*options), *words)


@promise("host-and-port-from-environment")
def test_a_bad_port_in_the_environment(run: Run) -> None:
    refused(run(env={"PROAPI_PORT": "many"}), "PROAPI_PORT", "many")


@promise("modes-are-alike")
def test_the_loop_is_the_one_that_was_asked_for(server: Server) -> None:
    libraries = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert ("/uvloop/" in libraries) == (server.front_end.name == "python-uvloop")


# ---- stopping -------------------------------------------------------------------------------------------------------


@promise("graceful-stop")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop(start_server: Start, tmp_path: Path, number: int) -> None:
    """WebSockets close with 1001, requests in progress are answered, idle connections end, every finally has run."""
    log = tmp_path / "finally"
    server = start_server(env={"CAPP_FINALLY_LOG": str(log)})
    websockets = [WebSocket(server.port, f"/echo?id=w{n}") for n in range(5)]
    for websocket in websockets:
        assert websocket.ask("x") == "x"
    with Peer(server.port) as idle, Peer(server.port) as busy, Peer(server.port) as new:
        assert idle.ask("GET", "/livez").status == 200
        busy.send(request("POST", "/body?ms=400", body=b"in work"))
        assert new.ask("GET", "/livez").status == 200  # busy's request has been read
        server.signal(number)
        for websocket in websockets:
            websocket.expect_close(1001)
        idle.expect_end()
        response = busy.read_response()
        assert (response.body, response.closes) == (b"in work", True)
        busy.expect_end()
    assert server.wait() == 0, server.log
    server.check_log()
    assert sorted(log.read_text().splitlines()) == [f"/echo w{n} 1" for n in range(5)]


@promise("graceful-stop")
def test_it_stops_while_everything_is_going_on(start_server: Start) -> None:
    server = start_server(limits={"shutdown_timeout": 3, "close_timeout": 1})
    sender = WebSocket(server.port, "/push?n=1000000&size=1000", receive_buffer=4096)
    room = [WebSocket(server.port, f"/room/stop?id={n}") for n in range(10)]
    for websocket in room:
        websocket.send_message("x" * 1000)
    with Peer(server.port, receive_buffer=4096) as download, Peer(server.port) as half:
        download.send(request("GET", "/static/big.bin"))
        assert download.read_head().status == 200
        half.send(b"GET /livez HTTP/1.1\r\nHo")
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.log
        assert time.monotonic() - begin < 6
    server.check_log()
    for websocket in [sender, *room]:
        websocket.disconnect()


@promise("stop-answers-503")
def test_requests_that_have_begun_are_told_of_the_stop(start_server: Start) -> None:
    server = start_server()
    with Peer(server.port) as head, Peer(server.port) as body, WebSocket(server.port, "/echo") as websocket:
        assert head.ask("GET", "/livez").status == 200
        head.send(b"GET /livez HTTP/1.1\r\nHo")
        body.send(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
        assert http(server.port, "GET", "/livez").status == 200
        assert websocket.ask("x") == "x"  # the server has read both requests
        server.signal(signal.SIGTERM)
        for peer in (head, body):
            response = peer.read_response()
            assert (response.status, response.closes) == (503, True)
            peer.expect_end()
        websocket.expect_close(1001)
    assert server.wait() == 0, server.log


@promise("graceful-stop")
def test_nobody_new_is_let_in(start_server: Start) -> None:
    server = start_server()
    with WebSocket(server.port, "/slow?ms=700") as websocket:
        server.signal(signal.SIGTERM)
        websocket.expect_close(1001)  # so the server has begun to stop
        with pytest.raises(ConnectionRefusedError):
            Peer(server.port)
    assert server.wait() == 0


def test_handlers_that_do_not_end_are_cancelled(start_server: Start, tmp_path: Path) -> None:
    log = tmp_path / "finally"
    server = start_server(limits={"shutdown_timeout": 0.5}, env={"CAPP_FINALLY_LOG": str(log)})
    with WebSocket(server.port, "/slow?ms=60000&id=stuck") as websocket:
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        with pytest.raises(ClosedError, match="1001"):
            websocket.receive()  # not answered: the connection stays open
        assert server.wait() == 0, server.log
        assert time.monotonic() - begin < 3
    assert log.read_text() == "/slow stuck 0\n"
    assert re.search(r"1 handlers did not end within shutdown_timeout.*: they are cancelled: .*slow \(1\)", server.log)


@promise("stop-waits-for-nobody-idle")
def test_nobody_waits_for_connections_that_nobody_uses(start_server: Start) -> None:
    """One connection is kept alive, one has never sent anything, and one has read its last answer."""
    server = start_server(limits={"shutdown_timeout": 30, "close_timeout": 30, "head_timeout": 30})
    with Peer(server.port) as kept, Peer(server.port) as silent, Peer(server.port) as last:
        assert last.ask("GET", "/livez", [("Connection", "close")]).status == 200
        assert kept.ask("GET", "/livez").status == 200
        server.signal(signal.SIGTERM)
        assert server.wait(AT_ONCE_S) == 0, server.log
        for peer in (kept, silent, last):
            peer.expect_end()
    server.check_log()


@promise("stop-waits-for-nobody-idle")
def test_streams_without_an_end_end_with_the_stop(start_server: Start) -> None:
    """The streams are cut off without the final chunk, so that they do not look complete."""
    server = start_server(limits={"shutdown_timeout": 30, "close_timeout": 30})
    with Peer(server.port) as endless, Peer(server.port) as quiet:
        endless.send(request("GET", "/features/stream?count=1000000000&size=1000"))
        quiet.send(request("GET", "/features/stream?count=1&size=10&quiet"))
        for peer in (endless, quiet):
            peer.read_until(b"0 ........")
        server.signal(signal.SIGTERM)
        assert server.wait(AT_ONCE_S) == 0, server.log
        while quiet.fill():
            pass
        assert not quiet.buffer.endswith(b"0\r\n\r\n")
    server.check_log()


@promise("stop-waits-for-nobody-idle")
def test_a_stream_that_begins_while_it_stops_has_half_a_second(start_server: Start) -> None:
    """A stream that ends within that time is complete."""
    server = start_server(limits={"shutdown_timeout": 30, "close_timeout": 30})
    with Peer(server.port) as endless, Peer(server.port) as finite:
        endless.send(request("GET", "/features/stream?count=1&size=10&quiet&after_ms=300"))
        finite.send(request("GET", "/features/stream?count=3&size=10&after_ms=300"))
        assert http(server.port, "GET", "/livez").status == 200  # both requests have been read
        server.signal(signal.SIGTERM)
        assert server.wait(AT_ONCE_S) == 0, server.log
        endless.read_until(b"0 ........")
        while endless.fill():
            pass
        assert not endless.buffer.endswith(b"0\r\n\r\n")
        response = finite.read_response()
        assert (response.status, len(response.body), response.closes) == (200, 30, True)
    server.check_log()


@promise("stop-waits-for-nobody-idle")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stream_that_its_client_does_not_read_ends_with_the_stop(start_server: Start, version: str) -> None:
    server = start_server(limits={"shutdown_timeout": 30, "close_timeout": 30})
    with Peer(server.port, receive_buffer=4096) as peer:
        path = "/features/stream?count=1000000000&size=1000"
        peer.send(f"GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
        peer.read_until(b"0 ........")
        while http(server.port, "GET", "/stats").json()["send_queued"] == 0:  # the kernel takes no more
            time.sleep(0.01)
        server.signal(signal.SIGTERM)
        assert server.wait(AT_ONCE_S) == 0, server.log
    server.check_log()


@promise("stop-waits-for-nobody-idle")
@pytest.mark.parametrize("kind", ["websocket", "request"])
def test_handlers_whose_client_is_gone_end_with_the_stop(start_server: Start, kind: str) -> None:
    """The handlers wait for something else and have not noticed. The stop does not wait for them, because no client is
    left."""
    server = start_server(limits={"shutdown_timeout": 30})
    if kind == "websocket":
        with WebSocket(server.port, "/slow?ms=60000") as websocket:
            server.signal(signal.SIGTERM)
            websocket.expect_close(1001)
    else:
        with Peer(server.port) as peer:
            peer.send(request("POST", "/body?ms=60000", body=b"in work"))
            assert http(server.port, "GET", "/livez").status == 200  # the other request has been read
        server.signal(signal.SIGTERM)
    assert server.wait(AT_ONCE_S) == 0, server.log
    server.check_log()
    assert "did not end" not in server.log


@promise("stop-waits-for-nobody-idle")
def test_a_handler_that_knows_of_the_end_has_time_to_finish(start_server: Start, tmp_path: Path) -> None:
    log = tmp_path / "finally"
    server = start_server(limits={"shutdown_timeout": 30}, env={"CAPP_FINALLY_LOG": str(log)})
    with WebSocket(server.port, "/afterwards?ms=1000&id=saved") as websocket:
        assert websocket.receive() == "ready"
        server.signal(signal.SIGTERM)
        websocket.expect_close(1001)
        assert server.wait() == 0, server.log
    assert log.read_text() == "/afterwards saved 2\n"


@promise("cancelled-request-503")
def test_a_request_in_work_is_answered_when_it_is_cancelled(start_server: Start) -> None:
    server = start_server(limits={"shutdown_timeout": 0.5})
    with Peer(server.port) as busy, Peer(server.port) as new:
        busy.send(request("POST", "/body?ms=60000", body=b"in work"))
        assert new.ask("GET", "/livez").status == 200  # busy's request has been read
        server.signal(signal.SIGTERM)
        response = busy.read_response()
        assert (response.status, response.closes) == (503, True)
        busy.expect_end()
    assert server.wait() == 0, server.log
    server.check_log()


@promise("second-signal")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(start_server: Start, number: int, status: int) -> None:
    server = start_server()
    with WebSocket(server.port, "/slow?ms=60000") as websocket:
        server.signal(number)
        websocket.expect_close(1001)
        begin = time.monotonic()
        server.signal(number)
        assert server.wait() == status, server.log
        assert time.monotonic() - begin < 2


@promise("settings-are-checked")
def test_limits_that_depend_on_each_other_in_any_order(run: Run) -> None:
    limits = ("low_water=100000", "high_water=200000", "max_buffered=300000")
    for order in (limits, limits[::-1]):
        program = run("--port", "0", *(word for limit in order for word in ("--limit", limit)))
        assert http(port_of(program), "GET", "/livez").status == 200


@promise("run-prints-its-address")
def test_workers(run: Run) -> None:
    program = run("--port", "0", "--workers", "2")
    port = port_of(program)
    assert len(re.findall(PLACE, program.log)) == 1
    for turn in range(20):
        with WebSocket(port, "/echo") as websocket:
            assert websocket.ask(str(turn)) == str(turn)
            websocket.finish()
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.log
    assert "Traceback" not in program.log
