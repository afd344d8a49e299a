"""The load of an HTTP server: one request in flight on each of some connections that are kept.

The client is written in Python and slower than the servers. So only the server's CPU time per request is measured.
"""

import re
import select
import socket
import time

from client import Echoed
from servers import BenchError, Running, kept_waiting_s

GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
RESPONSE_BYTES = 4096
STALL_S = 10

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def hello(server: Running, *, connections: int, warm_up_s: float, seconds: float, request: bytes = GET) -> Echoed:
    """Checks the status and the length of each response."""
    sockets = {}
    partial: dict[int, bytes] = {}
    with select.epoll() as epoll:
        try:
            for _ in range(connections):
                connected = socket.create_connection(("127.0.0.1", server.port), STALL_S)
                sockets[connected.fileno()] = connected
                epoll.register(connected, select.EPOLLIN)
            for each in sockets.values():
                each.send(request)
            _answer(epoll, sockets, partial, warm_up_s, request)
            before, waited_before = server.cpu_s(), server.kept_waiting_s() + kept_waiting_s(0)
            began, client_before = time.monotonic(), time.process_time()
            requests = _answer(epoll, sockets, partial, seconds, request)
            took_s, client_cpu_s = time.monotonic() - began, time.process_time() - client_before
            server_cpu_s = server.cpu_s() - before
            waited_s = server.kept_waiting_s() + kept_waiting_s(0) - waited_before
        finally:
            for each in sockets.values():
                each.close()
    return Echoed(requests, took_s, server_cpu_s, client_cpu_s, waited_s)


def _answer(
    epoll: select.epoll, sockets: dict[int, socket.socket], partial: dict[int, bytes], seconds: float, request: bytes
) -> int:
    """Sends another request for each response; returns how many came. `partial` keeps the beginnings of responses.

    The client never sleeps: to wake it costs a server more or less, depending on when the server writes head and body.
    """
    requests = 0
    until = time.monotonic() + seconds
    last = time.monotonic()
    while (now := time.monotonic()) < until:
        ready = epoll.poll(0)
        if ready:
            last = now
        elif now - last > STALL_S:
            raise BenchError(f"no response within {STALL_S} s")
        for fd, _ in ready:
            response = partial.pop(fd, b"") + sockets[fd].recv(RESPONSE_BYTES)
            if not response.startswith(b"HTTP/1.1 200 "):
                raise BenchError(f"expected a 200, got {response[:200]!r}")
            if _is_whole(response):
                sockets[fd].send(request)
                requests += 1
            else:  # uvicorn sends head and body one after the other
                partial[fd] = response
    return requests


def _is_whole(response: bytes) -> bool:
    head, end, body = response.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(end) and length is not None and len(body) == int(length[1])
