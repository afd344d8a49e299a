"""One suite for every front end: the fixtures that start the servers, and the choice of front ends for each test.

A test that takes ``server`` (or ``front_end``) runs once for each front end, except those that engine_only.py excuses.
Servers are started when first needed, and all tests share them. ``start_server`` starts one for a single test, with its
own limits or environment. Stopping a server checks its exit status and its log.
"""

import re
import signal
import ssl
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import front_ends
import pytest
import raw
import trustme
from driver import Subject
from engine_only import ENGINE_ONLY, HYPERCORN
from front_ends import FRONT_ENDS, Server

TEST_S = 60

_tls_folder = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
# These files ask the engine over Unix sockets too (FrontEnd.is_over_unix). All their tests
# use the client of raw.py only.
OVER_UNIX = {"test_closing", "test_frames", "test_http", "test_time_limits", "test_uploads"}

_results: dict[str, Counter[str]] = {name: Counter() for name in FRONT_ENDS}
_used_keys: set[str] = set()
_unstartable: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--front-end", action="append", choices=list(FRONT_ENDS), help="only this one; may be repeated")
    parser.addoption("--tls", action="store_true", help="every server and every connection uses TLS; engine only")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--tls"):
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        folder = Path(config.stash.setdefault(_tls_folder, tempfile.TemporaryDirectory(prefix="tls-")).name)
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        front_ends.tls_options = ("--ssl-certfile", str(folder / "server.pem"))
        raw.tls_context = ssl.create_default_context()
        authority.configure_trust(raw.tls_context)


def pytest_unconfigure(config: pytest.Config) -> None:
    if folder := config.stash.get(_tls_folder, None):
        folder.cleanup()


def _front_ends_of(module: str, test: str) -> list[str]:
    keys = {module, f"{module}::{test}"}
    excused = keys & ENGINE_ONLY.keys()
    _used_keys.update(excused, keys & HYPERCORN)
    over_unix = module in OVER_UNIX
    names = [name for name, each in FRONT_ENDS.items() if each.is_engine and (over_unix or not each.is_over_unix)]
    if not excused and not raw.tls_context:
        names.append("asgi")
    if keys & HYPERCORN and not raw.tls_context:
        names.append("hypercorn")
    return names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "front_end" in metafunc.fixturenames:
        names = _front_ends_of(metafunc.module.__name__, metafunc.function.__name__)
        chosen = metafunc.config.getoption("--front-end") or names
        metafunc.parametrize("front_end", [name for name in names if name in chosen], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if raw.tls_context:
        for item in items:
            if mark := item.get_closest_marker("plain"):
                item.add_marker(pytest.mark.skip(f"not over TLS: {mark.args[0]}"))
    modules = {item.module.__name__ for item in items if isinstance(item, pytest.Function)}
    tests = {f"{i.module.__name__}::{i.function.__name__}" for i in items if isinstance(i, pytest.Function)}
    if any("::" in argument for argument in config.args) or config.getoption("keyword"):
        return  # only a part of a file is collected: keys of the other tests match nothing
    unused = {key for key in ENGINE_ONLY.keys() | HYPERCORN if key.partition("::")[0] in modules} - _used_keys - tests
    if unused:
        raise pytest.UsageError(f"engine_only.py: no test is called {sorted(unused)}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Counts results by the front end in the test's name. With pytest-xdist, only these reports reach this process."""
    longest_first = sorted(_results, key=len, reverse=True)
    name = next((name for name in longest_first if re.search(rf"[\[-]{name}[\]-]", report.nodeid)), None)
    if name is not None and (report.when == "call" or report.outcome == "failed"):
        _results[name][report.outcome] += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not any(_results.values()):
        return
    terminalreporter.section("front ends")
    for name, counts in _results.items():
        if counts:
            terminalreporter.line(f"{name:13} " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))


@pytest.fixture(autouse=True)
def _deadline() -> Iterator[None]:
    def expire(*_: object) -> None:
        raise TimeoutError(f"the test took more than {TEST_S} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(TEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def _shared_servers() -> Iterator[dict[str, Server]]:
    servers: dict[str, Server] = {}
    try:
        yield servers
        for server in servers.values():
            server.stop()
    finally:
        for server in servers.values():
            server.kill()


@pytest.fixture
def server(front_end: str, _shared_servers: dict[str, Server]) -> Server:
    """The front end's shared server. Other tests have used it, so a test must not assume a fresh state."""
    if front_end in _unstartable:
        pytest.fail(f"{front_end} could not be started, see the first error", pytrace=False)
    if front_end not in _shared_servers:
        _unstartable.add(front_end)
        _shared_servers[front_end] = Server(front_end)
        _unstartable.discard(front_end)
    return _shared_servers[front_end]


@pytest.fixture
def start_server(front_end: str) -> Iterator[Callable[..., Server]]:
    """``start_server(limits={...}, env={...})`` starts a server for this test only. It is stopped and checked at the
    end."""
    servers: list[Server] = []

    def start(**details: Any) -> Server:
        servers.append(Server(front_end, **details))
        return servers[-1]

    try:
        yield start
        for server in servers:
            if server.process.returncode is None:
                server.stop()
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
def subject(server: Server) -> Iterator[Callable[..., Subject]]:
    """``subject(...)`` opens a connection whose handler does what the test says, see driver.py."""
    subjects: list[Subject] = []

    def make(**details: Any) -> Subject:
        subjects.append(Subject(server.port, **details))
        return subjects[-1]

    yield make
    for each in subjects:
        each.disconnect()
