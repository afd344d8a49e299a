"""The cost of an echo and of a request in instructions of the server: the same on a busy machine as on a quiet one.

The counts are those of one build, with the C library's code paths for one processor. The tolerance allows for other
compilers and other versions of the interpreter and libraries. A change that is meant to cost more or less also changes
the table below.
"""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from system_servers import CONTRACT, Process, built

sys.path.append(str(CONTRACT))
from raw import WebSocket

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 0.15
DUMP_S = 20
SIZES = (20, 16 * 1024, 256 * 1024)
MESSAGES = {20: 400, 16 * 1024: 100, 256 * 1024: 20}
# Instructions per message, by the size of its text. An octet that the C library copies counts as one.
EXPECTED = {
    "cpp": {20: 4_000, 16 * 1024: 47_500, 256 * 1024: 697_000},
    "python-fast": {20: 8_250, 16 * 1024: 51_700, 256 * 1024: 885_000},
}


# Instructions per request of JSON: GET / of bench/apps/rest.cpp and proapi_rest.py.
EXPECTED_GET = {"cpp": 18_000, "python-fast": 38_600}
GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
REQUESTS = 200


class Counted:
    """A server under callgrind, which counts instructions between two calls."""

    def __init__(self, command: list[str | Path], folder: Path) -> None:
        self._out = folder / "callgrind.out"
        self._pipes = f"--vgdb-prefix={folder}/vgdb"
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self._out}"]
        valgrind.append(self._pipes)
        self.server = Process([*valgrind, *command])
        self._dumps = 0

    def _control(self, option: str, *more: str) -> None:
        command = ["callgrind_control", self._pipes, option, *more, str(self.server.pid)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert "OK." in said, said

    def count(self, size: int) -> float:
        """Returns the instructions per message."""
        text = "x" * size
        with WebSocket(self.server.port, "/ws") as client:

            def echo(count: int) -> None:
                for _ in range(count):
                    client.send_message(text)
                    assert client.receive(60) == f"Echo: {text}"

            counted = self._count(echo, MESSAGES[size])
            client.finish()
        return counted

    def count_requests(self) -> float:
        """Returns the instructions per request."""
        with socket.create_connection(("127.0.0.1", self.server.port), 60) as client:

            def get(count: int) -> None:
                for _ in range(count):
                    client.sendall(GET)
                    response = client.recv(4096)
                    assert response.startswith(b"HTTP/1.1 200 OK")
                    assert response.endswith(b'{"hello":"world"}')

            return self._count(get, REQUESTS)

    def _count(self, run: Callable[[int], None], count: int) -> float:
        run(5)  # one-time initialisation is not counted
        self._control("-i", "on")
        run(count)
        self._control("-d")
        self._control("-i", "off")
        self._dumps += 1
        return self._total(Path(f"{self._out}.{self._dumps}")) / count

    def _total(self, dump: Path) -> int:
        """Waits for the dump: callgrind writes the line of totals last."""
        until = time.monotonic() + DUMP_S
        while time.monotonic() < until:
            if dump.exists() and (found := re.search(r"^totals: (\d+)$", dump.read_text(), re.M)):
                return int(found[1])
            time.sleep(0.01)
        raise AssertionError(f"callgrind has written no {dump}:\n{self.server.output}")


@contextmanager
def counting(command: list[str | Path], folder: Path) -> Iterator[Counted]:
    if not shutil.which("callgrind_control"):
        pytest.skip("valgrind is not installed")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PROAPI_IO_URING", "off")
        found = Counted(command, folder)
    try:
        yield found
    finally:
        found.server.stop()


@pytest.fixture(params=EXPECTED, scope="module")
def counted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Counted]]:
    commands: dict[str, list[str | Path]] = {
        "cpp": built("examples/cpp/echo"),
        "python-fast": [sys.executable, ROOT / "bench/apps/proapi_echo.py", "--fast"],
    }
    with counting(commands[request.param], tmp_path_factory.mktemp("callgrind")) as found:
        yield request.param, found


@pytest.mark.parametrize("size", SIZES)
def test_an_echo_costs_what_the_table_says(counted: tuple[str, Counted], size: int) -> None:
    name, server = counted
    expected = EXPECTED[name][size]
    instructions = server.count(size)
    # On a busy machine a large message may come in more pieces, each with a read of its own.
    for _ in range(2):
        if instructions > expected * (1 + TOLERANCE):
            instructions = min(instructions, server.count(size))
    assert instructions == pytest.approx(expected, rel=TOLERANCE), (
        f"{name}, {size} octets: expected {expected:,} instructions a message, got {instructions:,.0f}"
    )


@pytest.mark.parametrize("name", EXPECTED_GET)
def test_a_request_costs_what_the_table_says(name: str, tmp_path: Path) -> None:
    commands: dict[str, list[str | Path]] = {
        "cpp": built("bench/rest"),
        "python-fast": [sys.executable, ROOT / "bench/apps/proapi_rest.py"],
    }
    expected = EXPECTED_GET[name]
    with counting(commands[name], tmp_path) as server:
        instructions = server.count_requests()
    assert instructions == pytest.approx(expected, rel=TOLERANCE), (
        f"{name}: expected {expected:,} instructions a request, got {instructions:,.0f}"
    )
