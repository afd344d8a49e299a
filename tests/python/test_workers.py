"""``app.run(workers=...)`` from outside: the supervisor and its processes."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from promises import promise
from running_program import PROGRAM, Program, free_port


@pytest.mark.parametrize("options", ["dict(workers=2)", "dict(workers=2, fast=True)"])
def test_two_signals_that_come_as_one_end_the_workers_too(options: str, programs: list[Program]) -> None:
    program = Program(options.replace("dict(", "dict(shutdown_timeout=30, "))
    programs.append(program)
    with program.begin("/sleep/20"):
        program.process.send_signal(signal.SIGTERM)
        program.process.send_signal(signal.SIGINT)
        assert program.end()[0] in (130, 143)  # the kernel decides which of the two is seen first


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
    # Those of the supervisor and of that worker. The other worker may be told to stop before it has begun.
    assert (program.first_line + out).count("exit of one") >= 2


@promise("workers-are-replaced")
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


@promise("workers-are-replaced")
def test_workers_that_die_young_are_no_fork_bomb(programs: list[Program]) -> None:
    """However often the workers are asked to die, they do so at most seven times in four seconds."""
    program = Program("dict(workers=2)")
    programs.append(program)
    observed_s, pause_s = 4, 0.02  # the pause leaves time to start workers
    began = time.monotonic()
    while time.monotonic() - began < observed_s:
        with contextlib.suppress(OSError):
            program.get("/exit")
        time.sleep(pause_s)
    program.process.send_signal(signal.SIGTERM)
    status, _, err = program.end()
    assert status == 0
    assert err.count("ended with status 9") <= 2 + 5


@promise("workers-are-replaced")
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
    """The other worker is killed after shutdown_timeout, as in every stop."""
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
            with pytest.raises(ProcessLookupError):  # the supervisor has noticed the worker's end
                for _ in range(500):  # there is no event for the wait that reaps a child
                    os.kill(int(found[1]), 0)
                    time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 130
        finally:
            process.kill()


FORKS_A_CHILD = """
import os, signal
from proapi import ProAPI
app = ProAPI(shutdown_timeout=1)

@app.on_startup
def start():
    if os.fork() == 0:
        signal.alarm(30)  # the test ends it before
        signal.pause()
    os._exit(3)

app.run(port=0, workers=2)
"""


@promise("workers-are-replaced")
def test_a_workers_own_child_does_not_hold_the_supervisor(tmp_path: Path) -> None:
    """The child has inherited the pipe on which the worker, which died before it served, would have reported that it
    serves."""
    with (tmp_path / "log").open("w") as log:  # a file, because the children would inherit a pipe as well
        command = [sys.executable, "-c", FORKS_A_CHILD]
        with subprocess.Popen(command, stderr=log, start_new_session=True) as process:
            try:
                assert process.wait(10) == 1
            finally:
                os.killpg(process.pid, signal.SIGKILL)


FORK_FAILS = """
import errno, os
import proapi._serving.workers
from proapi import ProAPI
proapi._serving.workers._RETRY_S = 0.2
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


@promise("workers-are-replaced")
def test_a_worker_that_can_not_be_started_anew_ends_no_other(programs: list[Program]) -> None:
    program = Program("", FORK_FAILS)
    programs.append(program)
    before = {int(program.get("/pid")) for _ in range(50)}
    gone = before.pop()
    os.kill(gone, signal.SIGKILL)
    deadline = time.monotonic() + 10
    after: set[int] = set()
    while time.monotonic() < deadline and len(after - {gone} | before) < 2:
        with contextlib.suppress(OSError):  # connections that the dead worker had accepted
            after.add(int(program.get("/pid")))
    assert before < after
    program.process.send_signal(signal.SIGTERM)
    status, _, err = program.end()
    assert status == 0
    assert "can't be started: Resource temporarily unavailable; it will be retried in 0.2 s" in err


def test_workers_that_stop_run_exit_functions(programs: list[Program]) -> None:
    # One write() each: with PYTHONUNBUFFERED, print() may write to a pipe in pieces, interleaved with those of others.
    text = "import atexit, os\natexit.register(lambda: os.write(1, b'exit of %d\\n' % os.getpid()))\n" + PROGRAM
    program = Program("dict(workers=2)", text)
    programs.append(program)
    workers = {int(program.get("/pid")) for _ in range(50)}
    program.process.send_signal(signal.SIGTERM)
    status, out, err = program.end()
    assert (status, err) == (0, "")
    exits = {int(pid) for pid in re.findall(r"exit of (\d+)", out)}
    assert exits == workers | {program.process.pid}


POOLS = """
import asyncio, multiprocessing, os, sys, tempfile, threading, time
from concurrent.futures import ProcessPoolExecutor
from proapi import ProAPI
app = ProAPI(shutdown_timeout=0.5)
folder = tempfile.TemporaryDirectory()
helper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
helper.start()
pool = None

@app.get("/pid")
def pid():
    return str(os.getpid())

@app.get("/shared")
def shared():
    return f"{os.path.isdir(folder.name)} {os.path.exists(f'/proc/{helper.pid}')}"

@app.get("/pool")
async def work():
    global pool
    pool = pool or ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    return str(await asyncio.get_running_loop().run_in_executor(pool, os.getpid))

@app.get("/thread")
async def thread():
    threading.Thread(target=lambda: (time.sleep(1), os.write(1, b"the thread has ended\\n"))).start()
    return str(os.getpid())

@app.on_shutdown
async def flush():
    if "long" in sys.argv[1:]:
        await asyncio.sleep(3.5)
    os.write(1, b"flushed\\n")

app.run(**eval(sys.argv[1]))
"""


