"""Server CPU time per echoed message, of several servers side by side in one run.

Loopback, CONNECTIONS sockets, 20-byte text messages, with 1 and with 32 messages in flight on each. The servers take
turns for ROUNDS rounds, since the speed of a shared machine drifts; what is printed is each one's median and its ratio
to the first. CPU time is the kernel's account of the server process (utime + stime), so the client's own speed matters
little. A server that can't be started here is left out, and said to be.
"""

import argparse
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 64
PAYLOAD = b"twenty bytes of text"
MASK = b"\x37\xfa\x21\x3d"
FRAME = bytes([0x81, 0x80 | len(PAYLOAD)]) + MASK + bytes(c ^ MASK[i & 3] for i, c in enumerate(PAYLOAD))
REPLY_BYTES = 2 + len(PAYLOAD)
UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    name: str
    command: list[str]
    results: dict[int, list[float]] = field(default_factory=dict)


def servers() -> list[Server]:
    python, app = sys.executable, str(ROOT / "tests/contract/app.py")
    found = [
        Server("ProAPI, Python, fast", [python, app, "--fast", "--port", "{port}"]),
        Server("ProAPI, Python, standard", [python, app, "--port", "{port}"]),
        Server("ProAPI, C++", [str(ROOT / "build/release/contract_app"), "--port", "{port}"]),
        Server("ProAPI under uvicorn", [python, "-m", "uvicorn", "--app-dir", str(ROOT / "tests/contract"),
                                        "--log-level", "warning", "--port", "{port}", "app:app"]),
    ]  # fmt: skip
    if node := shutil.which("node"):
        found.append(Server("Node.js ws", [node, str(ROOT / "bench/node_echo.mjs"), "{port}"]))
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def connect(port: int, deadline: float) -> socket.socket:
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(UPGRADE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = sock.recv(1)
        if not part:
            raise ConnectionError(f"handshake ended after {head!r}")
        head += part
    if not head.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(f"expected 101, got {head!r}")
    return sock


def echo(port: int, in_flight: int, seconds: float) -> int:
    """Keeps `in_flight` messages going on every connection; gives how many came back."""
    sockets = {}
    poll = select.epoll()
    for _ in range(CONNECTIONS):
        sock = connect(port, time.monotonic() + 10)
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    waiting = dict.fromkeys(sockets, 0)
    for sock in sockets.values():
        sock.sendall(FRAME * in_flight)
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for fd, _ in poll.poll(1):
            waiting[fd] += len(sockets[fd].recv(65536))
            done, waiting[fd] = divmod(waiting[fd], REPLY_BYTES)
            if done:
                count += done
                sockets[fd].sendall(FRAME * done)
    for sock in sockets.values():
        sock.close()
    return count


def measure(server: Server, in_flight: int, seconds: float) -> float:
    port = free_port()
    command = [part.format(port=port) for part in server.command]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            connect(port, time.monotonic() + 15).close()
            echo(port, in_flight, seconds / 4)
            before = cpu_seconds(process.pid)
            count = echo(port, in_flight, seconds)
            return (cpu_seconds(process.pid) - before) / count * 1e6
        finally:
            process.terminate()
            process.wait(15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    candidates = servers()
    for _ in range(arguments.rounds):
        for in_flight in (1, 32):
            for server in list(candidates):
                try:
                    server.results.setdefault(in_flight, []).append(measure(server, in_flight, arguments.seconds))
                except (OSError, FileNotFoundError) as error:
                    print(f"left out: {server.name}: {error}")
                    candidates.remove(server)
    print(f"{CONNECTIONS} connections, {len(PAYLOAD)}-byte messages, {arguments.rounds} rounds of {arguments.seconds} s")
    print(f"{'server CPU per message':<28}{'1 in flight':>22}{'32 in flight':>22}")
    for server in candidates:
        row = f"{server.name:<28}"
        for in_flight in (1, 32):
            own = statistics.median(server.results[in_flight])
            first = statistics.median(candidates[0].results[in_flight])
            row += f"{own:>11.2f} us {own / first:>6.2f}x"
        print(row)


if __name__ == "__main__":
    main()
