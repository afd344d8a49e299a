"""``app.run()`` from outside: its output, exit statuses and signals."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError

import pytest
import trustme
from promises import promise
from running_program import PROGRAM, Program
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from proapi import ProAPI

MODES = ["dict()", "dict(fast=True)", "dict(loop='uvloop')", "dict(workers=2)", "dict(workers=2, fast=True)"]


@pytest.mark.parametrize("options", MODES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_gracefully(options: str, number: int, programs: list[Program]) -> None:
    program = Program(options)
    programs.append(program)
    assert program.get("/pid").isdecimal()
    program.process.send_signal(number)
    assert program.end() == (0, "run has returned\n", "")


@promise("graceful-stop")
@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(loop='uvloop')"])
def test_a_signal_that_does_not_interrupt_the_wait_is_seen(
    options: str, tmp_path: Path, programs: list[Program]
) -> None:
    """For example, a signal that another thread receives."""
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    text = f"""
import signal, threading
def be_told():
    open({str(fifo)!r}).close()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Thread(target=be_told, daemon=True).start()
{PROGRAM}"""
    program = Program(options, text)
    programs.append(program)
    fifo.open("w").close()
    assert program.end() == (0, "run has returned\n", "")


@pytest.mark.parametrize("options", MODES)
def test_a_second_signal_ends_at_once(options: str, programs: list[Program]) -> None:
    program = Program(options.replace("dict(", "dict(shutdown_timeout=30, "))
    programs.append(program)
    with program.begin("/sleep/20"):
        program.process.send_signal(signal.SIGTERM)
        program.wait_until_it_stops()
        assert program.process.poll() is None
        program.process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert program.end()[0] == 130
        assert time.monotonic() - began < 2


@promise("stop-is-bounded")
@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(loop='uvloop')", "dict(workers=2)"])
@pytest.mark.parametrize(("path", "within_s"), [("/sleep/20", 3), ("/thread/20", 4)])
def test_shutdown_never_takes_longer_than_its_timeout(
    options: str, path: str, within_s: float, programs: list[Program]
) -> None:
    """At most one second longer: asyncio's executor has that time for work that handlers have left in it."""
    program = Program(options)
    programs.append(program)
    with program.begin(path):
        began = time.monotonic()
        program.process.send_signal(signal.SIGTERM)
        status, _, err = program.end()
        assert status == 0
        assert time.monotonic() - began < within_s
        assert "cancelled" in err
        assert ("asyncio.to_thread" in err) == ("thread" in path)


@promise("sys-exit")
@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)"])
@pytest.mark.parametrize("path", ["/deaf", "/sleep/30", "/thread/30"])
def test_sys_exit_in_a_handler_ends_with_its_status(options: str, path: str, programs: list[Program]) -> None:
    """Whatever the other handlers do."""
    program = Program(options)
    programs.append(program)
    with program.begin(path), contextlib.suppress(OSError):
        program.get("/leave")
    status, _, err = program.end()
    assert status == 7
    assert re.search("ignored their cancellation: left|did not end.*: left", err), err


EXITS = """
import asyncio, sys
from proapi import ProAPI
app = ProAPI(shutdown_timeout=5)

async def leave():
    await asyncio.sleep(0.01)
    sys.exit(7)

@app.get("/wait_for")
async def wait_for():
    await asyncio.wait_for(leave(), 5)

@app.get("/group")
async def group():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(leave())
        tasks.create_task(leave())

@app.websocket("/ws")
async def ws(websocket):
    await websocket.accept()
    await websocket.send_text("open")
    async for message in websocket:
        pass

@app.websocket("/leaves")
async def leaves(websocket):
    await websocket.accept()
    try:
        await websocket.receive()
    finally:
        sys.exit(8)

@app.on_shutdown
async def shut_down():
    print("shut down", flush=True)

app.run(**eval(sys.argv[1]))
"""


@promise("sys-exit")
@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(loop='uvloop')"])
@pytest.mark.parametrize("path", ["/wait_for", "/group"])
def test_sys_exit_of_what_a_handler_awaits_is_a_stop_like_any(options: str, path: str, programs: list[Program]) -> None:
    """SystemExit leaves the loop twice, and again when another handler exits at the end of its connection."""
    program = Program(options, EXITS)
    programs.append(program)
    with connect(f"ws://127.0.0.1:{program.port}/ws") as other, connect(f"ws://127.0.0.1:{program.port}/leaves"):
        assert other.recv() == "open"
        with pytest.raises(HTTPError, match="500"):
            program.get(path)
        with pytest.raises(ConnectionClosed) as closed:
            other.recv()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1001
    assert program.end()[:2] == (7, "shut down\n")


@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(loop='uvloop')"])
def test_sys_exit_keeps_its_status_where_the_stop_fails(options: str, programs: list[Program]) -> None:
    text = EXITS.replace("    print(", "    raise ValueError('on purpose')\n    print(")
    program = Program(options, text)
    programs.append(program)
    with pytest.raises(HTTPError, match="500"):
        program.get("/group")
    status, out, err = program.end()
    assert (status, out) == (7, "")
    assert "ValueError: on purpose" in err


