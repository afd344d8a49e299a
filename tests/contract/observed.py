"""Reads what a server reports about itself while a test runs."""

import time

from front_ends import Server
from raw import http

SOON = 3.0  # a time limit of 0.3 s, plus the delays of a busy machine


def limits_of(server: Server) -> dict[str, float]:
    limits: dict[str, float] = http(server.port, "GET", "/stats").json()["limits"]
    return limits


def closed(server: Server, code: int) -> int:
    return int(http(server.port, "GET", "/stats").json()["closed"].get(str(code), 0))


def within(seconds: float, since: float) -> None:
    assert time.monotonic() - since < seconds
