"""scripts/generate_settings.py --check finds files that do not follow from contract/settings.json, and finds none in
this repository."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from promises import promise

ROOT = Path(__file__).parents[2]

TABLE = "contract/settings.json"
DEFAULTS = "src/service/settings_defaults.hpp"
RANGES = "src/service/settings_ranges.hpp"
PYTHON = "python/proapi/settings.py"
REFERENCE = "docs/reference.md"
OUTPUTS = [DEFAULTS, RANGES, PYTHON, REFERENCE]

Row = dict[str, Any]


def generate(root: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, ROOT / "scripts/generate_settings.py", *options, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check(root: Path) -> tuple[int, str]:
    return generate(root, "--check")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in [TABLE, *OUTPUTS]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} in {file}"
    file.write_text(text.replace(old, new))


def change_table(root: Path, change: Callable[[list[Row]], object]) -> None:
    rows = json.loads((root / TABLE).read_text())
    change(rows)
    (root / TABLE).write_text(json.dumps(rows))


def row_of(rows: list[Row], name: str) -> Row:
    return next(row for row in rows if row["name"] == name)


def files_of(output: str) -> list[str]:
    return [line.partition(":")[0] for line in output.splitlines()]


@promise("settings-table")
def test_this_repository_is_in_order() -> None:
    assert check(ROOT) == (0, "")


def test_a_copy_is_in_order(copy: Path) -> None:
    assert check(copy) == (0, "")


# ---- a file that does not follow from the table ----


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        pytest.param(
            DEFAULTS,
            "max_fields = 100;",
            "max_fields = 200;",
            "expected '    std::uint64_t max_fields = 100;', got '    std::uint64_t max_fields = 200;'",
            id="default in C++",
        ),
        pytest.param(
            RANGES,
            "max_fields, 1, 10'000}",
            "max_fields, 1, 20'000}",
            """expected '    Limit{"max_fields", &Settings::max_fields, 1, 10\\'000},', got""",
            id="range in C++",
        ),
        pytest.param(
            RANGES,
            '    Limit{"backlog", &Settings::backlog, 1, 65\'535},\n',
            "",
            """expected '    Limit{"backlog", &Settings::backlog, 1, 65\\'535},', got '    Limit{"compression_memory""",
            id="missing row in C++",
        ),
        pytest.param(
            PYTHON,
            "    max_fields: int\n",
            "    max_fields: str\n",
            "expected '    max_fields: int'",
            id="type in Python",
        ),
        pytest.param(
            REFERENCE,
            "| `max_fields` | 100 |",
            "| `max_fields` | 200 |",
            "expected '| `max_fields` | 100 |",
            id="document",
        ),
        pytest.param(REFERENCE, "| 1 to 10,000 |", "| 1 to 20,000 |", "| 1 to 10,000 |", id="range in the document"),
    ],
)
def test_a_file_that_was_changed(copy: Path, file: str, old: str, new: str, finding: str) -> None:
    replace(copy / file, old, new)
    status, output = check(copy)
    assert status == 1
    assert files_of(output) == [file]
    assert finding in output
    assert output.endswith(f". It does not follow from {TABLE}: run `make generate`\n")
    assert generate(copy) == (0, f"wrote {file}\n")
    assert (copy / file).read_text() == (ROOT / file).read_text()


def test_the_line_of_the_first_difference(copy: Path) -> None:
    line = (ROOT / DEFAULTS).read_text().splitlines().index("    std::uint64_t max_fields = 100;") + 1
    replace(copy / DEFAULTS, "max_fields = 100;", "max_fields = 200;")
    assert check(copy)[1].startswith(f"{DEFAULTS}:{line}: expected")


def test_a_file_that_is_missing(copy: Path) -> None:
    (copy / RANGES).unlink()
    status, output = check(copy)
    assert (status, files_of(output)) == (1, [RANGES])
    assert generate(copy) == (0, f"wrote {RANGES}\n")
    assert check(copy) == (0, "")


def test_what_is_outside_of_the_markers_is_anybodys(copy: Path) -> None:
    for file in (PYTHON, REFERENCE):
        text = (copy / file).read_text()
        (copy / file).write_text(f"# first\n{text}# last\n")
    assert check(copy) == (0, "")


