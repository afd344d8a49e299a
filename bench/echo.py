"""Compares echo servers in one run: messages per second, server CPU per message, memory of idle connections.

    python bench/echo.py [--quick]        (make bench, make bench-quick; needs build/release/bench/load_client)

Clients connect over loopback: 64 connections with 20-byte messages, one or 32 in flight on each, and fewer connections
with messages of up to 256 KiB. Servers run on one core and the client on another. The speed of a shared machine drifts,
so all servers run at the same time and take short turns, in a new order each round. A ratio of two servers is the
median over the rounds of their ratio within one round. The output shows medians, the range of the middle half of the
rounds, and each target next to its measured value.

The bare epoll program shows what epoll, recv and send cost without a server around them; with one message in flight, no
server on epoll is faster. The cost of large messages is given as a multiple of its cost. Under uvicorn, an echo and a
GET cost what uvicorn and the application need; these costs are compared with Starlette's. Over TLS 1.3, costs are
compared with those of picows.

With permessage-deflate, messages are JSON, and the client asks for no context takeover on either side. All else is each
server's default: level, window and memory differ, so the sizes of its messages are shown too, compared with those of
zlib's level 6, and what it has answered to the client. Costs are compared with those of aiohttp and of Starlette.

This is not a test: a missed
target is reported, and the exit status is 0.
"""

import argparse
import contextlib
import random
import signal
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from operator import ge, le

import client
import hello
import idle
from certificate import temporary_certificate
from client import Echoed
from servers import (
    CPP,
    DEFLATE_AIOHTTP,
    DEFLATE_CPP,
    DEFLATE_FAST,
    DEFLATE_STARLETTE,
    FAST,
    FLOOR,
    STANDARD,
    STARLETTE,
    TLS_CPP,
    TLS_FAST,
    TLS_PICOWS,
    UNDER_UVICORN,
    BenchError,
    Cores,
    Running,
    Server,
    candidates,
    running,
    take_cores,
    versions,
)


@dataclass(frozen=True)
class Load:
    connections: int
    in_flight: int  # on each connection
    text_bytes: int

    @property
    def size(self) -> str:
        return f"{self.text_bytes} B" if self.text_bytes < 1024 else f"{self.text_bytes // 1024} KiB"

    def __str__(self) -> str:
        return f"{self.connections} x {self.in_flight}, {self.size}"


SMALL = (Load(64, 1, 20), Load(64, 32, 20))
LARGE = (Load(64, 1, 16 * 1024), Load(1, 1, 16 * 1024), Load(16, 1, 256 * 1024), Load(1, 1, 256 * 1024))
TLS = (Load(64, 1, 20), Load(64, 1, 16 * 1024))
# A reply has the size, and the message 6 octets less: aiohttp compresses more than 16 KiB in another thread.
DEFLATE = (Load(64, 1, 1024), Load(64, 1, 16 * 1024))
WARM_UP_S = 0.05
GET_CONNECTIONS = 64
IDLE_CONNECTIONS = 10_000
BASELINE = STARLETTE
OURS = (FAST, STANDARD, CPP)
QUICK = (*OURS, BASELINE, UNDER_UVICORN, FLOOR, TLS_FAST, TLS_CPP, TLS_PICOWS,
         DEFLATE_FAST, DEFLATE_CPP, DEFLATE_AIOHTTP)  # fmt: skip
NAME_WIDTH = 30
BUSY = 0.9  # a server that used less of its core than this did not get enough work
DISTURBED = 0.03  # report it if other programs took more of the time than this


@dataclass(frozen=True)
class Comparison:
    """The servers whose clients have this option, the loads on them, and the server that the others are compared
    with."""

    client_option: str
    loads: tuple[Load, ...]
    baseline: str
    quick_share: float = 1.0  # of the rounds, with --quick


COMPARISONS = (
    Comparison("", (*SMALL, *LARGE), BASELINE),
    Comparison("--tls", TLS, TLS_PICOWS),
    Comparison("--deflate", DEFLATE, DEFLATE_AIOHTTP, quick_share=1 / 3),
)

Results = dict[tuple[str, Load], list[Echoed]]  # one Echoed per round
Gets = dict[str, list[Echoed]]


@dataclass(frozen=True)
class Target:
    what: str
    limit: float
    unit: str
    measured: float | None
    at_least: bool = True

    def row(self) -> str:
        sign, reaches = (">=", ge) if self.at_least else ("<=", le)
        row = f"{self.what:<62}{f'{sign} {self.limit:g} {self.unit}':>12}"
        if self.measured is None:
            return f"{row}{'not measured':>18}"
        verdict = "met" if reaches(self.measured, self.limit) else "not met"
        return f"{row}{f'{self.measured:.2f} {self.unit}':>12}   {verdict}"


