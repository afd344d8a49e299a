"""Resident memory of a server for each idle connection.

A connection counts after its handshake and one echoed message. "Before" is the server as it stands after its first
connection has come and gone: what is made once is not counted, and no freed memory of earlier crowds hides the cost.
"""

import resource
import time

import client
from servers import BenchError, Cores, Running, Server, running

SETTLE_S = 1.0  # buffers that a turn of the loop gives back have gone
RESERVE = 256  # descriptors which are no connections: the interpreter's, and the server's own reserve


def allow_connections(wanted: int) -> int:
    """Raises the descriptor limit for this process and its children; gives how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = wanted + RESERVE
    if soft != resource.RLIM_INFINITY and soft < need:
        for limits in ((need, max(hard, need)), (hard, hard)):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                break
            except (ValueError, OSError):  # beyond the hard limit only with privilege
                continue
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(0, soft - RESERVE))


def measure(server: Server, connections: int, cores: Cores) -> float:
    """Bytes a connection."""
    with running(server, cores) as process:
        with client.idle(process, 1):
            pass
        before = _settled(process)
        with client.idle(process, connections):
            after = _settled(process)
    if after <= before:
        raise BenchError(f"resident memory did not grow: {before} bytes before, {after} after")
    return (after - before) / connections


def _settled(process: Running) -> int:
    time.sleep(SETTLE_S)
    return process.resident_bytes()