@pytest.mark.parametrize("file", [PYTHON, REFERENCE])
def test_a_marker_that_is_missing(copy: Path, file: str) -> None:
    replace(copy / file, "End of what is generated.", "")
    before = (copy / file).read_text()
    for options in ([], ["--check"]):
        status, output = generate(copy, *options)
        assert status == 1
        assert output.startswith(f"{file}: expected two lines, ")
    assert (copy / file).read_text() == before


# ---- a table that was changed ----


NEW = {
    "name": "max_rooms",
    "scope": "server",
    "kind": "count",
    "default": 10,
    "minimum": 1,
    "maximum": 100,
    "description": "Rooms.",
    "beyond": "503",
    "status": 503,
}


@pytest.mark.parametrize(
    ("change", "files"),
    [
        pytest.param(lambda rows: rows.remove(row_of(rows, "max_fields")), OUTPUTS, id="row removed"),
        pytest.param(lambda rows: rows.append(NEW), OUTPUTS, id="row added"),
        pytest.param(lambda rows: row_of(rows, "max_fields").update(scope="websocket"), OUTPUTS, id="scope"),
        pytest.param(
            lambda rows: row_of(rows, "max_fields").update(default=99), [DEFAULTS, PYTHON, REFERENCE], id="default"
        ),
        pytest.param(lambda rows: row_of(rows, "max_fields").update(maximum=101), OUTPUTS, id="range"),
        pytest.param(
            lambda rows: row_of(rows, "max_fields").update(description="Fields."),
            [DEFAULTS, PYTHON, REFERENCE],
            id="description",
        ),
    ],
)
def test_a_table_that_was_changed(copy: Path, change: Callable[[list[Row]], object], files: list[str]) -> None:
    change_table(copy, change)
    status, output = check(copy)
    assert (status, files_of(output)) == (1, files)
    assert generate(copy) == (0, "".join(f"wrote {file}\n" for file in files))
    assert check(copy) == (0, "")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda row: row.update(default=20_000), "default: expected 1 to 10000, got 20000"),
        (lambda row: row.update(default=0), "default: expected 1 to 10000, got 0"),
        (lambda row: row.update(default=1.5), "expected whole numbers, got [1, 1.5, 10000]"),
        (lambda row: row.update(kind="bytes"), "kind: expected one of count, octets, "),
        (lambda row: row.update(scope="global"), "scope: expected websocket, http or server, got 'global'"),
        (lambda row: row.update(status=413), "beyond: expected a text that names the status 413, got '431'"),
        (lambda row: row.pop("maximum"), "but ['maximum'] is missing"),
        (lambda row: row.update(max=1), "got ['max']"),
        (lambda row: row.update(aliases=["maxFields"]), "name: expected snake_case"),
        (lambda row: row.update(aliases=["max_head"]), "expected it once"),
        (lambda row: row.update(aliases=["max_fields"]), "expected it once"),
        (lambda row: row.update(kind="hosts", default=[]), "expected no range for the kind hosts"),
        (lambda row: row.update(kind="compression"), "default: expected none for the kind compression, got 100"),
        (lambda row: row.update(kind="switch", default=True), "default: expected False for the kind switch, got True"),
        (lambda row: row.update(description="Fields"), "description: expected a full stop at its end"),
    ],
)
def test_a_row_that_contradicts_itself(copy: Path, change: Callable[[Row], object], finding: str) -> None:
    change_table(copy, lambda rows: change(row_of(rows, "max_fields")))
    for options in ([], ["--check"]):
        status, output = generate(copy, *options)
        assert status == 1
        assert output.startswith(f"{TABLE}: max_fields: ")
        assert finding in output
    assert (copy / DEFAULTS).read_text() == (ROOT / DEFAULTS).read_text()


def test_a_name_that_stands_twice(copy: Path) -> None:
    change_table(copy, lambda rows: rows.append(rows[0]))
    assert check(copy) == (1, f"{TABLE}: max_message_size: expected it once\n")


def test_a_table_that_is_no_json(copy: Path) -> None:
    (copy / TABLE).write_text("[")
    status, output = check(copy)
    assert status == 1
    assert output.startswith(f"{TABLE}: invalid JSON: ")