def measure_echo(servers: list[Server], loads: tuple[Load, ...], cores: Cores, rounds: int, seconds: float) -> Results:
    """Measures all servers. A server that fails once is removed from the results and from `servers`."""
    results: Results = {}
    with contextlib.ExitStack() as stack:
        up: dict[str, Running] = {}

        def leave_out_of_all(server: Server, error: Exception) -> None:
            leave_out(server.name, str(error))
            servers.remove(server)
            for load in loads:
                results.pop((server.name, load), None)

        for server in list(servers):
            try:
                up[server.name] = stack.enter_context(running(server, cores))
            except (BenchError, OSError) as error:
                leave_out_of_all(server, error)
        for _ in range(rounds):
            for load in loads:
                for server in random.sample(servers, len(servers)):
                    try:
                        echoed = client.echo(
                            up[server.name],
                            connections=load.connections,
                            in_flight=load.in_flight,
                            text_bytes=load.text_bytes,
                            warm_up_s=WARM_UP_S,
                            seconds=seconds,
                        )
                    except BenchError as error:
                        leave_out_of_all(server, up[server.name].with_last_words(error))
                    except OSError as error:
                        leave_out_of_all(server, error)
                    else:
                        results.setdefault((server.name, load), []).append(echoed)
    return results


def measure_gets(servers: list[Server], cores: Cores, rounds: int, seconds: float) -> Gets:
    """Measures the servers under uvicorn."""
    results: Gets = {}
    compared = [server for server in servers if server.name in (STARLETTE, UNDER_UVICORN)]
    try:
        with contextlib.ExitStack() as stack:
            up = [(server.name, stack.enter_context(running(server, cores))) for server in compared]
            for _ in range(rounds):
                for name, process in random.sample(up, len(up)):
                    measured = hello.hello(process, connections=GET_CONNECTIONS, warm_up_s=WARM_UP_S, seconds=seconds)
                    results.setdefault(name, []).append(measured)
    except (BenchError, OSError) as error:
        leave_out("GET under uvicorn", str(error))
        return {}
    return results


def measure_idle(servers: list[Server], cores: Cores, connections: int) -> dict[str, float]:
    found = {}
    for server in servers:
        try:
            found[server.name] = idle.measure(server, connections, cores)
        except (BenchError, OSError) as error:
            leave_out(f"{server.name}, idle", str(error))
    return found


def leave_out(name: str, why: str) -> None:
    print(f"left out: {name}: {why}", flush=True)


def rates(results: Results, name: str, load: Load) -> list[float]:
    return [echoed.per_second for echoed in results.get((name, load), [])]


def ratios(results: Results, name: str, other: str, load: Load) -> list[float]:
    """Returns the ratio of the two servers' rates in each round."""
    pairs = zip(rates(results, name, load), rates(results, other, load), strict=False)
    return [one / two for one, two in pairs]


def ratio(results: Results, name: str, other: str, load: Load) -> float | None:
    found = ratios(results, name, other, load)
    return statistics.median(found) if found else None


def cost(own: list[Echoed], other: list[Echoed]) -> float | None:
    """Returns the server CPU per message as a multiple of the other server's."""
    pairs = zip(own, other, strict=False)
    found = [one.cpu_s_a_message / two.cpu_s_a_message for one, two in pairs if two.cpu_s_a_message > 0]
    return statistics.median(found) if found else None


