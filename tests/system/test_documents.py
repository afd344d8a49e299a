"""The documentation is correct: its programs load, its links lead somewhere, and its settings are the engine's."""

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from promises import promise
from system_servers import BUILD, ROOT
from websockets.asyncio.client import connect

from proapi import ProAPI
from proapi.settings import ALIASES, HttpRouteSettings, RouteSettings

TEXTS = sorted(path for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "adr") for path in folder.glob("*.md"))
SIZES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

# Settings that are not numbers, and the one whose default is computed.
NO_NUMBERS = (
    "allowed_origins",
    "allowed_hosts",
    "compress",
    "compression",
    "message_rate_action",
    "max_connections",
    "proxy_protocol",
    "trusted_proxies",
)

# Tested by tests/contract/test_documentation.py: its programs share the lines at the top of the page.
PROGRAMS = ROOT / "docs" / "programs.md"
# Its programs in C++ are built and run by tests/contract/test_coming_from.py.
COMING_FROM = ROOT / "docs" / "coming-from.md"

_BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(language: str, but: Path | None = None) -> Sequence[Any]:
    found = []
    for path in TEXTS:
        for number, match in enumerate(_BLOCK.finditer(path.read_text())):
            if match[1] == language and path not in (PROGRAMS, but):
                found.append(pytest.param(match[2], id=f"{name_of(path)}:{number}"))
    return found


@pytest.mark.parametrize("program", blocks("python"))
def test_programs_in_python_load(program: str, tmp_path: Path) -> None:
    """Every route registers; nothing is served."""
    path = tmp_path / "main.py"
    (tmp_path / "public").mkdir()
    namespace = {"__name__": "main", "__file__": str(path)}
    exec(compile(program, str(path), "exec"), namespace)
    assert isinstance(namespace["app"], ProAPI)


def compiler() -> str:
    """The compiler that built the C++ programs."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.M)
    assert found
    return found[1]


@pytest.mark.parametrize("program", [each for each in blocks("cpp", COMING_FROM) if "int main(" in each.values[0]])
def test_programs_in_cpp_compile(program: str, tmp_path: Path) -> None:
    path = tmp_path / "main.cpp"
    path.write_text(program)
    command = [compiler(), "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include", path]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def load_from_the_tutorial(mark: str) -> dict[str, Any]:
    """Loads the Python program that contains `mark`."""
    text = (ROOT / "docs" / "tutorial.md").read_text()
    program = next(match[2] for match in _BLOCK.finditer(text) if match[1] == "python" and mark in match[2])
    namespace: dict[str, Any] = {"__name__": "main"}
    exec(program, namespace)
    return namespace


@promise("serve")
def test_the_tutorials_test_passes() -> None:
    namespace = load_from_the_tutorial("def test_echo")
    thread = threading.Thread(target=namespace["test_echo"])
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


@promise("serve")
async def test_the_tutorials_dashboard_tells_all_of_its_viewers() -> None:
    namespace = load_from_the_tutorial("async def tell_load")
    listening = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(namespace["app"].serve(port=0, on_listening=listening.set_result))
    host, port = (await listening)[0]
    async with asyncio.timeout(20):
        async with connect(f"ws://{host}:{port}/load") as one:
            async with connect(f"ws://{host}:{port}/load") as other:
                assert json.loads(await other.recv())["load"] >= 0
                assert json.loads(await one.recv())["load"] >= 0
            for _ in range(3):  # one viewer has left; the other still gets messages
                await one.recv()
            assert len(namespace["viewers"]) == 1
        server.cancel()
        await asyncio.wait([server])
    assert namespace["viewers"] == set()


# The test that runs the blocks of each language.
RUN_BY = {
    "c++": "contract/test_coming_from.py",  # other frameworks' programs, which are not run
    "py": "contract/test_coming_from.py",
    "python": "system/test_documents.py",
    "cpp": "contract/test_documentation.py",
    "javascript": "browser/test_snippet.py",
    "cmake": "cpp/install/CMakeLists.txt",
    "sh": "contract/test_asgi_servers.py",
    "nginx": "system/test_proxies.py",
    "caddyfile": "system/test_proxies.py",
    "haproxy": "system/test_proxies.py",
    "apache": "system/test_proxies.py",
    "ini": "system/test_service.py",
}


def test_every_kind_of_block_has_its_test() -> None:
    languages = {match[1] for path in TEXTS for match in _BLOCK.finditer(path.read_text())}
    assert languages == RUN_BY.keys()
    assert [test for test in RUN_BY.values() if not (ROOT / "tests" / test).exists()] == []


def anchors(path: Path) -> set[str]:
    """Returns the anchors that GitHub makes from the headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [pytest.param(path, id=name_of(path)) for path in TEXTS])
def test_links_lead_somewhere(path: Path) -> None:
    missing = []
    for link in _LINK.findall(_BLOCK.sub("", path.read_text())):
        place, _, anchor = link.partition("#")
        if place.startswith("https:"):
            continue
        target = (path.parent / place).resolve() if place else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("path", [pytest.param(path, id=name_of(path)) for path in TEXTS])
def test_files_that_are_named_exist(path: Path) -> None:
    """Paths such as `src/...` in running text."""
    named = re.findall(r"`((?:src|python|tests|include|examples|contract|scripts)/[\w./-]+)`", path.read_text())
    assert [each for each in named if not (ROOT / each).exists()] == []


def number(text: str) -> float:
    """Parses text such as 64 KiB, 65,536, 20 s or 1,024 a second."""
    value, unit = re.match(r"([\d,.]+) ?(\w*)", text).groups()  # type: ignore[union-attr]
    return float(value.replace(",", "")) * SIZES.get(unit, 1)


@promise("settings-table")
def test_the_table_of_settings_is_the_engines() -> None:
    section = (ROOT / "docs" / "reference.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.M)
    documented = {name: number(default) for name, default in rows if name not in NO_NUMBERS}
    left_out = {"max_connections", *ALIASES}
    in_effect = {name: value for name, value in ProAPI().limits.items() if name not in left_out}
    assert documented == in_effect
    for kind, settings in (("WebSocket", RouteSettings), ("HTTP", HttpRouteSettings)):
        of_routes = set(re.findall(rf"^\| `(\w+)` \|[^|]*\|[^|]*\| {kind} \|", section, re.M))
        assert of_routes == set(settings.__annotations__) - ALIASES.keys()


def test_the_package_says_its_version() -> None:
    version = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    said = subprocess.run(
        [sys.executable, "-c", "import proapi; print(proapi.__version__)"], capture_output=True, text=True, check=True
    )
    assert version is not None
    assert said.stdout.strip() == version[1]
