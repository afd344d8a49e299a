"""The servers to measure, how each is started on its core, and what the kernel reports about its process.

Each serves the echo program at /ws, and those under uvicorn a greeting at /, on its own loopback port: bench/apps,
examples/cpp/echo.cpp, and bench/bare_epoll.cpp, which does only what all of them must do. Some do so over TLS 1.3, and
some compress messages. C++ programs are looked up in build/release; PROAPI_BUILD_DIR names another build.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("PROAPI_BUILD_DIR") or ROOT / "build/release")
APPS = ROOT / "bench/apps"
NODE_MODULES = ROOT / "tests/contract/node_modules"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_S = STOP_S = 15
LOG_BYTES = 1 << 20

FAST = "ProAPI, Python, fast"
STANDARD = "ProAPI, Python, standard"
CPP = "ProAPI, C++"
FLOOR = "epoll and nothing else"
STARLETTE = "Starlette + uvicorn"
UNDER_UVICORN = "ProAPI under uvicorn"
NODE = "Node.js + ws"
TLS_FAST = f"{FAST}, TLS"
TLS_CPP = f"{CPP}, TLS"
TLS_PICOWS = "picows + uvloop, TLS"
TLS_STARLETTE = f"{STARLETTE}, TLS"
DEFLATE_FAST = f"{FAST}, deflate"
DEFLATE_CPP = f"{CPP}, deflate"
DEFLATE_AIOHTTP = "aiohttp, deflate"
DEFLATE_STARLETTE = f"{STARLETTE}, deflate"
DEFLATE_WEBSOCKETS = "websockets, deflate"


class BenchError(Exception):
    """A server or the client failed. The text says which one and how."""


@dataclass(frozen=True)
class Server:
    name: str
    command: tuple[str, ...]  # contains {port}; the environment has it as PROAPI_PORT, the next as PROAPI_SSL_CERTFILE
    missing: str = ""  # what is not installed
    certificate: str = ""  # over TLS: the PEM file that also has the key
    is_deflated: bool = False

    @property
    def client_option(self) -> str:
        """What the load client must be told. Servers with the same option are compared with each other."""
        return "--tls" if self.certificate else "--deflate" if self.is_deflated else ""


@dataclass(frozen=True)
class Cores:
    """One core for the server and one for the client. Both are None if only one core is available."""

    server: int | None
    client: int | None

    def __str__(self) -> str:
        if self.server is None:
            return "only one core is available: server and client share it, unpinned"
        return f"server pinned to core {self.server}, client to core {self.client}"


@dataclass(frozen=True)
class Running:
    pid: int
    port: int
    client_option: str
    log: IO[bytes]

    def with_last_words(self, error: BenchError) -> BenchError:
        said = os.pread(self.log.fileno(), LOG_BYTES, 0).decode(errors="replace")
        return BenchError("\n    ".join([str(error), *said.splitlines()[-3:]]))

    def cpu_s(self) -> float:
        """Returns the user and system time of all its threads. Reads the scheduler's statistics, which count
        nanoseconds, if the kernel has them."""
        accounts = list(Path(f"/proc/{self.pid}/task").glob("*/schedstat"))
        if accounts:
            return sum(int(account.read_text().split()[0]) for account in accounts) / 1e9
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def kept_waiting_s(self) -> float:
        return kept_waiting_s(self.pid)

    def resident_bytes(self) -> int:
        """Returns Rss from smaps_rollup. The value in statm may lag behind by some pages per core."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        raise BenchError("smaps_rollup names no Rss")