def middle_half(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def echo_table(results: Results, servers: list[Server], load: Load, baseline: str) -> Iterator[str]:
    columns = f"messages/s {'middle half':>21} {'ratio, middle half':>22}   server CPU   busy: server, client"
    yield f"{load!s:<{NAME_WIDTH}}{columns}"
    waited = False
    for server in servers:
        found = results[server.name, load]
        low, high = middle_half(rates(results, server.name, load))
        compared = "-"
        if to_baseline := ratios(results, server.name, baseline, load):
            least, most = middle_half(to_baseline)
            compared = f"{statistics.median(to_baseline):.2f}x, {least:.2f} - {most:.2f}"
        messages = sum(echoed.messages for echoed in found)
        seconds = sum(echoed.seconds for echoed in found)
        server_cpu_s = sum(echoed.server_cpu_s for echoed in found)
        server_busy = server_cpu_s / seconds
        client_busy = sum(echoed.client_cpu_s for echoed in found) / seconds
        waited = waited or server_busy < BUSY
        yield (
            f"{server.name:<{NAME_WIDTH}}{statistics.median(rates(results, server.name, load)):>10,.0f} "
            f"{f'{low:,.0f} - {high:,.0f}':>21} {compared:>22} {server_cpu_s / messages * 1e6:>9.2f} us "
            f"{server_busy:>13.0%}{'*' if server_busy < BUSY else ','} {client_busy:.0%}"
        )
    if waited:
        yield "* it waited at times, for the client or for its core, and can do more messages a second than that"


def deflated(results: Results, servers: list[Server]) -> Iterator[str]:
    """Says how large each server's messages are, and what it has agreed to."""
    loads = "".join(f"{load.size:>10}" for load in DEFLATE)
    yield f"{'size, of zlib level 6':<{NAME_WIDTH}}{loads}   permessage-deflate with"
    for server in servers:
        found = (size_of_zlib(results, server.name, load) for load in DEFLATE)
        sizes = "".join("         -" if size is None else f"{size:>9.2f}x" for size in found)
        agreed = {each.deflated.extensions for each in results[server.name, DEFLATE[0]] if each.deflated}
        yield f"{server.name:<{NAME_WIDTH}}{sizes}   {' | '.join(agreed).replace('permessage-deflate; ', '')}"


def size_of_zlib(results: Results, name: str, load: Load) -> float | None:
    """Returns the size of the compressed replies as a multiple of what zlib's level 6 makes of them."""
    found = [echoed.deflated for echoed in results.get((name, load), []) if echoed.deflated]
    zlib_bytes = sum(each.zlib_bytes for each in found)
    return sum(each.payload_bytes for each in found) / zlib_bytes if zlib_bytes else None


def disturbed(results: Results) -> float:
    """Returns the share of the measured time during which other programs had the server's or the client's core."""
    everything = [echoed for found in results.values() for echoed in found]
    seconds = sum(echoed.seconds for echoed in everything)
    return sum(echoed.kept_waiting_s for echoed in everything) / seconds if seconds else 0.0


def targets(results: Results, gets: Gets, idle_bytes: dict[str, float], connections: int) -> Iterator[Target]:
    def cost_of(name: str, load: Load, other: str) -> float | None:
        return cost(results.get((name, load), []), results.get((other, load), []))

    baseline = f"times {BASELINE}"
    yield Target(f"fast mode, 1 in flight, {baseline}", 4.5, "x", ratio(results, FAST, BASELINE, SMALL[0]))
    yield Target(f"fast mode, 32 in flight, {baseline}", 14, "x", ratio(results, FAST, BASELINE, SMALL[1]))
    for load in SMALL:
        measured = ratio(results, STANDARD, FAST, load)
        yield Target(f"standard mode, {load.in_flight} in flight, of fast mode", 0.75, "x", measured)
    for name, limit in ((CPP, 1.4), (FAST, 1.9)):
        for load in LARGE:
            yield Target(f"CPU of {load}, {name}", limit, "x", cost_of(name, load, FLOOR), at_least=False)
    for load in SMALL:
        measured = cost_of(UNDER_UVICORN, load, STARLETTE)
        what = f"CPU under uvicorn of Starlette's, {load.in_flight} in flight"
        yield Target(what, 1.0, "x", measured, at_least=False)
    measured = cost(gets.get(UNDER_UVICORN, []), gets.get(STARLETTE, []))
    yield Target("CPU under uvicorn of Starlette's, GET", 1.0, "x", measured, at_least=False)
    for name, limits in ((TLS_CPP, (0.66, 0.82)), (TLS_FAST, (0.76, 0.87))):
        for load, limit in zip(TLS, limits, strict=True):
            what = f"CPU of {load}, {name}, of picows'"
            yield Target(what, limit, "x", cost_of(name, load, TLS_PICOWS), at_least=False)
    yield from deflate_targets(results)
    for name, limit in ((FAST, 6), (STANDARD, 6), (CPP, 1.5)):
        bytes_each = idle_bytes.get(name)
        measured = None if bytes_each is None else bytes_each / 1024
        yield Target(f"one of {connections:,} idle connections, {name}", limit, "KiB", measured, at_least=False)
    for name, plain in ((TLS_FAST, FAST), (TLS_CPP, CPP)):
        both = (idle_bytes.get(name), idle_bytes.get(plain))
        measured = None if None in both else (idle_bytes[name] - idle_bytes[plain]) / 1024
        yield Target(f"the part of TLS in one of them, {plain}", 12, "KiB", measured, at_least=False)


def deflate_targets(results: Results) -> Iterator[Target]:
    """Compares with servers that a package index has.

    The limits are derived: the C++ server may need 0.6 of the CPU of uWebSockets at 1 KiB and 0.4 at 16 KiB, fast mode
    0.7 and 0.45. No package index has uWebSockets. In an earlier run it needed 10.6 and 77 us, aiohttp 11.5 and 42 us,
    Starlette under uvicorn 17.9 and 91 us. So 0.6 of uWebSockets is 0.6 * 10.6 / 11.5 = 0.55 of aiohttp.
    """
    limits = (
        (DEFLATE_CPP, CPP, DEFLATE_AIOHTTP, "aiohttp's", (0.55, 0.73)),
        (DEFLATE_CPP, CPP, DEFLATE_STARLETTE, "Starlette's", (0.35, 0.33)),
        (DEFLATE_FAST, FAST, DEFLATE_AIOHTTP, "aiohttp's", (0.64, 0.82)),
        (DEFLATE_FAST, FAST, DEFLATE_STARLETTE, "Starlette's", (0.41, 0.38)),
    )
    for name, title, other, whose, sizes in limits:
        for load, limit in zip(DEFLATE, sizes, strict=True):
            measured = cost(results.get((name, load), []), results.get((other, load), []))
            yield Target(f"CPU of deflate, {load.size}, {title}, of {whose}", limit, "x", measured, at_least=False)
    for name, title in ((DEFLATE_CPP, CPP), (DEFLATE_FAST, FAST)):
        for load in DEFLATE:
            measured = size_of_zlib(results, name, load)
            yield Target(f"size of deflate, {load.size}, {title}, of zlib's", 1.1, "x", measured, at_least=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about a minute: the servers the targets speak of")
    parser.add_argument("--rounds", type=int, help="60, or 15 with --quick")
    parser.add_argument("--seconds", type=float, default=0.25, help="a turn of one server; 0.25")
    parser.add_argument("--idle", type=int, default=IDLE_CONNECTIONS, metavar="CONNECTIONS")
    arguments = parser.parse_args()
    rounds = max(1, arguments.rounds or (15 if arguments.quick else 60))
    seconds = max(0.05, arguments.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that context managers stop the servers
    if not client.is_built():
        print(f"nothing is measured: {client.LOAD_CLIENT} is missing; `make cpp` builds it")
        return

    with temporary_certificate() as certificate:
        servers = []
        for server in candidates(certificate):
            if server.missing:
                leave_out(server.name, server.missing)
            elif not arguments.quick or server.name in QUICK:
                servers.append(server)
        measure(servers, rounds, seconds, arguments.idle, is_quick=arguments.quick)


def measure(servers: list[Server], rounds: int, seconds: float, idle_connections: int, *, is_quick: bool) -> None:
    """Measures everything, and prints it."""
    cores = take_cores()
    print(cores, versions(), sep="\n", flush=True)

    results: Results = {}
    for each in COMPARISONS:
        compared = [server for server in servers if server.client_option == each.client_option]
        its_rounds = max(1, round(rounds * each.quick_share)) if is_quick else rounds
        results |= measure_echo(compared, each.loads, cores, its_rounds, seconds)
        servers = [server for server in servers if server.client_option != each.client_option or server in compared]
        print(
            f"\nconnections x messages in flight, size; {its_rounds} rounds of {seconds:g} s a server, medians; "
            f"ratio to {each.baseline}"
        )
        for load in each.loads:
            print("", *echo_table(results, compared, load, each.baseline), sep="\n", flush=True)
        if each.client_option == "--deflate":
            print("", *deflated(results, compared), sep="\n", flush=True)

    if cores.server is not None and (share := disturbed(results)) > DISTURBED:
        print(f"\nother programs had these cores for {share:.0%} of the time: measure again on a quiet machine")

    gets = measure_gets(servers, cores, rounds, seconds)
    if gets:
        print(f"\nserver CPU of a GET, {GET_CONNECTIONS} connections")
        for name, found in gets.items():
            a_request = sum(each.server_cpu_s for each in found) / sum(each.messages for each in found)
            print(f"{name:<{NAME_WIDTH}}{a_request * 1e6:>7.2f} us")

    connections = idle.allow_connections(idle_connections)
    if connections < idle_connections:
        print(f"\nthe descriptor limit allows {connections:,} idle connections instead of {idle_connections:,}")
    not_measured = (FLOOR, BASELINE, UNDER_UVICORN, TLS_PICOWS) if is_quick else (FLOOR,)
    # Not those that compress: their messages are larger than 20 octets, and a handler keeps the last one.
    measured = [server for server in servers if server.name not in not_measured and not server.is_deflated]
    idle_bytes = measure_idle(measured, cores, connections) if connections > 0 else {}
    if idle_bytes:
        print(f"\nresident memory of one of {connections:,} idle connections")
        for name, bytes_each in idle_bytes.items():
            print(f"{name:<{NAME_WIDTH}}{bytes_each / 1024:>7.2f} KiB")

    print("\ntargets")
    for target in targets(results, gets, idle_bytes, connections):
        print(target.row())


if __name__ == "__main__":
    main()
