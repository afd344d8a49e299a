"""The documented programs run unchanged from docs/programs.md in every mode, and the C++ examples behave the same."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from documented_programs import BROWSER, CAREFUL, CHAT, ECHO, PREAMBLE, PREAMBLE_ON_THE_PAGE, ROOMS
from front_ends import BUILD, HERE, PLACE, ROOT, Program
from promises import promise
from raw import Peer, WebSocket, upgrade

pytestmark = pytest.mark.plain("the documents say http")

MODES = ["standard", "fast", "uvicorn"]

Talk = Callable[[int], None]


def talk_echo(port: int) -> None:
    with WebSocket(port, "/ws") as one, WebSocket(port, "/ws") as other:
        assert one.ask("Hello, server!") == "Echo: Hello, server!"
        assert other.ask("\u20ac") == "Echo: \u20ac"
        other.finish()
        assert one.ask("") == "Echo: "
        one.reset()
    with WebSocket(port, "/ws") as one:
        one.finish(4000, "bye")


def talk_rooms(port: int) -> None:
    for room in ("lobby", "a%20b"):
        with WebSocket(port, f"/chat/{room}") as websocket:
            assert websocket.receive() == f"Welcome to room: {room.replace('%20', ' ')}"
            websocket.send_message("into the void")
            websocket.finish()


def talk_chat(port: int) -> None:
    with WebSocket(port, "/chat/lobby") as a, WebSocket(port, "/chat/other") as alone:
        assert a.receive_json() == {"type": "system", "message": "Welcome to room: lobby", "users": 1}
        assert alone.receive_json()["users"] == 1
        for turn in range(3):
            b = WebSocket(port, "/chat/lobby")
            assert b.receive_json() == {"type": "system", "message": "Welcome to room: lobby", "users": 2}
            assert a.receive_json() == {"type": "system", "message": "A new user has joined", "users": 2}
            b.send_message('{"text": "from b", "n": [1, null]}')
            assert a.receive_json() == b.receive_json() == {"text": "from b", "n": [1, None]}
            a.send_message(json.dumps(turn))
            assert a.receive_json() == b.receive_json() == turn
            if turn == 0:
                b.finish()
            else:
                b.reset()
            # B has left for good once A's own message is the only answer.
            with Peer(port) as peer:
                peer.send(upgrade("/nowhere"))
                assert peer.read_head().status == 404
        a.send_message("[]")
        assert a.receive_json() == []
        alone.send_message('"nobody else"')
        assert alone.receive_json() == "nobody else"
        a.finish()


PROGRAMS: dict[str, tuple[str, Talk]] = {
    "echo": (ECHO, talk_echo),
    "rooms": (ROOMS, talk_rooms),
    "chat_broadcast": (CHAT, talk_chat),
    "echo_careful": (CAREFUL, talk_echo),
}


def whole(program: str) -> str:
    return program if "app = ProAPI()" in program else PREAMBLE + "\n" + program


@pytest.fixture
def run() -> Iterator[Callable[..., tuple[Program, int]]]:
    programs: list[Program] = []

    def start(command: list[str], cwd: Path = HERE, env: dict[str, str] | None = None) -> tuple[Program, int]:
        programs.append(Program(command, env, cwd))
        return programs[-1], int(programs[-1].wait_for_line(PLACE)[1])

    yield start
    for program in programs:
        program.kill()


def stop(program: Program, status: int = 0) -> None:
    program.signal(signal.SIGTERM)
    assert program.wait() == status, program.log
    assert "Traceback" not in program.log
    assert "ERROR" not in program.log.replace("ERROR:    ASGI callable returned without completing handshake", "")


def test_the_page_has_the_preamble() -> None:
    assert PREAMBLE_ON_THE_PAGE == PREAMBLE


@promise("documented-programs")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str, mode: str, tmp_path: Path, run: Callable[..., tuple[Program, int]]) -> None:
    text, talk = PROGRAMS[name]
    file = tmp_path / "main.py"
    file.write_text(whole(text))
    if mode == "uvicorn":
        command = [sys.executable, "-m", "uvicorn", "--port", "0", "--timeout-graceful-shutdown", "10", "main:app"]
    else:
        command = [sys.executable, str(HERE / "documented.py"), str(file), mode]
    program, port = run(command, tmp_path)
    talk(port)
    stop(program, -signal.SIGTERM if mode == "uvicorn" else 0)


@promise("documented-programs")
@pytest.mark.parametrize("fast", [True, False])
def test_the_last_program_as_it_is_started(fast: bool, tmp_path: Path, run: Callable[..., tuple[Program, int]]) -> None:
    file = tmp_path / "main.py"
    file.write_text(whole(CAREFUL if fast else CAREFUL.replace("app.run(fast=True)", "app.run()")))
    program, port = run([sys.executable, str(file)], tmp_path, {"PROAPI_PORT": "0"})
    talk_echo(port)
    program.wait_for_line("^WebSocket error: ")
    stop(program)


@promise("documented-programs")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_cpp_examples(name: str, run: Callable[..., tuple[Program, int]]) -> None:
    program, port = run([str(BUILD / "examples" / "cpp" / name)], HERE, {"PROAPI_PORT": "0"})
    PROGRAMS[name][1](port)
    stop(program)


@promise("documented-programs")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_python_examples(name: str, run: Callable[..., tuple[Program, int]]) -> None:
    program, port = run([sys.executable, str(ROOT / "examples" / "python" / f"{name}.py")], HERE, {"PROAPI_PORT": "0"})
    PROGRAMS[name][1](port)
    stop(program)


@promise("documented-programs")
def test_the_browsers_end(tmp_path: Path, run: Callable[..., tuple[Program, int]]) -> None:
    """Runs the browser's script with Node's ws as its WebSocket, and with another port."""
    file = tmp_path / "main.py"
    file.write_text(whole(ECHO))
    program, port = run([sys.executable, str(HERE / "documented.py"), str(file), "fast"])
    script = "const WebSocket = require('ws');\n" + BROWSER.replace("8000", str(port))
    node = subprocess.Popen(["node", "-e", script], cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        assert node.stdout
        assert node.stdout.readline() == "Received: Echo: Hello, server!\n"
    finally:
        node.kill()
        node.communicate()
    stop(program)
