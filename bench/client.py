"""Runs build/release/bench/load_client against a running server, and reads the CPU time of both meanwhile."""

import contextlib
import math
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from servers import BUILD, BenchError, Running, kept_waiting_s

LOAD_CLIENT = BUILD / "bench/load_client"


@dataclass(frozen=True)
class Echoed:
    """The measurements of one interval."""

    messages: int
    seconds: float
    server_cpu_s: float
    client_cpu_s: float
    kept_waiting_s: float  # how long server and client were ready to run while other programs had their cores
    deflated: "Deflated | None" = None

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_s_a_message(self) -> float:
        return self.server_cpu_s / self.messages


@dataclass(frozen=True)
class Deflated:
    """The compressed replies of the interval and of its warm-up."""

    payload_bytes: int
    zlib_bytes: int  # what zlib's level 6 makes of the same texts, each on its own
    extensions: str  # what the server has answered to the client's offer


def echo(
    server: Running, *, connections: int, in_flight: int, text_bytes: int, warm_up_s: float, seconds: float
) -> Echoed:
    """Keeps `in_flight` texts of `text_bytes` bytes in flight on each connection. If messages are compressed, their
    replies have that size."""
    arguments = [str(connections), str(in_flight), str(text_bytes), str(warm_up_s), str(seconds)]
    with _load_client(server, "echo", *arguments) as client:
        _expect(client, "begin")
        before, waited_before = server.cpu_s(), server.kept_waiting_s() + kept_waiting_s(client.pid)
        messages, took_s, client_cpu_s = _expect(client, "end")
        server_cpu_s = server.cpu_s() - before
        waited_s = server.kept_waiting_s() + kept_waiting_s(client.pid) - waited_before
        deflated = None
        if server.client_option == "--deflate":
            payload_bytes, zlib_bytes, *extensions = _expect(client, "deflate")
            deflated = Deflated(int(payload_bytes), int(zlib_bytes), " ".join(extensions))
        _expect_success(client)
    if not int(messages):
        raise BenchError("no message came back within the measured time")
    return Echoed(int(messages), float(took_s), server_cpu_s, float(client_cpu_s), waited_s, deflated)


@contextlib.contextmanager
def idle(server: Running, connections: int) -> Iterator[None]:
    """Opens `connections` connections, echoes one message on each, and keeps them open and silent until the block
    ends."""
    with _load_client(server, "idle", str(connections), str(_addresses(connections))) as client:
        _expect(client, "ready")
        yield
        if client.stdin:
            client.stdin.close()
        (still_open,) = _expect(client, "open")
        _expect_success(client)
    if int(still_open) != connections:
        raise BenchError(f"{connections - int(still_open)} of {connections} idle connections did not stay open")


def _addresses(connections: int) -> int:
    """Returns how many source addresses are needed. Each address has its own range of ports, so one is usually
    enough."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    return max(1, math.ceil(connections / ((last - first + 1) / 2)))


@contextlib.contextmanager
def _load_client(server: Running, mode: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = [str(LOAD_CLIENT), *server.client_option.split(), mode, str(server.port), *arguments]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as client:
        try:
            yield client
        finally:
            if client.poll() is None:
                client.kill()


def _expect(client: subprocess.Popen[str], word: str) -> list[str]:
    """Returns the words after `word` of the next line, which must begin with `word`. The client limits its own run
    time, so the line or the end of the output always arrives."""
    line = _pipe(client.stdout).readline().split()
    if line[:1] != [word]:
        raise BenchError(_pipe(client.stderr).read().strip() or f"the load client ended with status {client.wait()}")
    return line[1:]


def _expect_success(client: subprocess.Popen[str]) -> None:
    if status := client.wait():
        raise BenchError(f"the load client ended with status {status}")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def is_built() -> bool:
    return os.access(LOAD_CLIENT, os.X_OK)
