"""Checks that each C++ source file has its own test file: ``check_tests.py [ROOT]``.

The test of ``src/http/cookies.cpp`` is ``tests/cpp/http/cookies_test.cpp``. ``tests/cpp/http/CMakeLists.txt`` must name
it, because a test that is never built never fails. Each finding is one line that says what to do, and the exit status
is then 1.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

LAYERS = ("base", "net", "http", "ws", "service", "server", "app")

# Files without a test of their own, each with the reason. None of base, http and ws, which need no socket and no clock,
# none of server, whose connections are tested over transports in memory, and none of app, which serves on loopback.
EXCEPTIONS: dict[str, str] = {}
WITHOUT_EXCEPTIONS = ("base", "http", "ws", "server", "app")


def find_missing_tests(root: Path) -> Iterator[str]:
    for layer in LAYERS:
        built = (root / "tests" / "cpp" / layer / "CMakeLists.txt").read_text(encoding="utf-8")
        for source in sorted((root / "src" / layer).glob("*.cpp")):
            if f"{layer}/{source.name}" in EXCEPTIONS:
                continue
            test = f"{source.stem}_test.cpp"
            if not (root / "tests" / "cpp" / layer / test).exists():
                yield f"src/{layer}/{source.name}: expected its test in tests/cpp/{layer}/{test}, got no such file"
            elif not re.search(rf"\b{test}\b", built):
                yield f"tests/cpp/{layer}/{test}: expected CMakeLists.txt beside it to name it, or it is never built"


def find_wrong_exceptions(root: Path) -> Iterator[str]:
    for name in EXCEPTIONS:
        layer, _, file = name.partition("/")
        if layer in WITHOUT_EXCEPTIONS:
            yield f"scripts/check_tests.py: expected no exception in {layer}, got {name}: write its test"
        elif not (root / "src" / name).exists():
            yield f"scripts/check_tests.py: expected exceptions that exist, got {name}: remove it"
        elif (root / "tests" / "cpp" / layer / file.replace(".cpp", "_test.cpp")).exists():
            yield f"scripts/check_tests.py: {name} has a test now: remove it from the exceptions"


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    wrong = [*find_missing_tests(root), *find_wrong_exceptions(root)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
