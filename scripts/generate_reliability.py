"""Writes the tables of docs/reliability.md: ``generate_reliability.py [--check] [ROOT]``.

Each row of contract/reliability.json (format: contract/README.md) says what an operator can rely on, and names the
promise of contract/promises.json, the settings that decide, and tests. The figures are the settings' defaults. A test
must exist and have the promise's marker, and a setting must be in contract/settings.json.

``--check`` writes nothing: it prints one line if the document is out of date, and the exit status is then 1. If a row
contradicts the other tables or the tests, both modes report each contradiction on one line and write nothing.
"""

import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import generate_contract
import generate_settings
import generated
from generate_settings import Setting
from promise_markers import find_markers

TABLE = "contract/reliability.json"
DOCUMENT = "docs/reliability.md"
BEGIN = (
    f"<!-- Generated from {TABLE} by scripts/generate_reliability.py; change it, then run `{generated.COMMAND}`: -->"
)
END = "<!-- End of what is generated. -->"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table."""

    part: str  # the heading above it
    claim: str  # a sentence in Markdown
    promise: str  # an id in contract/promises.json
    tests: Sequence[str]  # "tests/a.py::test_b", or a file that as a whole has the promise's marker
    settings: Sequence[str] = ()
    figure: str = ""  # "{name}" stands for a setting's default; by default, the defaults of all ``settings``

    def write(self, settings: Mapping[str, Setting]) -> str:
        defaults = {name: settings[name].default_text for name in self.settings}
        figure = self.figure.format_map(defaults) if self.figure else "; ".join(defaults.values())
        cells = [self.claim, figure, ", ".join(f"`{name}`" for name in self.settings), ", ".join(self._list_tests())]
        return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"

    def _list_tests(self) -> Iterator[str]:
        """Yields the tests; only the first of a file names it."""
        file = ""
        for test in self.tests:
            before, file = file, test.partition("::")[0]
            yield f"`{test.removeprefix(file) if file == before else test}`"


KEYS = set(Row.__dataclass_fields__)
REQUIRED = {"part", "claim", "promise", "tests"}


@dataclass(frozen=True)
class Known:
    """What a row may name."""

    promises: Collection[str]
    settings: Mapping[str, Setting]
    tests: Mapping[str, Collection[str]]  # of each promise, those that have its marker

    @classmethod
    def read(cls, root: Path) -> "Known":
        """Raises SystemExit if another table is invalid: its own check says more."""
        promises, wrong = generate_contract.read_table(root)
        markers, wrong_markers = find_markers(root)
        if wrong or wrong_markers:
            sys.exit("\n".join([*wrong, *wrong_markers]))
        tests: dict[str, set[str]] = {}
        for marker in markers:
            tests.setdefault(marker.promise, set()).add(f"{marker.file}::{marker.test}" if marker.test else marker.file)
        settings = {each.name: each for each in generate_settings.read_table(root)}
        return cls({each.id for each in promises}, settings, tests)


def check_row(row: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Yields each error of the row."""
    if unknown := row.keys() - KEYS:
        yield f"expected keys of {sorted(KEYS)}, got {sorted(unknown)}"
        return
    if missing := REQUIRED - {key for key, value in row.items() if value}:
        yield f"expected a value for each of {sorted(REQUIRED)}, but {sorted(missing)} is missing"
        return
    each = Row(**row)
    if not each.claim.endswith(".") or "|" in each.claim:
        yield "claim: expected a sentence with a full stop at its end, and no '|'"
    if each.promise not in known.promises:
        yield f"no promise of {generate_contract.TABLE} has the id {each.promise!r}"
        return
    for test in each.tests:
        if test not in known.tests.get(each.promise, ()):
            yield f"expected a test with the marker {each.promise!r}, got {test}"
    for name in [*each.settings, *re.findall(r"\{(.*?)\}", each.figure)]:
        if name not in known.settings:
            yield f"no setting of {generate_settings.TABLE} is called {name!r}"
        elif name not in each.settings:
            yield f"figure: expected only settings that the row lists, got {name!r}"


def read_table(root: Path, known: Known) -> list[Row]:
    """Raises SystemExit if the file is not JSON, or with one line for each error in it."""
    try:
        rows = json.loads((root / TABLE).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        sys.exit(f"{TABLE}: invalid JSON: {error}")
    wrong = [f"{TABLE}: {row.get('claim', row)}: {text}" for row in rows for text in check_row(row, known)]
    if wrong:
        sys.exit("\n".join(wrong))
    return [Row(**row) for row in rows]


def write_tables(rows: Sequence[Row], settings: Mapping[str, Setting]) -> Iterator[str]:
    for part, of_part in groupby(rows, key=lambda row: row.part):
        yield from ("", f"### {part}", "", "| promise | figure | setting | test |", "|---|---|---|---|")
        yield from (row.write(settings) for row in of_part)
    yield ""


def main() -> int:
    arguments = sys.argv[1:]
    is_check = "--check" in arguments
    roots = [Path(each) for each in arguments if each != "--check"]
    root = roots[0] if roots else Path(__file__).parents[1]
    known = Known.read(root)
    rows = read_table(root, known)
    now = generated.read(root, DOCUMENT)
    wanted = generated.put_between(BEGIN, END, write_tables(rows, known.settings), DOCUMENT, now)
    if is_check:
        return 0 if generated.check(root, DOCUMENT, wanted, f"{TABLE} and {generate_settings.TABLE}") else 1
    generated.write(root, DOCUMENT, wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
