"""``app.run()`` from outside: what it prints, exit statuses, signals, workers."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from proapi import ProAPI

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
MODES = ["dict()", "dict(fast=True)", "dict(loop='uvloop')", "dict(workers=2)", "dict(workers=2, fast=True)"]


class Program:
    def __init__(self, options: str, text: str = PROGRAM, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", text, options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PROAPI_PORT": "0", **environment},
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
        """A request of its own, whose handler has been called."""
        client = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert self.process.stdout
        assert self.process.stdout.readline() == "begun\n"
        return client

    def wait_until_it_stops(self) -> None:
        """It has had the signal, and lets nobody in any more."""
        deadline = time.monotonic() + 5
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):  # one that waited is reset
            while time.monotonic() < deadline:
                socket.create_connection(("127.0.0.1", self.port)).close()
            pytest.fail("newcomers are let in 5 s after the signal")

    def end(self, timeout_s: float = 10) -> tuple[int, str, str]:
        """Exit status, the rest of stdout, and stderr."""
        try:
            out, err = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, out, err


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    """Ended, whatever the test does."""
    started: list[Program] = []
    yield started
    for program in started:
        program.process.kill()
        program.process.communicate()


@pytest.mark.parametrize("options", MODES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_gracefully(options: str, number: int, programs: list[Program]) -> None:
    program = Program(options)
    programs.append(program)
    assert program.get("/pid").isdecimal()
    program.process.send_signal(number)
    assert program.end() == (0, "run has returned\n", "")


@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(loop='uvloop')"])
def test_a_signal_that_does_not_interrupt_the_wait_is_seen(
    options: str, tmp_path: Path, programs: list[Program]
) -> None:
    """Such as one that another thread gets."""
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


@pytest.mark.parametrize("options", ["dict(workers=2)", "dict(workers=2, fast=True)"])
def test_two_signals_that_come_as_one_end_the_workers_too(options: str, programs: list[Program]) -> None:
    program = Program(options.replace("dict(", "dict(shutdown_timeout=30, "))
    programs.append(program)
    with program.begin("/sleep/20"):
        program.process.send_signal(signal.SIGTERM)
        program.process.send_signal(signal.SIGINT)
        assert program.end()[0] in (130, 143)  # which of the two is seen first is the kernel's affair


@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)", "dict(loop='uvloop')", "dict(workers=2)"])
@pytest.mark.parametrize(("path", "within_s"), [("/sleep/20", 3), ("/thread/20", 4)])
def test_shutdown_never_takes_longer_than_its_timeout(
    options: str, path: str, within_s: float, programs: list[Program]
) -> None:
    """Much longer: asyncio's executor has a second more for what handlers have left in it."""
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


@pytest.mark.parametrize("options", ["dict()", "dict(fast=True)"])
@pytest.mark.parametrize("path", ["/deaf", "/sleep/30", "/thread/30"])
def test_sys_exit_in_a_handler_ends_with_its_status(options: str, path: str, programs: list[Program]) -> None:
    """Whatever the others do."""
    program = Program(options)
    programs.append(program)
    with program.begin(path), contextlib.suppress(OSError):
        program.get("/leave")
    status, _, err = program.end()
    assert status == 7
    assert re.search("ignored their cancellation: left|did not end.*: left", err), err


def test_what_ends_a_worker_is_told_and_its_exit_functions_run() -> None:
    text = """
import atexit, os, sys
atexit.register(lambda: os.write(1, b"exit of one\\n"))
from proapi import ProAPI
app = ProAPI()
app.on_startup(lambda: sys.exit("no database"))
app.run(workers=2)
"""
    program = Program("", text)
    status, out, err = program.end()
    assert status == 1
    assert "no database\n" in err
    assert "while it stopped" not in err
    # The supervisor's and that worker's; the other may be told to stop before it has begun.
    assert (program.first_line + out).count("exit of one") >= 2


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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("dict(port=70000)", "port: expected a number from 0 to 65535, got 70000"),
        ("dict(workers=0)", "workers: expected a number from 1 to 1024, got 0"),
        ("dict(loop='x')", "loop: expected 'asyncio' or 'uvloop', got 'x'"),
        ("dict(fast=True, loop='uvloop')", "leave out loop='uvloop'"),
        ("dict(nothing=1)", "'nothing' is not a setting"),
        ("dict(max_body='much')", "max_body: expected a whole number"),
        ("dict(host='203.0.113.7')", "203.0.113.7"),
        ("dict(host='203.0.113.7', workers=2)", "203.0.113.7"),
    ],
)
def test_a_bad_option_is_one_line(options: str, expected: str) -> None:
    status, _, err = Program(options).end()
    assert status == 1
    assert err.count("\n") == 1
    assert expected in err


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


async def test_run_in_a_running_loop_names_serve() -> None:
    app = ProAPI()
    with pytest.raises(RuntimeError, match=r"use `await app.serve\(\)`"):
        app.run(max_body=7)
    assert app.limits["max_body"] != 7


