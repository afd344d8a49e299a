"""Prints, for each failed test, the command that runs it alone: `failed.py pytest|ctest COMMAND...`. COMMAND is the
command that ran the tests, up to the arguments that select them. Always exits with status 1, so that `make` fails."""

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
    """CTest's list of failed tests has a number before each name."""
    log = Path(command[command.index("--test-dir") + 1], "Testing/Temporary/LastTestsFailed.log")
    if not log.exists():
        return []
    names = [line.partition(":")[2] for line in log.read_text().splitlines()]
    return [f"-R {shlex.quote(f'^{re.escape(name)}$')}" for name in names]


main()
