"""A program that calls ``app.run()`` in its own process."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

PROGRAM = """
import asyncio, os, sys, time
from proapi import ProAPI
app = ProAPI(shutdown_timeout=2)

@app.get("/pid")
def pid():
    return str(os.getpid())

@app.get("/sleep/{s:float}")
def sleep(s):
    print("begun", flush=True)
    time.sleep(s)
    return "slept"

@app.get("/thread/{s:float}")
async def thread(s):
    print("begun", flush=True)
    await asyncio.to_thread(time.sleep, s)
    return "slept"

@app.get("/deaf")
async def deaf():
    print("begun", flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

@app.get("/leave")
async def leave():
    sys.exit(7)

@app.get("/exit")
async def end():
    os._exit(9)

app.run(**eval(sys.argv[1]))
print("run has returned", flush=True)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    def __init__(self, options: str, text: str = PROGRAM, *, has_own_group: bool = False, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", text, options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PROAPI_PORT": "0", **environment},
            start_new_session=has_own_group,
        )
        assert self.process.stdout
        self.first_line = self.process.stdout.readline()
        found = re.fullmatch(r"ProAPI serves (http://127\.0\.0\.1:\d+) \(Ctrl-C stops\)\n", self.first_line)
        self.url = found[1] if found else ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str) -> str:
        with urlopen(self.url + path, timeout=10) as answer:
            return str(answer.read().decode())

    def begin(self, path: str) -> socket.socket:
        """Sends a request on its own connection and returns once its handler has been called."""
        client = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert self.process.stdout
        assert self.process.stdout.readline() == "begun\n"
        return client

    def wait_until_it_stops(self) -> None:
        """Waits until the program has handled the signal and refuses new connections."""
        deadline = time.monotonic() + 5
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):  # a connection in the backlog is reset
            while time.monotonic() < deadline:
                socket.create_connection(("127.0.0.1", self.port)).close()
            pytest.fail("new connections are still accepted 5 s after the signal")
        # With several processes, the supervisor may be the last to get the signal. Two pending signals of one kind
        # count as one.
        status = Path(f"/proc/{self.process.pid}/status")
        while any(int(pending, 16) for pending in re.findall(r"^S\w+Pnd:\s*(\w+)", status.read_text(), re.M)):
            assert time.monotonic() < deadline

    def end(self, timeout_s: float = 10) -> tuple[int, str, str]:
        """Returns the exit status, the rest of stdout, and stderr."""
        try:
            out, err = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, out, err
