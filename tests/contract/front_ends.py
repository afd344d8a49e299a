"""The front ends that the suite runs against, and running servers of them."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / os.environ.get("PROAPI_BUILD_DIR", "build/check")
START_S, STOP_S = 20.0, 20.0

PLACE = re.compile(r"https?://(?:\[[^\]]*\]|[^\s:/]+):(\d+)")
_UNIX_PLACE = re.compile(r"ProAPI serves unix:(\S+)")
# Lines that no log may contain, unless a test has caused them on purpose.
_FAULT = re.compile(
    r"Traceback|Exception ignored|\bERROR\b|\bCRITICAL\b|runtime error|Sanitizer|terminate called"
    r"|never awaited|was destroyed but|never retrieved|leaked|double free|Aborted|Fatal Python"
)


@dataclass(frozen=True)
class FrontEnd:
    name: str
    command: Callable[[], list[str]]
    is_engine: bool  # whether it uses the engine's own sockets
    is_over_unix: bool = False  # whether it listens on a Unix socket, in its folder for temporary files
    # The exit status after SIGTERM. uvicorn raises the signal again after it has stopped.
    stop_status: int = 0
    # Patterns of lines that the server itself may log at any time.
    known_faults: tuple[str, ...] = ()


_TCP = ("--port", "0")
_UNIX = ("--uds", "{folder}/socket")


def _contract_app(*options: str) -> list[str]:
    program = BUILD / "contract_app"
    if not program.exists():
        raise FileNotFoundError(f"{program}: build it first, or name its directory in PROAPI_BUILD_DIR")
    return [str(program), *(options or _TCP)]


def _app_py(*options: str, listens: tuple[str, ...] = _TCP) -> Callable[[], list[str]]:
    return lambda: [sys.executable, str(HERE / "app.py"), *listens, *options]


def _uvicorn() -> list[str]:
    # h11: with httptools, uvicorn answers an HTTP/1.0 client in chunks.
    options = ("--port", "0", "--http", "h11", "--timeout-graceful-shutdown", "10")
    return [sys.executable, "-m", "uvicorn", *options, "app:app"]


def _hypercorn() -> list[str]:
    return [
        sys.executable,
        "-m",
        "hypercorn",
        "--workers",
        "0",
        "--bind",
        "127.0.0.1:0",
        "--graceful-timeout",
        "10",
        "app:app",
    ]


FRONT_ENDS = {
    front_end.name: front_end
    for front_end in (
        FrontEnd("cpp", _contract_app, True),
        FrontEnd("python", _app_py(), True),
        FrontEnd("python-fast", _app_py("--fast"), True),
        FrontEnd("python-uvloop", _app_py("--loop", "uvloop"), True),
        FrontEnd("cpp-unix", lambda: _contract_app(*_UNIX), True, is_over_unix=True),
        FrontEnd("python-fast-unix", _app_py("--fast", listens=_UNIX), True, is_over_unix=True),
        # If a handshake is answered with an HTTP response, uvicorn logs it as unanswered.
        FrontEnd("asgi", _uvicorn, False, False, -signal.SIGTERM, ("returned without completing handshake",)),
        FrontEnd("hypercorn", _hypercorn, False),
    )
}


class Program:
    """A child process. Its output is kept and can be waited for: both streams, unless ``stderr`` is given. Its
    temporary files are in a folder that is deleted however the process ends; in the command ``{folder}`` stands for
    that folder."""

    def __init__(
        self,
        command: list[str],
        env: Mapping[str, str] | None = None,
        cwd: Path = HERE,
        stderr: int = subprocess.STDOUT,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="contract-", ignore_cleanup_errors=True)
        self.temporary = Path(self._temporary.name)
        try:
            self.process = subprocess.Popen(
                [part.replace("{folder}", self._temporary.name) for part in command],
                cwd=cwd,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": self._temporary.name, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                errors="replace",
                pass_fds=pass_fds,
            )
        except OSError:
            self._temporary.cleanup()
            raise
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def wait_for_line(self, pattern: str | re.Pattern[str], within_s: float = 10.0, *, after: int = 0) -> re.Match[str]:
        """Returns the first match of ``pattern`` in a line from number ``after`` on, and waits for that line if
        necessary."""
        end, seen = time.monotonic() + within_s, after
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self.lines)
                if not self._reader.is_alive() or not self._news.wait(end - time.monotonic()):
                    raise AssertionError(f"no line with {pattern!r} in the log:\n{self.log}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, within_s: float = STOP_S) -> int:
        """Waits for the end of the process and returns its exit status."""
        status = self.process.wait(within_s)
        self._reader.join(within_s)
        assert not self._reader.is_alive(), f"{self.process.args} has left children that hold its output"
        assert self.process.stdout
        self.process.stdout.close()
        self._temporary.cleanup()
        return status

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


tls_options: tuple[str, ...] = ()
"""With ``pytest --tls``: the options with which every server serves over TLS."""


class Server(Program):
    """A front end's contract application on its own port.

    ``port`` is what the client in raw.py takes: a TCP port, or the path of a Unix socket.
    """

    def __init__(
        self,
        name: str,
        limits: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
        stderr: int = subprocess.STDOUT,
    ) -> None:
        self.front_end = FRONT_ENDS[name]
        command = [*self.front_end.command(), *tls_options, *options]
        for limit, value in (limits or {}).items():
            assert self.front_end.is_engine, f"{name} takes no limits: add the test to engine_only.py"
            command += ["--limit", f"{limit}={value}"]
        super().__init__(command, env, stderr=stderr)
        self.expected_faults = set(self.front_end.known_faults)
        try:
            self.port: Any = None
            if self.front_end.is_over_unix:
                self.port = self.wait_for_line(_UNIX_PLACE, START_S)[1]
            else:
                self.port = int(self.wait_for_line(PLACE, START_S)[1])
        except BaseException:
            self.kill()
            raise

    def expect_fault(self, pattern: str) -> None:
        """Allows a log line that matches: a test is about to make a handler fail."""
        self.expected_faults.add(pattern)

    def stop(self) -> None:
        """Sends SIGTERM. Checks the exit status, and that the log contains no fault that no test has asked for."""
        assert self.process.poll() is None, f"{self.front_end.name} ended by itself:\n{self.log}"
        self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.front_end.name} did not stop within {STOP_S} s:\n{self.log}") from None
        assert status == self.front_end.stop_status, f"{self.front_end.name} ended with {status}:\n{self.log}"
        self.check_log()

    def check_log(self) -> None:
        faults = [block for block in _blocks(self.lines) if not self._is_expected(block)]
        assert not faults, f"{self.front_end.name} logged:\n" + "\n\n".join("\n".join(block) for block in faults)

    def _is_expected(self, block: list[str]) -> bool:
        return any(re.search(pattern, line) for line in block for pattern in self.expected_faults)


def _blocks(lines: list[str]) -> list[list[str]]:
    """Returns each faulty line with the lines that belong to it: the indented ones, and the last line of a
    traceback."""
    blocks: list[list[str]] = []
    in_block = False
    for line in lines:
        if _FAULT.search(line) and not (in_block and line.startswith((" ", "Traceback"))):
            blocks.append([line])
            in_block = True
        elif in_block:
            blocks[-1].append(line)
            in_block = line.startswith((" ", "Traceback", "During handling", "The above exception")) or not line
    return blocks
