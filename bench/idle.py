"""Measures the resident memory that a server needs for each idle connection.

A connection counts after its handshake and one echoed message. "Before" is measured after the server's first connection
has come and gone. So one-time allocations are not counted, and no freed memory of earlier connections hides the cost.
"""

import resource
import time

import client
from servers import BenchError, Cores, Running, Server, running

SETTLE_S = 1.0  # by then, buffers that the loop frees at the end of a turn have been freed
RESERVE = 256  # descriptors that are not connections: the interpreter's, and the server's reserve


def allow_connections(wanted: int) -> int:
    """Raises the descriptor limit of this process and its children. Returns how many connections the limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = wanted + RESERVE
    if soft != resource.RLIM_INFINITY and soft < need:
        for limits in ((need, max(hard, need)), (hard, hard)):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                break
            except (ValueError, OSError):  # only a privileged process may exceed the hard limit
                continue
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(0, soft - RESERVE))


def measure(server: Server, connections: int, cores: Cores) -> float:
    """Returns the bytes per connection."""
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