@promise("tls-certificates")
@pytest.mark.parametrize("options", MODES)
def test_sighup_while_it_stops_changes_nothing(options: str, tmp_path: Path, programs: list[Program]) -> None:
    """The engine is closed by then."""
    made = trustme.CA().issue_cert("localhost")
    both = tmp_path / "server.pem"
    made.private_key_and_cert_chain_pem.write_to_path(both)
    text = """
import os, signal, sys
from proapi import ProAPI
app = ProAPI()

@app.on_shutdown
def shut_down():
    signal.raise_signal(signal.SIGHUP)
    os.write(1, b"shut down\\n")

app.run(**eval(sys.argv[1]))
os.write(1, b"returned\\n")
"""
    program = Program(options.replace("dict(", f"dict(ssl_certfile={str(both)!r}, "), text)
    programs.append(program)
    assert program.first_line.startswith("ProAPI serves https://")
    program.process.send_signal(signal.SIGTERM)
    status, out, err = program.end()
    assert (status, out) == (0, "shut down\n" * (2 if "workers" in options else 1) + "returned\n")
    assert "Error" not in err


@promise("signal-during-startup")
@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(loop='uvloop')", "dict(workers=2)"])
def test_a_signal_that_a_start_up_function_swallows(options: str, programs: list[Program]) -> None:
    """The function takes its cancellation for another failed attempt."""
    text = """
import asyncio, sys
from proapi import ProAPI
app = ProAPI(shutdown_timeout=2)

@app.on_startup
async def connect():
    print("connecting", flush=True)
    try:
        await asyncio.sleep(30)
    except BaseException:
        pass

app.run(**eval(sys.argv[1]))
"""
    program = Program(options, text)
    programs.append(program)
    assert program.first_line.startswith("connecting")  # two workers may share the line
    program.process.send_signal(signal.SIGTERM)
    status, out, err = program.end()
    assert (status, err) == (0, "")
    assert "serves" not in out


@promise("start-errors-are-one-line")
@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(workers=2)"])
def test_a_busy_port_is_one_line(options: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        program = Program(options, PROAPI_PORT=port)
        status, _, err = program.end()
    assert (status, program.first_line) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith("proapi: ")
    assert port in err


@promise("start-errors-are-one-line")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("dict(port=70000)", "port: expected a number from 0 to 65535, got 70000"),
        ("dict(workers=0)", "workers: expected a number from 1 to 1024, got 0"),
        ("dict(loop='x')", "loop: expected 'asyncio' or 'uvloop', got 'x'"),
        ("dict(fast=True, loop='uvloop')", "leave out loop='uvloop'"),
        ("dict(nothing=1)", "'nothing' is not a setting"),
        ("dict(max_body_size='much')", "max_body_size: expected a whole number"),
        ("dict(host='203.0.113.7')", "203.0.113.7"),
        ("dict(host='203.0.113.7', workers=2)", "203.0.113.7"),
    ],
)
def test_a_bad_option_is_one_line(options: str, expected: str) -> None:
    status, _, err = Program(options).end()
    assert status == 1
    assert err.count("\n") == 1
    assert expected in err


@promise("host-and-port-from-environment")
@pytest.mark.parametrize("port", ["8x", "99999", "-1"])
def test_a_bad_environment_is_one_line(port: str) -> None:
    status, _, err = Program("dict()", PROAPI_PORT=port).end()
    assert (status, err) == (1, f"proapi: PROAPI_PORT: expected a number from 0 to 65535, got '{port}'\n")


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid"])
def test_processes_say_the_same_of_an_address_as_one(host: str) -> None:
    one, several = (Program(f"dict(host={host!r}, port=8999, {more})").end() for more in ("", "workers=2"))
    assert one == several
    assert f"can't listen on {host}:8999: " in one[2]
    assert "; check host" in one[2]


@promise("serve")
async def test_run_in_a_running_loop_names_serve() -> None:
    app = ProAPI()
    with pytest.raises(RuntimeError, match=r"use `await app.serve\(\)`"):
        app.run(max_body_size=7)
    assert app.limits["max_body_size"] != 7


def test_startup_failure_ends_workers_and_supervisor() -> None:
    program = PROGRAM.replace("@app.get", "@app.on_startup\ndef fails():\n    raise KeyError('a')\n\n@app.get", 1)
    for options in ("dict()", "dict(workers=2)", "dict(fast=True)"):
        result = subprocess.run(
            [sys.executable, "-c", program, options],
            capture_output=True,
            text=True,
            timeout=10,
            env={**os.environ, "PROAPI_PORT": "0"},
        )
        assert result.returncode == 1
        assert result.stdout == ""
        assert "KeyError: 'a'" in result.stderr