@promise("workers-end-as-programs")
def test_pools_and_threads_of_a_worker_end_with_it(programs: list[Program]) -> None:
    program = Program("dict(workers=2)", POOLS)
    programs.append(program)
    children = {int(program.get("/pool")) for _ in range(20)}
    workers = {program.get("/thread") for _ in range(20)}
    program.process.send_signal(signal.SIGTERM)
    status, out, err = program.end(8)
    assert (status, err) == (0, "")
    assert out.count("the thread has ended") == 20
    assert len(workers) == 2
    assert not any(Path(f"/proc/{child}").exists() for child in children)


@promise("workers-end-as-programs")
def test_a_workers_end_is_not_that_of_what_the_program_made_before(programs: list[Program]) -> None:
    program = Program("dict(workers=2)", POOLS)
    programs.append(program)
    first = program.get("/pid")
    os.kill(int(first), signal.SIGTERM)
    deadline = time.monotonic() + 10
    while len({program_pid(program) for _ in range(20)} - {first, ""}) < 2:
        assert time.monotonic() < deadline
    assert {program.get("/shared") for _ in range(10)} == {"True True"}
    program.process.send_signal(signal.SIGTERM)
    assert program.end()[0] == 0


def program_pid(program: Program) -> str:
    with contextlib.suppress(OSError):  # a connection that the ending worker had accepted
        return program.get("/pid")
    return ""


def test_what_an_exit_function_raises_is_said_and_no_more(programs: list[Program]) -> None:
    text = "import threading\nthreading._register_atexit(lambda: 1 / 0)\n" + GROUP
    program = Program("dict(workers=2)", text + "os.write(1, b'after run\\n')\n")
    programs.append(program)
    program.process.send_signal(signal.SIGTERM)
    status, out, err = program.end()
    assert status == 0
    assert out.count("flushed") == 2
    assert out.count("after run") == 1
    assert "ZeroDivisionError" in err


def test_a_signal_that_is_ignored_stays_so(programs: list[Program]) -> None:
    """As SIGINT is in a background job of a shell."""
    text = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + GROUP
    program = Program("dict(workers=2)", text, has_own_group=True)
    programs.append(program)
    before = {program.get("/pid") for _ in range(30)}
    os.killpg(program.process.pid, signal.SIGINT)
    assert {program.get("/pid") for _ in range(30)} == before
    program.process.send_signal(signal.SIGTERM)
    assert program.end()[0] == 0


@promise("workers-end-as-programs")
def test_shutdown_functions_have_the_time_that_they_take(programs: list[Program]) -> None:
    """Longer than the time that a worker which does not answer gets."""
    program = Program("dict(workers=2)", POOLS.replace("sys.argv[1:]", "'long'"))
    programs.append(program)
    program.process.send_signal(signal.SIGTERM)
    status, out, err = program.end(12)
    assert (status, err) == (0, "")
    assert out.count("flushed") == 2


@pytest.mark.parametrize("stdout", ["/dev/full", "closed"])
def test_a_stdout_that_takes_nothing_does_not_keep_workers_from_starting(stdout: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "main.py").write_text("print('hello')\n" + GROUP)
    command = [sys.executable, str(tmp_path / "main.py"), f"dict(workers=2, port={port})"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open(tmp_path / "log", "w") as log, open("/dev/full", "w") as full:
        process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" >&-', "sh", *command] if stdout == "closed" else command,
            stdout=full,
            stderr=log,
            env=environment,
        )
    try:
        first = pid_of_one(port)
        os.kill(int(first), signal.SIGKILL)
        deadline = time.monotonic() + 10
        while len({pid_of_one(port) for _ in range(20)} - {first}) < 2:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
    finally:
        process.terminate()
        process.wait(20)


def pid_of_one(port: int) -> str:
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/pid", timeout=10) as answer:
            return str(answer.read().decode())
        assert time.monotonic() < deadline


GROUP = """
import os, sys
from proapi import ProAPI
app = ProAPI()

@app.on_shutdown
def flush():
    os.write(1, b"flushed\\n")

@app.get("/pid")
def pid():
    return str(os.getpid())

app.run(**eval(sys.argv[1]))
"""


@promise("second-signal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("options", ["dict(workers=3)", "dict(workers=3, fast=True)"])
def test_a_signal_to_the_whole_group_is_one_wish(options: str, number: int, programs: list[Program]) -> None:
    """Service managers and terminals also send the signal to the workers, which then get it from the supervisor as
    well."""
    program = Program(options, GROUP, has_own_group=True)
    programs.append(program)
    assert len({program.get("/pid") for _ in range(100)}) == 3  # all of them serve
    os.killpg(program.process.pid, number)
    status, out, err = program.end()
    assert (status, err) == (0, "")
    assert out.count("flushed") == 3


@promise("second-signal")
def test_a_second_signal_to_the_whole_group_ends_it_at_once(programs: list[Program]) -> None:
    program = Program("dict(workers=2, shutdown_timeout=60)", has_own_group=True)
    programs.append(program)
    with program.begin("/sleep/20"):
        os.killpg(program.process.pid, signal.SIGTERM)
        program.wait_until_it_stops()
        os.killpg(program.process.pid, signal.SIGTERM)
        assert program.end()[0] == 128 + signal.SIGTERM


@promise("second-signal")
def test_a_second_signal_to_the_supervisor_ends_its_workers_at_once(programs: list[Program]) -> None:
    """The workers have had no signal before: the first one reached them through their lifeline."""
    program = Program("dict(workers=2, shutdown_timeout=60)")
    programs.append(program)
    with program.begin("/sleep/20"):
        program.process.send_signal(signal.SIGINT)
        program.wait_until_it_stops()
        program.process.send_signal(signal.SIGINT)
        assert program.end()[0] == 128 + signal.SIGINT