def test_a_dead_worker_is_replaced(programs: list[Program]) -> None:
    program = Program("dict(workers=1 + 1)")
    programs.append(program)
    before = {program.get("/pid") for _ in range(50)}
    os.kill(int(before.pop()), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if len({program.get("/pid") for _ in range(50)} - before) == 1:
                break
        except OSError:
            continue
    else:
        pytest.fail("no new worker within 5 s")
    program.process.send_signal(signal.SIGTERM)
    status, _, err = program.end()
    assert status == 0
    assert re.search(r"worker \d \(pid \d+\) was ended by SIGKILL", err)


def test_workers_that_die_young_are_no_fork_bomb(programs: list[Program]) -> None:
    """However often they are asked to die, in four seconds they do it seven times at most."""
    program = Program("dict(workers=2)")
    programs.append(program)
    observed_s, pause_s = 4, 0.02  # the pause is for those who would start workers
    began = time.monotonic()
    while time.monotonic() - began < observed_s:
        with contextlib.suppress(OSError):
            program.get("/exit")
        time.sleep(pause_s)
    program.process.send_signal(signal.SIGTERM)
    status, _, err = program.end()
    assert status == 0
    assert err.count("ended with status 9") <= 2 + 5


def test_workers_stop_when_the_supervisor_is_killed(programs: list[Program]) -> None:
    program = Program("dict(workers=2)")
    programs.append(program)
    workers = {int(program.get("/pid")) for _ in range(50)}
    ends = [os.pidfd_open(pid) for pid in workers]
    try:
        program.process.kill()
        program.process.communicate()
        for end in ends:
            ended, _, _ = select.select([end], [], [], 5)
            assert ended, f"one of {workers} goes on without the supervisor"
    finally:
        for end in ends:
            os.close(end)


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


STARTS_BADLY = """
import os, sys, time
from proapi import ProAPI
app = ProAPI(shutdown_timeout=float(sys.argv[2]))

@app.on_startup
def start():
    try:
        os.mkdir(sys.argv[1])
    except FileExistsError:
        raise KeyError(os.getpid())
    time.sleep(60)

app.run(port=0, workers=2)
"""


def test_a_worker_that_fails_to_start_does_not_wait_for_ever_for_another(tmp_path: Path) -> None:
    """The other one is killed after shutdown_timeout, as in every stop."""
    result = subprocess.run(
        [sys.executable, "-c", STARTS_BADLY, str(tmp_path / "first"), "0.1"],
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("KeyError: ") == 1


def test_a_signal_ends_a_start_that_has_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS_BADLY, str(tmp_path / "first"), "30"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            while not (found := re.match(r"KeyError: (\d+)", process.stderr.readline())):
                assert process.poll() is None
            with pytest.raises(ProcessLookupError):  # the supervisor knows of its end
                for _ in range(500):  # nothing tells when a child has been waited for
                    os.kill(int(found[1]), 0)
                    time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 130
        finally:
            process.kill()


FORKS_A_CHILD = """
import os, sys, time
from proapi import ProAPI
app = ProAPI(shutdown_timeout=1)

@app.on_startup
def start():
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    os._exit(3)

app.run(port=0, workers=2)
"""


def test_a_workers_own_child_does_not_hold_the_supervisor(tmp_path: Path) -> None:
    """It has inherited the pipe by which the worker, dead before it served, would have said that it serves."""
    with (tmp_path / "log").open("w") as log:  # a pipe would be the children's, too
        command = [sys.executable, "-c", FORKS_A_CHILD]
        with subprocess.Popen(command, stderr=log, start_new_session=True) as process:
            try:
                assert process.wait(10) == 1
            finally:
                os.killpg(process.pid, signal.SIGKILL)


FORK_FAILS = """
import errno, os, signal, sys
import proapi.workers
from proapi import ProAPI
proapi.workers._RETRY_S = 0.2
app = ProAPI(shutdown_timeout=1)
fork, forks = os.fork, []

def fork_but_once():
    forks.append(0)
    if len(forks) == 3:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()

os.fork = fork_but_once

@app.get("/pid")
def pid():
    return str(os.getpid())

app.run(workers=2)
"""


def test_a_worker_that_can_not_be_started_anew_ends_no_other(programs: list[Program]) -> None:
    program = Program("", FORK_FAILS)
    programs.append(program)
    before = {int(program.get("/pid")) for _ in range(50)}
    gone = before.pop()
    os.kill(gone, signal.SIGKILL)
    deadline = time.monotonic() + 10
    after: set[int] = set()
    while time.monotonic() < deadline and len(after - {gone} | before) < 2:
        with contextlib.suppress(OSError):  # connections that the dead one had taken in
            after.add(int(program.get("/pid")))
    assert before < after
    program.process.send_signal(signal.SIGTERM)
    status, _, err = program.end()
    assert status == 0
    assert "can't be started: Resource temporarily unavailable; it is tried again in 0.2 s" in err


def test_workers_that_stop_run_exit_functions(programs: list[Program]) -> None:
    # By one write each: what print() writes to a pipe may come in pieces (PYTHONUNBUFFERED), those of others between.
    text = "import atexit, os\natexit.register(lambda: os.write(1, b'exit of %d\\n' % os.getpid()))\n" + PROGRAM
    program = Program("dict(workers=2)", text)
    programs.append(program)
    workers = {int(program.get("/pid")) for _ in range(50)}
    program.process.send_signal(signal.SIGTERM)
    status, out, err = program.end()
    assert (status, err) == (0, "")
    exits = {int(pid) for pid in re.findall(r"exit of (\d+)", out)}
    assert exits == workers | {program.process.pid}