def candidates(certificate: Path) -> list[Server]:
    """Returns the servers, those over TLS with this certificate: a PEM file that also has the key."""
    python, proapi = sys.executable, str(APPS / "proapi_echo.py")
    no_proapi = missing_module("proapi")
    no_uvicorn = missing_module("uvicorn") or missing_module("uvloop") or missing_module("websockets")
    uvicorn = (python, "-m", "uvicorn", "--app-dir", str(APPS), "--loop", "uvloop", "--log-level", "warning",
               "--host", "127.0.0.1", "--port", "{port}")  # fmt: skip
    cpp, floor = BUILD / "examples/cpp/echo", BUILD / "bench/bare_epoll"
    cpp_deflate = BUILD / "bench/deflate_echo"
    no_picows = missing_module("picows") or missing_module("uvloop")
    no_aiohttp = missing_module("aiohttp") or missing_module("uvloop")
    no_websockets = missing_module("websockets") or missing_module("uvloop")
    starlette = (*uvicorn, "starlette_echo:app")
    no_starlette = no_uvicorn or missing_module("starlette")
    pem = str(certificate)
    uvicorn_tls = ("--ssl-certfile", pem, "--ssl-keyfile", pem, "starlette_echo:app")
    node = shutil.which("node")
    no_node = "no node" if node is None else "" if (NODE_MODULES / "ws").is_dir() else f"no ws in {NODE_MODULES}"
    return [
        Server(FAST, (python, proapi, "--fast"), no_proapi),
        Server(STANDARD, (python, proapi), no_proapi),
        Server(CPP, (str(cpp),), _no_program(cpp)),
        Server(FLOOR, (str(floor), "{port}"), _no_program(floor)),
        Server(STARLETTE, starlette, no_starlette),
        Server(UNDER_UVICORN, (*uvicorn, "proapi_echo:app"), no_uvicorn or no_proapi),
        Server(NODE, (node or "node", str(APPS / "node_echo.mjs"), "{port}"), no_node),
        Server(TLS_FAST, (python, proapi, "--fast"), no_proapi, pem),
        Server(TLS_CPP, (str(cpp),), _no_program(cpp), pem),
        Server(TLS_PICOWS, (python, str(APPS / "picows_echo.py"), pem), no_picows, pem),
        Server(TLS_STARLETTE, (*uvicorn, *uvicorn_tls), no_starlette, pem),
        Server(DEFLATE_FAST, (python, proapi, "--fast", "--deflate"), no_proapi, is_deflated=True),
        Server(DEFLATE_CPP, (str(cpp_deflate),), _no_program(cpp_deflate), is_deflated=True),
        Server(DEFLATE_AIOHTTP, (python, str(APPS / "aiohttp_echo.py")), no_aiohttp, is_deflated=True),
        Server(DEFLATE_STARLETTE, starlette, no_starlette, is_deflated=True),
        Server(DEFLATE_WEBSOCKETS, (python, str(APPS / "websockets_echo.py")), no_websockets, is_deflated=True),
    ]


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in (
        *("uvicorn", "uvloop", "httptools", "websockets", "starlette", "fastapi", "blacksheep", "picows", "aiohttp"),
    ):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{package} {importlib.metadata.version(package)}")
    if node := shutil.which("node"):
        found.append(f"Node.js {subprocess.run([node, '--version'], capture_output=True, text=True).stdout.strip()}")
    found += [ssl.OPENSSL_VERSION, f"zlib {zlib.ZLIB_RUNTIME_VERSION}"]
    return ", ".join(found)


def take_cores() -> Cores:
    """Pins this process. The client inherits the affinity."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        return Cores(None, None)
    cores = Cores(server=available[1], client=available[0])
    os.sched_setaffinity(0, available[:1])
    return cores


@contextlib.contextmanager
def running(server: Server, cores: Cores) -> Iterator[Running]:
    """Runs the server on its core until the block ends."""
    port = _free_port()
    command = [part.format(port=port) for part in server.command]
    environment = os.environ | {
        "PROAPI_HOST": "127.0.0.1",
        "PROAPI_PORT": str(port),
        "PROAPI_SSL_CERTFILE": server.certificate,
    }
    # Pin before the program runs, so that the threads it starts are pinned as well.
    pin: Callable[[], None] | None = None
    if cores.server is not None:
        pin = functools.partial(os.sched_setaffinity, 0, {cores.server})
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=pin
        )
        started = Running(process.pid, port, server.client_option, log)
        try:
            _await_listening(process, port)
            yield started
        except BenchError as error:
            raise started.with_last_words(error) from None
        finally:
            _end(process)


def _await_listening(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    status = process.returncode
    raise BenchError(f"it did not listen within {START_S} s" if status is None else f"it ended with status {status}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def kept_waiting_s(pid: int) -> float:
    """Returns how long its first thread was ready to run while other programs had its core. 0: the caller."""
    try:
        return int(Path(f"/proc/{pid or 'self'}/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:  # this kernel does not count it
        return 0.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def missing_module(name: str) -> str:
    """Returns what to report if the package is not installed, else nothing."""
    return "" if importlib.util.find_spec(name) else f"no package {name}"


def _no_program(path: Path) -> str:
    return "" if path.is_file() else f"no {path}"
