"""Writes files that are generated as a whole or between two marker lines, and finds where a file is out of date."""

import sys
from collections.abc import Iterator
from pathlib import Path

COMMAND = "make generate"


def put_between(begin: str, end: str, lines: Iterator[str], path: str, now: str) -> str:
    """Returns ``now``, the text of the file ``path``, with ``lines`` between the marker lines ``begin`` and ``end``.
    Raises SystemExit if a marker is missing."""
    before, found_begin, rest = now.partition(f"{begin}\n")
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        sys.exit(f"{path}: expected two lines, '{begin}' and '{end}', around what is generated")
    return before + found_begin + "".join(f"{line}\n" for line in lines) + found_end + after


def first_difference(now: str, wanted: str) -> str:
    """Returns the number of the first line that differs, and the difference."""
    have, want = now.splitlines(), wanted.splitlines()
    for number, (got, expected) in enumerate(zip(have, want, strict=False), 1):
        if got != expected:
            return f"{number}: expected {expected!r}, got {got!r}"
    more = min(len(have), len(want))
    return f"{more + 1}: expected {len(want)} lines, got {len(have)}"


def check(root: Path, path: str, wanted: str, source: str) -> bool:
    """Whether the file has the text ``wanted``, which follows from ``source``. Prints one line if it does not."""
    now = read(root, path)
    if now != wanted:
        print(f"{path}:{first_difference(now, wanted)}. It does not follow from {source}: run `{COMMAND}`")
    return now == wanted


def write(root: Path, path: str, wanted: str) -> None:
    if read(root, path) != wanted:
        (root / path).write_text(wanted, encoding="utf-8")
        print(f"wrote {path}")


def read(root: Path, path: str) -> str:
    """Returns the file's text, or "" if there is no such file."""
    file = root / path
    return file.read_text(encoding="utf-8") if file.exists() else ""
