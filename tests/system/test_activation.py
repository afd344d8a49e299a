"""systemd's sockets: the units of the documentation, and a program that ``systemd-socket-activate`` starts."""

import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from promises import promise
from proxies import free_port, replaced
from system_servers import CONTRACT, ROOT, python_path, read_section

PROGRAM = """
import os
from proapi import ProAPI

app = ProAPI()

@app.get("/pid")
async def pid():
    return [os.getpid(), sorted(name for name in os.environ if name.startswith("LISTEN_"))]

app.run()
"""
WAIT_S = 20.0


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=WAIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(self._path)


def ask(connection: http.client.HTTPConnection) -> bytes:
    try:
        connection.request("GET", "/pid")
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content
        return content
    finally:
        connection.close()


def environment() -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONPATH": python_path()}


@contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


# ---- the documented units -------------------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> dict[str, str]:
    """The units of the documentation by name, with a program and a path that exist."""
    text = (ROOT / "docs" / "behind-a-proxy.md").read_text()
    found = dict(re.findall(r"^`/etc/systemd/system/(\S+)`:\n\n```ini\n(.*?)^```$", text, re.M | re.S))
    assert found.keys() == {"chat.socket", "chat.service"}
    (tmp_path / "main.py").write_text(PROGRAM)
    found["chat.socket"] = replaced(r"/run/chat\.sock\b", str(tmp_path / "chat.sock"), found["chat.socket"])
    service = replaced(r"/srv/chat/\.venv/bin/python\b", sys.executable, found["chat.service"])
    found["chat.service"] = replaced(r"/srv/chat/main\.py\b", str(tmp_path / "main.py"), service)
    return found


def test_systemd_takes_them(units: dict[str, str], tmp_path: Path) -> None:
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed")
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    files = [tmp_path / name for name in units]
    done = subprocess.run(
        [program, "verify", "--man=no", *files], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert [line for line in done.stderr.splitlines() if "chat." in line] == []


@promise("hot-restart")
def test_a_restart_refuses_nobody(units: dict[str, str]) -> None:
    """As systemd does it: the socket is there first, and stays."""
    section = read_section(units["chat.socket"], "Socket")
    assert set(section) == {"ListenStream", "SocketMode", "SocketGroup"}
    path = section["ListenStream"]
    command = shlex.split(read_section(units["chat.service"], "Service")["ExecStart"])
    with socket.socket(socket.AF_UNIX) as kept:
        kept.bind(path)
        os.chmod(path, int(section["SocketMode"], 8))
        kept.listen()
        seen = set()
        for _ in range(2):
            waiting = UnixConnection(path)
            waiting.connect()  # while no server runs
            launcher = [sys.executable, CONTRACT / "launch.py", str(kept.fileno()), *command]
            with ended(subprocess.Popen(launcher, env=environment(), pass_fds=[kept.fileno()])) as process:
                answer = ask(waiting)
                assert answer == b"[%d,[]]" % process.pid, "the variables are taken"
                seen.add(answer)
                process.send_signal(signal.SIGTERM)
                assert process.wait(WAIT_S) == 0
        assert len(seen) == 2
        assert os.path.exists(path), "the file is systemd's"


# ---- systemd's own launcher -----------------------------------------------------------------------------------------


@promise("socket-activation")
def test_systemd_socket_activate(tmp_path: Path) -> None:
    if (launcher := shutil.which("systemd-socket-activate")) is None:
        pytest.skip("systemd-socket-activate is not installed")
    (tmp_path / "main.py").write_text(PROGRAM)
    port, path = free_port(), str(tmp_path / "chat.sock")
    variables = [f"--setenv={name}={value}" for name, value in environment().items()]
    command = [launcher, *variables, "-l", f"127.0.0.1:{port}", "-l", path, sys.executable, tmp_path / "main.py"]
    with ended(subprocess.Popen(command, stderr=subprocess.PIPE)) as process:
        assert process.stderr
        for line in process.stderr:
            if b"Listening on" in line and path.encode() in line:
                break
        expected = b"[%d,[]]" % process.pid
        assert ask(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) == expected
        assert ask(UnixConnection(path)) == expected
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        process.stderr.close()
