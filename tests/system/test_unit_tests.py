"""scripts/check_tests.py finds C++ sources without a test and tests that are never built. It finds none in this
repository."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(root: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/check_tests.py", root], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with empty files named like this repository's sources and tests, and with its CMakeLists.txt files."""
    for pattern in ("src/*/*.cpp", "tests/cpp/*/*.cpp"):
        for file in ROOT.glob(pattern):
            copy = tmp_path / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
    for file in ROOT.glob("tests/cpp/*/CMakeLists.txt"):
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text())
    return tmp_path


def test_this_repository_is_in_order(tree: Path) -> None:
    assert check(ROOT) == (0, "")
    assert check(tree) == (0, "")


@pytest.mark.parametrize("layer", ["base", "net", "http", "ws", "service", "server", "app"])
def test_a_source_without_a_test(tree: Path, layer: str) -> None:
    (tree / f"src/{layer}/trailers.cpp").touch()
    finding = f"src/{layer}/trailers.cpp: expected its test in tests/cpp/{layer}/trailers_test.cpp, got no such file\n"
    assert check(tree) == (1, finding)


def test_a_test_that_is_not_built(tree: Path) -> None:
    list_of_tests = tree / "tests/cpp/http/CMakeLists.txt"
    list_of_tests.write_text(list_of_tests.read_text().replace("    cookies_test.cpp\n", ""))
    finding = "tests/cpp/http/cookies_test.cpp: expected CMakeLists.txt beside it to name it, or it is never built\n"
    assert check(tree) == (1, finding)


def test_the_end_of_a_longer_name_is_another_test(tree: Path) -> None:
    list_of_tests = tree / "tests/cpp/http/CMakeLists.txt"
    list_of_tests.write_text(list_of_tests.read_text().replace("    request_test.cpp\n", "    bad_request_test.cpp\n"))
    status, output = check(tree)
    assert status == 1
    assert output.startswith("tests/cpp/http/request_test.cpp: expected CMakeLists.txt beside it to name it")
