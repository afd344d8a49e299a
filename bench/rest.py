"""Measures what a request of JSON costs ProAPI in fast mode and in C++, and other frameworks on uvicorn with httptools
and uvloop.

    make bench, or .venv/bin/python bench/rest.py [--rounds 20]

Each server has one core, and serves 64 connections with one request in flight each. The servers are measured in turns,
in random order. A server's CPU time per request is compared: while it is the bottleneck, the quotient of two is that of
their requests per second.
"""

import argparse
import contextlib
import random
import signal
import statistics
import sys

import hello
from client import Echoed
from echo import Target
from servers import APPS, BUILD, CPP, BenchError, Running, Server, missing_module, running, take_cores, versions

CONNECTIONS = 64
WARM_UP_S = 0.05

PROAPI = "ProAPI, fast"
STARLETTE, FASTAPI, BLACKSHEEP = "Starlette", "FastAPI", "BlackSheep"

BODY = b'{"text":"what is sought","tags":["one","two","three"]}'
REQUESTS = {
    "GET /": hello.GET,
    "GET /user/{name}": b"GET /user/ada HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "POST /search": (
        b"POST /search?skip=20&limit=10&exact=true HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Token: abc\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
    ),
}

# How many times as many requests per second: at least.
TARGETS = {
    ("GET /", STARLETTE): 2.5,
    ("GET /user/{name}", STARLETTE): 2.5,
    ("GET /", FASTAPI): 6.0,
    ("GET /user/{name}", FASTAPI): 6.0,
    ("GET /", BLACKSHEEP): 1.7,
    ("GET /user/{name}", BLACKSHEEP): 1.7,
    ("POST /search", FASTAPI): 6.0,
}

Results = dict[tuple[str, str], list[Echoed]]


def candidates() -> list[Server]:
    uvicorn = (sys.executable, "-m", "uvicorn", "--app-dir", str(APPS), "--loop", "uvloop", "--http", "httptools",
               "--log-level", "warning", "--no-access-log", "--host", "127.0.0.1", "--port", "{port}")  # fmt: skip
    no_uvicorn = missing_module("uvicorn") or missing_module("uvloop") or missing_module("httptools")
    cpp = BUILD / "bench/rest"
    return [
        Server(CPP, (str(cpp),), "" if cpp.exists() else f"{cpp}; `make cpp` builds it"),
        Server(PROAPI, (sys.executable, str(APPS / "proapi_rest.py")), missing_module("proapi")),
        Server(STARLETTE, (*uvicorn, "starlette_rest:app"), no_uvicorn or missing_module("starlette")),
        Server(FASTAPI, (*uvicorn, "fastapi_rest:app"), no_uvicorn or missing_module("fastapi")),
        Server(BLACKSHEEP, (*uvicorn, "blacksheep_rest:app"), no_uvicorn or missing_module("blacksheep")),
    ]


def has(server: str, request: str) -> bool:
    return request != "POST /search" or server in (PROAPI, FASTAPI)


def measure(up: list[tuple[str, Running]], rounds: int, seconds: float) -> Results:
    results: Results = {}
    for _ in range(rounds):
        for request, octets in REQUESTS.items():
            for name, process in random.sample(up, len(up)):
                if has(name, request):
                    measured = hello.hello(
                        process, connections=CONNECTIONS, warm_up_s=WARM_UP_S, seconds=seconds, request=octets
                    )
                    results.setdefault((name, request), []).append(measured)
    return results


def ratio(results: Results, request: str, other: str) -> float | None:
    """Returns how many times as many requests ProAPI answers in the same CPU time."""
    pairs = zip(results.get((PROAPI, request), []), results.get((other, request), []), strict=False)
    found = [theirs.cpu_s_a_message / own.cpu_s_a_message for own, theirs in pairs]
    return statistics.median(found) if found else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.25, help="a turn of one server; 0.25")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that context managers stop the servers
    cores = take_cores()
    print(cores, versions(), sep="\n", flush=True)
    with contextlib.ExitStack() as stack:
        up = []
        for server in candidates():
            if server.missing:
                print(f"left out: {server.name}: {server.missing}", flush=True)
                continue
            try:
                up.append((server.name, stack.enter_context(running(server, cores))))
            except BenchError as error:
                print(f"left out: {server.name}: {error}", flush=True)
        results = measure(up, arguments.rounds, arguments.seconds)
    print(f"\nserver CPU of a request, {CONNECTIONS} connections, medians of {arguments.rounds} turns")
    for (name, request), found in sorted(results.items(), key=lambda item: item[0][1]):
        print(f"{request:<20}{name:<16}{statistics.median(each.cpu_s_a_message for each in found) * 1e6:>8.2f} us")
    print("\ntargets")
    for (request, other), limit in TARGETS.items():
        print(Target(f"{request}, times {other}", limit, "x", ratio(results, request, other)).row())


if __name__ == "__main__":
    main()
