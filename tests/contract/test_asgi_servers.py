"""The ASGI application in servers as they are deployed: with workers, with start-up and shutdown functions, and stopped
by SIGTERM. The rest of the suite tests how it behaves in them.
"""

import contextlib
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from front_ends import PLACE, Program
from promises import promise
from raw import WebSocket, http

pytestmark = pytest.mark.plain("starts servers of its own")

# Each function writes a line with its name and its process.
PROGRAM = """
import os
from contextlib import asynccontextmanager
from proapi import ProAPI

def note(what):
    with open("notes", "a") as file:
        file.write(f"{os.getpid()} {what}\\n")

@asynccontextmanager
async def lifespan(app):
    note("lifespan begins")
    yield
    note("lifespan ends")

app = ProAPI(lifespan=lifespan)

@app.on_startup
def start():
    note("startup")

@app.on_startup
async def start_too():
    note("async startup")

@app.on_shutdown
def stop():
    note("shutdown")

@app.on_shutdown
async def stop_too():
    note("async shutdown")

@app.get("/pid")
async def pid():
    return {"pid": os.getpid()}

@app.websocket("/echo")
async def echo(websocket):
    await websocket.accept()
    await websocket.send_json(os.getpid())
    async for message in websocket:
        await websocket.send_text(message)
"""
BEGIN = ["lifespan begins", "startup", "async startup"]
END = ["async shutdown", "shutdown", "lifespan ends"]
WITHIN_S = 20.0

UVICORN = "uvicorn --port 0 --timeout-graceful-shutdown 10"
HYPERCORN = "hypercorn --bind 127.0.0.1:0 --graceful-timeout 10"


def notes(folder: Path) -> dict[int, list[str]]:
    """Returns the notes of each process."""
    file, found = folder / "notes", defaultdict[int, list[str]](list)
    for line in file.read_text().splitlines() if file.exists() else ():
        pid, _, what = line.partition(" ")
        found[int(pid)].append(what)
    return dict(found)


def meet(port: int, workers: int) -> set[int]:
    """Returns the processes that answer, after all of them have. The kernel decides which process gets a connection."""
    over_http, over_websocket = set[int](), set[int]()
    until = time.monotonic() + WITHIN_S
    while len(over_http) < workers or len(over_websocket) < workers:
        assert time.monotonic() < until, (over_http, over_websocket)
        with contextlib.suppress(ConnectionRefusedError):  # uvicorn prints the port before its workers listen
            over_http.add(http(port, "GET", "/pid").json()["pid"])
            with WebSocket(port, "/echo") as websocket:
                over_websocket.add(websocket.receive_json())
                assert websocket.ask("\u20ac") == "\u20ac"
                websocket.finish()
    assert over_http == over_websocket
    return over_http


@promise("asgi-lifespan")
@pytest.mark.parametrize(
    ("command", "workers", "status"),
    [
        pytest.param(UVICORN, 1, -signal.SIGTERM, id="uvicorn"),
        pytest.param(f"{UVICORN} --workers 2", 2, 0, id="uvicorn with workers"),
        # Hypercorn 0.18 kills its other workers when the first one has stopped, so what they still do is up to chance.
        pytest.param(HYPERCORN, 1, 0, id="hypercorn"),
    ],
)
def test_workers_and_their_lifespans(tmp_path: Path, command: str, workers: int, status: int) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    with Program([sys.executable, "-m", *command.split(), "main:app"], cwd=tmp_path) as program:
        port = int(program.wait_for_line(PLACE, WITHIN_S)[1])
        pids = meet(port, workers)
        assert notes(tmp_path) == dict.fromkeys(pids, BEGIN)
        program.signal(signal.SIGTERM)
        assert program.wait() == status, program.log
        assert notes(tmp_path) == dict.fromkeys(pids, BEGIN + END)
        assert "Traceback" not in program.log
        assert "ERROR" not in program.log
