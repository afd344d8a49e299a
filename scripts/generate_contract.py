"""Writes the tables of docs/contract.md: ``generate_contract.py [--check] [ROOT]``.

Each row is a promise from contract/promises.json, with the tests that verify it and the front ends that these tests
ask. A test names its promises. In Python, it does so with ``@promise("close-order")``, or with ``pytestmark =
promise(...)`` for a whole file. In C++ and CMake, it does so with the comment ``// promise: close-order`` directly
above a TEST, or, for a whole file, in the file's first comment. The tests are parsed, not imported. The front ends of a
test follow from its fixtures and tests/contract/engine_only.py, or else from tests/who_is_asked.py.

``--check`` writes nothing: it prints one line if the document is out of date, and the exit status is then 1. If
promises, markers and tables contradict each other, both modes report each contradiction on one line and write nothing.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import generated
from asked_front_ends import FRONT_ENDS, MODES, Asked, WhoIsAsked
from generated import COMMAND
from promise_markers import Marker, find_markers

TABLE = "contract/promises.json"
DOCUMENT = "docs/contract.md"
SOURCE = f"{TABLE} and the markers of the tests"
BEGIN = f"<!-- Generated from {SOURCE} by scripts/generate_contract.py; change them, then run `{COMMAND}`: -->"
END = "<!-- End of what is generated. -->"

# The order in which a promise lists its tests: tests of what users see first, then tests of the layers below.
FOLDERS = ("tests/contract/", "tests/python/", "tests/system/", "tests/browser/", "tests/cpp/")


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One row of the table."""

    id: str
    section: str  # of the document
    promise: str  # the sentence, in Markdown
    part: str = ""  # of the section
    note: str = ""  # what else verifies the promise besides the marked tests, or how they verify it
    asked: str = ""  # the front ends asked by the tests in ``note``, separated by spaces


KEYS = set(Promise.__dataclass_fields__)
REQUIRED = {"id", "section", "promise"}


def read_table(root: Path) -> tuple[list[Promise], list[str]]:
    """Returns the rows, and one line for each invalid row. Raises SystemExit if the file is not JSON."""
    try:
        rows = json.loads((root / TABLE).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        sys.exit(f"{TABLE}: invalid JSON: {error}")
    promises: list[Promise] = []
    wrong = []
    for row in rows:
        if not (text := check_row(row, promises)):
            promises.append(Promise(**row))
        else:
            wrong.append(f"{TABLE}: {row.get('id', row)}: {text}")
    return promises, wrong


def check_row(row: dict[str, str], before: Sequence[Promise]) -> str:
    """Returns the error, or "" if the row is valid."""
    if unknown := row.keys() - KEYS:
        return f"expected keys of {sorted(KEYS)}, got {sorted(unknown)}"
    if missing := REQUIRED - row.keys():
        return f"expected a value for each of {sorted(REQUIRED)}, but {sorted(missing)} is missing"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["id"]):
        return "id: expected kebab-case, such as close-order"
    if any(row["id"] == each.id for each in before):
        return "duplicate id"
    if not row["promise"].endswith(".") or "|" in row["promise"]:
        return "promise: expected a sentence with a full stop at its end, and no '|'"
    if unknown := set(row.get("asked", "").split()) - FRONT_ENDS.keys():
        return f"asked: expected some of {list(FRONT_ENDS)}, got {sorted(unknown)}"
    place = (row["section"], row.get("part", ""))
    places = [(each.section, each.part) for each in before]
    if place in places and place != places[-1]:
        return f"expected the promises of {' / '.join(filter(None, place))} one after the other"
    return ""


# ---- markers ----


def check_markers(promises: Sequence[Promise], markers: Sequence[Marker]) -> Iterator[str]:
    known = {each.id for each in promises}
    held = {marker.promise for marker in markers}
    for marker in markers:
        if marker.promise not in known:
            yield f"{marker.place}: no promise of {TABLE} has the id {marker.promise!r}"
    for promise in promises:
        if promise.id not in held:
            yield f"{TABLE}: {promise.id}: no test has its marker, @promise({promise.id!r}) or // promise: {promise.id}"


# ---- the document ----


def write_tables(promises: Sequence[Promise], markers: Sequence[Marker], who: WhoIsAsked) -> Iterator[str]:
    section = ""
    for (title, part), rows in groupby(promises, key=lambda each: (each.section, each.part)):
        if title != section:
            section = title
            yield from ("", f"## {title}")
        if part:
            yield from ("", f"### {part}")
        yield from ("", "| promise | C++ | Python | uvicorn | Hypercorn | tests |", "|---|:-:|:-:|:-:|:-:|---|")
        for row in rows:
            yield write_row(row, [each for each in markers if each.promise == row.id], who)
    yield ""


def write_row(promise: Promise, markers: Sequence[Marker], who: WhoIsAsked) -> str:
    asked: Asked = dict.fromkeys(promise.asked.split(), True)
    for marker in markers:
        for front_end, how in who.asked_by(marker.file, marker.test).items():
            asked[front_end] = asked.get(front_end, False) or how
    cells = [
        promise.promise,
        write_mark(asked, ["cpp"]),
        write_mark(asked, MODES),
        write_mark(asked, ["asgi"]),
        write_mark(asked, ["hypercorn"]),
        write_tests(markers) + (f"; {promise.note}" if promise.note else ""),
    ]
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def write_mark(asked: Asked, front_ends: Sequence[str]) -> str:
    """Returns the cell of one column: a check mark if all its front ends are asked, the names of those that are asked
    if only some are, or a circle if only shared code is tested."""
    servers = [each for each in front_ends if asked.get(each)]
    if servers:
        return "✓" if servers == list(front_ends) else ", ".join(FRONT_ENDS[each] for each in servers)
    return "○" if any(each in asked for each in front_ends) else ""


def write_tests(markers: Sequence[Marker]) -> str:
    """Returns a list such as `tests/contract/test_closing.py::test_close`, `::test_second_close`,
    `tests/cpp/app/foreign_test.cpp`."""

    def folder(marker: Marker) -> int:
        return next((i for i, each in enumerate(FOLDERS) if marker.file.startswith(each)), len(FOLDERS))

    names = []
    for file, group in groupby(
        sorted(markers, key=lambda each: (folder(each), each.file, each.line)), lambda m: m.file
    ):
        tests = [f"::{each.test}" if each.test else "" for each in group]
        names += [f"`{file}{tests[0]}`", *(f"`{test}`" for test in tests[1:])]
    return ", ".join(names)


def main() -> int:
    arguments = sys.argv[1:]
    is_check = "--check" in arguments
    roots = [Path(each) for each in arguments if each != "--check"]
    root = roots[0] if roots else Path(__file__).parents[1]
    promises, wrong = read_table(root)
    markers, wrong_markers = find_markers(root)
    who = WhoIsAsked(root)
    wrong += [*wrong_markers, *check_markers(promises, markers), *who.check(markers)]
    if wrong:
        sys.exit("\n".join(wrong))
    now = generated.read(root, DOCUMENT)
    wanted = generated.put_between(BEGIN, END, write_tables(promises, markers, who), DOCUMENT, now)
    if is_check:
        return 0 if generated.check(root, DOCUMENT, wanted, SOURCE) else 1
    generated.write(root, DOCUMENT, wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
