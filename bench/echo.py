"""Echo servers side by side in one run: messages a second, server CPU a message, memory of idle connections.

    python bench/echo.py [--quick]        (make bench, make bench-quick; needs build/release/bench/load_client)

CONNECTIONS sockets on loopback with 20-byte messages, one and 32 in flight on each. Servers run on one core and the
client on another. The speed of a shared machine drifts, so all servers are up and take short turns, in another order
each round: a ratio is the median over the rounds of the two rates of one round. Printed are medians, what the middle
half of the rounds gave, and the targets beside what was measured. Measured too is what epoll, recv and send cost
without a server around them, which no server on epoll passes with one message in flight. It is no test: a target that
is missed is said, and the exit status is 0.
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
import idle
from client import Echoed
from servers import (
    CPP,
    FAST,
    FLOOR,
    STANDARD,
    STARLETTE,
    BenchError,
    Cores,
    Running,
    Server,
    candidates,
    running,
    take_cores,
    versions,
)

CONNECTIONS = 64
IN_FLIGHT = (1, 32)
WARM_UP_S = 0.05
IDLE_CONNECTIONS = 10_000
BASELINE = STARLETTE
OURS = (FAST, STANDARD, CPP)
BUSY = 0.9  # a server that waits more than this leaves was given too little to do
DISTURBED = 0.03  # more of the time than this taken by other programs is said

Results = dict[tuple[str, int], list[Echoed]]  # by server and messages in flight; an item a round


@dataclass(frozen=True)
class Target:
    what: str
    limit: float
    unit: str
    measured: float | None
    at_least: bool = True

    def row(self) -> str:
        sign, reaches = (">=", ge) if self.at_least else ("<=", le)
        row = f"{self.what:<56}{f'{sign} {self.limit:g} {self.unit}':>12}"
        if self.measured is None:
            return f"{row}{'not measured':>18}"
        verdict = "met" if reaches(self.measured, self.limit) else "not met"
        return f"{row}{f'{self.measured:.2f} {self.unit}':>12}   {verdict}"


def measure_echo(servers: list[Server], cores: Cores, rounds: int, seconds: float) -> Results:
    """A server that fails once is left out altogether, and out of `servers`."""
    results: Results = {}
    with contextlib.ExitStack() as stack:
        up: dict[str, Running] = {}

        def leave_out_of_all(server: Server, error: Exception) -> None:
            leave_out(server.name, str(error))
            servers.remove(server)
            for in_flight in IN_FLIGHT:
                results.pop((server.name, in_flight), None)

        for server in list(servers):
            try:
                up[server.name] = stack.enter_context(running(server, cores))
            except (BenchError, OSError) as error:
                leave_out_of_all(server, error)
        for _ in range(rounds):
            for in_flight in IN_FLIGHT:
                for server in random.sample(servers, len(servers)):
                    try:
                        echoed = client.echo(
                            up[server.name],
                            connections=CONNECTIONS,
                            in_flight=in_flight,
                            warm_up_s=WARM_UP_S,
                            seconds=seconds,
                        )
                    except BenchError as error:
                        leave_out_of_all(server, up[server.name].with_last_words(error))
                    except OSError as error:
                        leave_out_of_all(server, error)
                    else:
                        results.setdefault((server.name, in_flight), []).append(echoed)
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


def rates(results: Results, name: str, in_flight: int) -> list[float]:
    return [echoed.per_second for echoed in results.get((name, in_flight), [])]


def ratios(results: Results, name: str, other: str, in_flight: int) -> list[float]:
    """Of each round."""
    pairs = zip(rates(results, name, in_flight), rates(results, other, in_flight), strict=False)
    return [one / two for one, two in pairs]


def ratio(results: Results, name: str, other: str, in_flight: int) -> float | None:
    found = ratios(results, name, other, in_flight)
    return statistics.median(found) if found else None


def middle_half(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def echo_table(results: Results, servers: list[Server], in_flight: int) -> Iterator[str]:
    title = f"{in_flight} in flight"
    yield f"{title:<26}messages/s {'middle half':>21} {'ratio, middle half':>22}   server CPU   busy: server, client"
    waited = False
    for server in servers:
        found = results[server.name, in_flight]
        low, high = middle_half(rates(results, server.name, in_flight))
        compared = "-"
        if to_baseline := ratios(results, server.name, BASELINE, in_flight):
            least, most = middle_half(to_baseline)
            compared = f"{statistics.median(to_baseline):.2f}x, {least:.2f} - {most:.2f}"
        messages = sum(echoed.messages for echoed in found)
        seconds = sum(echoed.seconds for echoed in found)
        server_cpu_s = sum(echoed.server_cpu_s for echoed in found)
        server_busy = server_cpu_s / seconds
        client_busy = sum(echoed.client_cpu_s for echoed in found) / seconds
        waited = waited or server_busy < BUSY
        yield (
            f"{server.name:<26}{statistics.median(rates(results, server.name, in_flight)):>10,.0f} "
            f"{f'{low:,.0f} - {high:,.0f}':>21} {compared:>22} {server_cpu_s / messages * 1e6:>9.2f} us "
            f"{server_busy:>13.0%}{'*' if server_busy < BUSY else ','} {client_busy:.0%}"
        )
    if waited:
        yield "* it waited at times, for the client or for its core, and can do more messages a second than that"


def disturbed(results: Results) -> float:
    """The share of the measured time for which other programs had the server's or the client's core."""
    everything = [echoed for found in results.values() for echoed in found]
    seconds = sum(echoed.seconds for echoed in everything)
    return sum(echoed.kept_waiting_s for echoed in everything) / seconds if seconds else 0.0


def targets(results: Results, idle_bytes: dict[str, float], connections: int) -> Iterator[Target]:
    baseline = f"times {BASELINE}"
    yield Target(f"fast mode, 1 in flight, {baseline}", 4.5, "x", ratio(results, FAST, BASELINE, 1))
    yield Target(f"fast mode, 32 in flight, {baseline}", 14, "x", ratio(results, FAST, BASELINE, 32))
    for in_flight in IN_FLIGHT:
        measured = ratio(results, STANDARD, FAST, in_flight)
        yield Target(f"standard mode, {in_flight} in flight, of fast mode", 0.75, "x", measured)
    for name, limit in ((FAST, 6), (STANDARD, 6), (CPP, 1.5)):
        bytes_each = idle_bytes.get(name)
        measured = None if bytes_each is None else bytes_each / 1024
        yield Target(f"one of {connections:,} idle connections, {name}", limit, "KiB", measured, at_least=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about a minute: the servers the targets speak of")
    parser.add_argument("--rounds", type=int, help="60, or 15 with --quick")
    parser.add_argument("--seconds", type=float, default=0.25, help="a turn of one server; 0.25")
    parser.add_argument("--idle", type=int, default=IDLE_CONNECTIONS, metavar="CONNECTIONS")
    arguments = parser.parse_args()
    rounds = max(1, arguments.rounds or (15 if arguments.quick else 60))
    seconds = max(0.05, arguments.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    if not client.is_built():
        print(f"nothing is measured: {client.LOAD_CLIENT} is missing; `make cpp` builds it")
        return

    servers = []
    for server in candidates():
        if server.missing:
            leave_out(server.name, server.missing)
        elif not arguments.quick or server.name in (*OURS, BASELINE, FLOOR):
            servers.append(server)
    cores = take_cores()
    print(cores, versions(), sep="\n", flush=True)

    results = measure_echo(servers, cores, rounds, seconds)
    print(
        f"\n{CONNECTIONS} connections, 20-byte messages, {rounds} rounds of {seconds:g} s a server, medians; "
        f"ratio to {BASELINE}"
    )
    for in_flight in IN_FLIGHT:
        print("", *echo_table(results, servers, in_flight), sep="\n", flush=True)

    if cores.server is not None and (share := disturbed(results)) > DISTURBED:
        print(f"\nother programs had these cores for {share:.0%} of the time: measure again on a quiet machine")

    connections = idle.allow_connections(arguments.idle)
    if connections < arguments.idle:
        print(f"\nthe descriptor limit allows {connections:,} idle connections instead of {arguments.idle:,}")
    not_measured = (FLOOR, BASELINE) if arguments.quick else (FLOOR,)
    measured = [server for server in servers if server.name not in not_measured]
    idle_bytes = measure_idle(measured, cores, connections) if connections > 0 else {}
    if idle_bytes:
        print(f"\nresident memory of one of {connections:,} idle connections")
        for name, bytes_each in idle_bytes.items():
            print(f"{name:<26}{bytes_each / 1024:>7.2f} KiB")

    print("\ntargets")
    for target in targets(results, idle_bytes, connections):
        print(target.row())


if __name__ == "__main__":
    main()
