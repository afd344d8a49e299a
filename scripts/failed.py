"""Prints the command that repeats each failed test alone: `failed.py pytest|ctest COMMAND...`, where COMMAND is what
has run them, up to what names the tests. Always ends with status 1, for `make`."""

import json
import re
import shlex
import sys
from pathlib import Path


def main() -> None:
    kind, *command = sys.argv[1:]
    names = of_pytest() if kind == "pytest" else of_ctest(command)
    for name in names:
        print("repeat it alone:", *command, name)
    sys.exit(1)


def of_pytest() -> list[str]:
    cache = Path(".pytest_cache/v/cache/lastfailed")
    return [shlex.quote(name) for name in json.loads(cache.read_text())] if cache.exists() else []


def of_ctest(command: list[str]) -> list[str]:
    """Its own list has a number before each name."""
    log = Path(command[command.index("--test-dir") + 1], "Testing/Temporary/LastTestsFailed.log")
    if not log.exists():
        return []
    names = [line.partition(":")[2] for line in log.read_text().splitlines()]
    return [f"-R {shlex.quote(f'^{re.escape(name)}$')}" for name in names]


main()
