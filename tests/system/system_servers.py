"""The programs under test as processes on a free port of the loopback interface, and what the kernel reports about
them."""

import asyncio
import configparser
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("PROAPI_BUILD_DIR", "build/check")
SYSTEM_APP = Path(__file__).with_name("system_app.py")
_T = TypeVar("_T")
CONTRACT = ROOT / "tests" / "contract"
START_S, END_S = 20.0, 20.0

# The address in the line that a server prints when it serves: a port, or a Unix socket. uvicorn and hypercorn print it
# on stderr.
_SERVES = re.compile(r"https?://[^ ]*?:(\d+)|unix:\S")


class _Unit(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # the names in a unit of systemd have upper and lower case


def read_section(unit: str, name: str) -> configparser.SectionProxy:
    """Returns one section of a unit of systemd."""
    parser = _Unit(interpolation=None)
    parser.read_string(unit)
    return parser[name]


class Process:
    """A server that has printed its address. Its output is kept, and its temporary files are deleted with it.

    ``port`` is 0 if it serves on a Unix socket only. ``inherited`` are descriptors that the process gets.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        port: int = 0,
        descriptors: int | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        environment = dict(os.environ, PROAPI_PORT=str(port), PYTHONUNBUFFERED="1", PYTHONFAULTHANDLER="1")
        self._temporary = tempfile.TemporaryDirectory(prefix="system-", ignore_cleanup_errors=True)
        environment["TMPDIR"] = self._temporary.name
        environment["PYTHONPATH"] = python_path()

        def limit() -> None:
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            wanted = descriptors or min(hard, 8192)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard) if descriptors is None else wanted))

        try:
            self.popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment,
                preexec_fn=limit,
                pass_fds=inherited,
            )
        except OSError:
            self._temporary.cleanup()
            raise
        self.pid = self.popen.pid
        self._output = bytearray()
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.port = int(self.wait_for_output(_SERVES, START_S)[1] or 0)
        except AssertionError:
            self.stop()
            raise

    def _read(self) -> None:
        assert self.popen.stdout is not None
        while part := os.read(self.popen.stdout.fileno(), 65536):
            with self._news:
                self._output += part
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for_output(self, pattern: re.Pattern[str], timeout_s: float = END_S) -> re.Match[str]:
        until = time.monotonic() + timeout_s
        with self._news:
            while not (found := pattern.search(self.output)):
                in_time = self._news.wait(max(0.0, until - time.monotonic()))
                if not in_time or not self._reader.is_alive():
                    raise AssertionError(f"no {pattern.pattern!r} in the output:\n{self.output}")
        return found

    @property
    def output(self) -> str:
        """What it has printed so far on both streams."""
        return self._output.decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, timeout_s: float = END_S) -> int:
        """Waits until the process has ended and all its output has been read. Returns the exit status."""
        status = self.popen.wait(timeout_s)
        self._reader.join(END_S)
        return status

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(END_S)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self._reader.join(END_S)
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        self._temporary.cleanup()

    # ---- what the kernel knows ----

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def package_path() -> str | None:
    """Returns the path of the source tree's package if its extension was built in place. Otherwise the installed
    package is used."""
    package = ROOT / "python"
    return str(package) if any(package.glob("proapi/_engine*.so")) else None


def python_path() -> str:
    """Returns the PYTHONPATH for a program under test, so that it imports the same package as these tests."""
    return os.pathsep.join(filter(None, [package_path(), os.environ.get("PYTHONPATH")]))


@contextmanager
def serving(
    command: Sequence[str | Path],
    *,
    port: int = 0,
    descriptors: int | None = None,
    inherited: Sequence[int] = (),
) -> Iterator[Process]:
    process = Process(command, port=port, descriptors=descriptors, inherited=inherited)
    try:
        yield process
    finally:
        process.stop()


def python(program: Path, *arguments: str) -> list[str | Path]:
    return [sys.executable, program, *arguments]


def built(program: str) -> list[str | Path]:
    """Returns the command of a C++ program in the build directory that PROAPI_BUILD_DIR names."""
    path = BUILD / program
    assert path.exists(), f"{path} is not built: make check, or name the build's directory in PROAPI_BUILD_DIR"
    return [path]


def front_end(name: str) -> list[str | Path]:
    """Returns the command of the contract application: python, python-fast, python-uvloop, asgi (uvicorn), hypercorn or
    cpp."""
    app = CONTRACT / "app.py"
    match name:
        case "python":
            return python(app, "--port", "0")
        case "python-fast":
            return python(app, "--port", "0", "--fast")
        case "python-uvloop":
            return python(app, "--port", "0", "--loop", "uvloop")
        case "asgi":
            return [sys.executable, "-m", "uvicorn", "--app-dir", CONTRACT, "--port", "0", "app:app"]
        case "hypercorn":
            return [sys.executable, "-m", "hypercorn", "--bind", "127.0.0.1:0", f"{CONTRACT}/app:app"]
        case _:
            return [*built("contract_app"), "--port", "0"]


def run(scenario: Coroutine[Any, Any, _T], server: Process, timeout_s: float = 60.0) -> _T:
    """Returns the scenario's result. If it hangs, the error shows what the server was doing."""
    try:
        return asyncio.run(asyncio.wait_for(scenario, timeout_s))
    except TimeoutError:
        status = server.popen.poll()
        doing = "has ended" if status is not None else f"has {server.descriptors()} descriptors, {server.cpu_s()} s CPU"
        server.popen.send_signal(signal.SIGABRT)  # its faulthandler prints where it is
        server.wait()
        raise AssertionError(f"not over after {timeout_s} s; the server {doing} ({status}):\n{server.output}") from None


def raise_descriptor_limit(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
