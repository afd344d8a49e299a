"""The systemd unit of the tutorial: the program that it starts, with its environment and limits, serves, and stops
within the unit's timeout."""

import asyncio
import configparser
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from proxies import free_port, replaced
from system_servers import ROOT, python_path, read_section
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PROGRAM = """
from proapi import ProAPI

app = ProAPI()

@app.get("/limit")
async def limit():
    return [app.limits["max_connections"]]

@app.websocket("/ws")
async def ws(websocket):
    await websocket.accept()
    async for _ in websocket:
        pass

app.run()
"""
START_S = 20.0


@pytest.fixture
def unit(tmp_path: Path) -> str:
    """The unit from the tutorial, with a program and a port that exist."""
    text = (ROOT / "docs" / "tutorial.md").read_text()
    [block] = re.findall(r"^```ini\n(.*?)^```$", text, re.M | re.S)
    (tmp_path / "main.py").write_text(PROGRAM)
    block = replaced(r"/srv/chat/\.venv/bin/python\b", sys.executable, block)
    block = replaced(r"/srv/chat/main\.py\b", str(tmp_path / "main.py"), block)
    return replaced(r"\bPROAPI_PORT=8000\b", f"PROAPI_PORT={free_port()}", block)


def test_systemd_takes_it(unit: str, tmp_path: Path) -> None:
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed")
    (tmp_path / "chat.service").write_text(unit)
    done = subprocess.run(
        [program, "verify", "--man=no", tmp_path / "chat.service"], capture_output=True, text=True, timeout=START_S
    )
    complaints = [line for line in done.stderr.splitlines() if "chat.service" in line]
    assert complaints == []


@pytest.fixture
def started(unit: str) -> Iterator[tuple[subprocess.Popen[bytes], int, configparser.SectionProxy]]:
    """Starts the unit as systemd would. Yields the process, its port, and the section of the unit."""
    service = read_section(unit, "Service")
    assert set(service) == {"ExecStart", "Environment", "LimitNOFILE", "TimeoutStopSec", "Restart"}
    name, _, port = service["Environment"].partition("=")
    # systemd may set a higher limit than this user can.
    limit = min(int(service["LimitNOFILE"]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    service["LimitNOFILE"] = str(limit)
    process = subprocess.Popen(
        shlex.split(service["ExecStart"]),
        env={"PATH": os.defpath, "PYTHONPATH": python_path(), name: port},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )
    try:
        yield process, int(port), service
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def test_it_serves_and_stops_in_its_time(
    started: tuple[subprocess.Popen[bytes], int, configparser.SectionProxy],
) -> None:
    process, port, service = started
    async with asyncio.timeout(START_S):
        while True:
            try:
                client = await connect(f"ws://localhost:{port}/ws", host="127.0.0.1")
                break
            except ConnectionRefusedError:  # the program does not tell systemd either when it begins to listen
                assert process.poll() is None
                await asyncio.sleep(0.02)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /limit HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        max_connections = float((await reader.readuntil(b"]")).strip(b"[]"))
        assert 0 < int(service["LimitNOFILE"]) - max_connections < 100
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGTERM)  # to all processes of the unit, as systemd does
    async with asyncio.timeout(float(service["TimeoutStopSec"])):
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1001
        writer.close()
        status = await asyncio.to_thread(process.wait)
    assert status == 0
    assert time.monotonic() - begin < float(service["TimeoutStopSec"])
