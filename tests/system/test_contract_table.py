"""scripts/generate_contract.py --check finds promises, markers and documents that contradict each other, and finds none
in this repository.

Most tests write a small repository: two promises, a few tests and the document.
"""

import importlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

TABLE = "contract/promises.json"
DOCUMENT = "docs/contract.md"
SUITE = "tests/contract/test_closing.py"
UNIT = "tests/cpp/app/task_test.cpp"
ASKED = "tests/who_is_asked.py"

BEGIN = (
    "<!-- Generated from contract/promises.json and the markers of the tests by scripts/generate_contract.py; "
    "change them, then run `make generate`: -->"
)
END = "<!-- End of what is generated. -->"

PROMISES = [
    {"id": "close-order", "section": "1. Closing", "promise": "Everything sent arrives first."},
    {"id": "runs-once", "section": "2. Tasks", "part": "In C++", "promise": "A task runs once.", "note": "twice a day"},
]
FILES = {
    SUITE: """
import pytest
from promises import promise

@promise("close-order")
@pytest.mark.parametrize("code", [1000, 1001])
def test_close(subject, code):
    pass

@promise("close-order")
def test_on_the_wire(subject):
    pass

def test_no_promise(subject):
    pass
""",
    "tests/contract/conftest.py": """
@pytest.fixture
def server(front_end):
    pass

@pytest.fixture
def subject(server):
    pass
""",
    "tests/contract/engine_only.py": """
_SOCKETS = "bytes on the wire"
ENGINE_ONLY: dict[str, str] = {"test_closing::test_on_the_wire": _SOCKETS}
HYPERCORN: set[str] = {"test_closing::test_close"}
""",
    ASKED: """
ASKED: dict[str, str] = {"cpp/app/": "cpp"}
SHARED: dict[str, str] = {"cpp/app/task_test.cpp::Task.Other": "python"}
""",
    UNIT: """// Tasks.
#include "task.hpp"

// promise: runs-once
TEST(Task, RunsOnce) {}

TEST(Task, Other) {}
""",
}
TABLES = """
## 1. Closing

| promise | C++ | Python | uvicorn | Hypercorn | tests |
|---|:-:|:-:|:-:|:-:|---|
| Everything sent arrives first. | ✓ | ✓ | ✓ | ✓ | `tests/contract/test_closing.py::test_close`, `::test_on_the_wire` |

## 2. Tasks

### In C++

| promise | C++ | Python | uvicorn | Hypercorn | tests |
|---|:-:|:-:|:-:|:-:|---|
| A task runs once. | ✓ | | | | `tests/cpp/app/task_test.cpp::Task.RunsOnce`; twice a day |

"""


def generate(root: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, ROOT / "scripts/generate_contract.py", *options, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check(root: Path) -> tuple[int, str]:
    return generate(root, "--check")


def write(root: Path, file: str, text: str) -> None:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for file, text in FILES.items():
        write(tmp_path, file, text)
    write(tmp_path, TABLE, json.dumps(PROMISES))
    write(tmp_path, DOCUMENT, f"# By hand\n\n{BEGIN}\n{TABLES}{END}\n\nBy hand, too\n")
    return tmp_path


def replace(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert text.count(old) == 1, f"{old!r} in {file}"
    (root / file).write_text(text.replace(old, new))


def test_this_repository_is_in_order() -> None:
    assert check(ROOT) == (0, "")


def test_the_small_one_is_in_order(small: Path) -> None:
    assert check(small) == (0, "")


# ---- the document ----


@pytest.mark.parametrize(
    ("old", "new", "line", "finding"),
    [
        ("A task runs once.", "A task may run once.", 17, "expected '| A task runs once. | ✓ | | | |"),
        (
            "::test_on_the_wire",
            "::test_off_the_wire",
            9,
            "expected '| Everything sent arrives first. | ✓ | ✓ | ✓ | ✓ |",
        ),
        ("✓ | ✓ | ✓ | ✓", "✓ | ✓ | ✓ |", 9, "expected '| Everything sent arrives first. | ✓ | ✓ | ✓ | ✓ |"),
        ("\n### In C++\n", "", 13, "expected '### In C++', got '| promise |"),
    ],
)
def test_a_document_that_was_changed(small: Path, old: str, new: str, line: int, finding: str) -> None:
    before = (small / DOCUMENT).read_text()
    replace(small, DOCUMENT, old, new)
    status, output = check(small)
    assert status == 1
    assert output.startswith(f"{DOCUMENT}:{line}: {finding}")
    assert output.endswith(f". It does not follow from {TABLE} and the markers of the tests: run `make generate`\n")
    assert generate(small) == (0, f"wrote {DOCUMENT}\n")
    assert (small / DOCUMENT).read_text() == before


def test_what_is_outside_of_the_markers_is_anybodys(small: Path) -> None:
    replace(small, DOCUMENT, "# By hand\n", "# By another hand\n\nText.\n")
    assert check(small) == (0, "")


def test_a_line_around_the_tables_that_is_missing(small: Path) -> None:
    replace(small, DOCUMENT, END, "")
    before = (small / DOCUMENT).read_text()
    for options in ([], ["--check"]):
        status, output = generate(small, *options)
        assert status == 1
        assert output.startswith(f"{DOCUMENT}: expected two lines, ")
    assert (small / DOCUMENT).read_text() == before


# ---- tests that have changed ----


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param(SUITE, "def test_close", "async def test_end", id="renamed"),
        pytest.param(SUITE, "def test_no_promise", '@promise("close-order")\ndef test_one_more', id="a second test"),
        pytest.param(UNIT, "TEST(Task, RunsOnce)", "TEST_F(Tasks,\n       RunOnce)", id="renamed in C++"),
        pytest.param(UNIT, "\nTEST(Task, Other)", "\n// promise: runs-once\nTEST(Task, Other)", id="a second in C++"),
    ],
)
def test_a_marker_that_has_moved(small: Path, file: str, old: str, new: str) -> None:
    replace(small, file, old, new)
    write(small, "tests/contract/engine_only.py", "ENGINE_ONLY: dict[str, str] = {}\nHYPERCORN = {'test_closing'}\n")
    status, output = check(small)
    assert (status, output.partition(":")[0]) == (1, DOCUMENT)
    assert generate(small) == (0, f"wrote {DOCUMENT}\n")
    assert check(small) == (0, "")


def cells(root: Path, promise: str) -> list[str]:
    """Returns the cells of that promise's row, without the promise itself."""
    assert generate(root) == (0, f"wrote {DOCUMENT}\n")
    [row] = [line for line in (root / DOCUMENT).read_text().splitlines() if line.startswith(f"| {promise}")]
    return [cell.strip() for cell in row.strip("|").split("|")[1:]]


def test_several_promises_of_one_test(small: Path) -> None:
    replace(small, SUITE, '@promise("close-order")\ndef', '@promise("close-order", "runs-once")\ndef')
    tests = "`tests/contract/test_closing.py::test_on_the_wire`, `tests/cpp/app/task_test.cpp::Task.RunsOnce`"
    assert cells(small, "A task runs once.") == ["✓", "✓", "", "", f"{tests}; twice a day"]


def test_a_marker_of_a_whole_file(small: Path) -> None:
    write(small, "tests/python/test_all.py", 'pytestmark = [promise("runs-once")]\n')
    write(small, UNIT, "// Tasks.\n// promise: runs-once, close-order\n\nTEST(Task, Other) {}\n")
    replace(small, ASKED, '{"cpp/app/": "cpp"}', '{"cpp/app/": "cpp", "python/": "python python-fast"}')
    tests = "`tests/python/test_all.py`, `tests/cpp/app/task_test.cpp`"
    assert cells(small, "A task runs once.") == ["✓", "standard, fast", "", "", f"{tests}; twice a day"]


def test_a_marker_of_a_whole_file_of_the_suite(small: Path) -> None:
    """The whole file asks the front ends that its tests ask."""
    write(small, "tests/contract/test_all.py", 'pytestmark = promise("runs-once")\n\ndef test_a(server):\n    pass\n')
    tests = "`tests/contract/test_all.py`, `tests/cpp/app/task_test.cpp::Task.RunsOnce`"
    assert cells(small, "A task runs once.") == ["✓", "✓", "✓", "", f"{tests}; twice a day"]


def test_which_front_ends_are_asked(small: Path) -> None:
    """The longest key decides. A column with only shared code gets a circle instead of a check mark."""
    replace(small, UNIT, "\nTEST(Task, Other)", "\n// promise: runs-once\nTEST(Task, Other)")
    assert cells(small, "A task runs once.")[:4] == ["✓", "○", "", ""]
    replace(small, ASKED, '": "python"', '": "python asgi hypercorn cpp"')
    assert cells(small, "A task runs once.")[:4] == ["✓", "○", "○", "○"]


# ---- what does not fit together ----


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        pytest.param(
            UNIT,
            "// promise: runs-once\n",
            "",
            f"{TABLE}: runs-once: no test has its marker, @promise('runs-once') or // promise: runs-once",
            id="a promise without a test",
        ),
        pytest.param(
            SUITE,
            '@promise("close-order")\n@pytest',
            '@promise("close-odor")\n@pytest',
            f"{SUITE}:5: no promise of {TABLE} has the id 'close-odor'",
            id="unknown id",
        ),
        pytest.param(
            UNIT,
            ": runs-once",
            ": runs-once, runs-twice",
            f"{UNIT}:4: no promise of {TABLE} has the id 'runs-twice'",
            id="unknown id in C++",
        ),
        pytest.param(
            SUITE,
            '@promise("close-order")\n@pytest',
            '@promise("close-order", "close-order")\n@pytest',
            f"{SUITE}:5: expected 'close-order' once for test_close",
            id="twice at one test",
        ),
        pytest.param(
            SUITE,
            "def test_no_promise",
            '@promise("close-order")\ndef a_helper',
            f"{SUITE}:14: expected promise(...) above a test function, or as the file's pytestmark",
            id="not a test",
        ),
        pytest.param(
            SUITE,
            "def test_no_promise",
            "@promise(NAME)\ndef test_no_promise",
            f"{SUITE}:14: expected the id of a promise as a literal, got NAME",
            id="no literal",
        ),
        pytest.param(
            SUITE,
            "def test_no_promise",
            "@promise()\ndef test_no_promise",
            f"{SUITE}:14: expected ids of promises, got promise()",
            id="no id",
        ),
        pytest.param(
            UNIT,
            "TEST(Task, RunsOnce)",
            "struct Case {};\nTEST(Task, RunsOnce)",
            f"{UNIT}:4: expected a TEST directly below, or this line in the file's first comment",
            id="not a test in C++",
        ),
        pytest.param(
            UNIT,
            "// promise: runs-once",
            "// promise: runs-once and more",
            f"{UNIT}:4: expected '// promise: one-id, another-id', got '// promise: runs-once and more'",
            id="prose in C++",
        ),
        pytest.param(
            ASKED,
            '{"cpp/app/": "cpp"}',
            "{}",
            f"{ASKED}: expected a line for 'cpp/app/task_test.cpp::Task.RunsOnce', "
            "which asks no front end by a fixture",
            id="a test of no known front end",
        ),
        pytest.param(
            ASKED,
            '"cpp/app/": "cpp"',
            '"cpp/app/": "cpp rust"',
            f"{ASKED}: cpp/app/: expected some of ['cpp', 'python', 'python-uvloop', 'python-fast', 'asgi', "
            "'hypercorn'], got 'rust'",
            id="unknown front end",
        ),
        pytest.param(
            ASKED,
            '"cpp/app/": "cpp"',
            '"cpp/app/": "cpp", "python/test_x.py": "cpp", "contract/test_closing.py::test_": "cpp"',
            f"{ASKED}: no test is called 'python/test_x.py'\n"
            f"{ASKED}: no test is called 'contract/test_closing.py::test_'",
            id="keys that fit nothing",
        ),
    ],
)
def test_what_does_not_fit_together(small: Path, file: str, old: str, new: str, finding: str) -> None:
    """Both modes report it and write nothing."""
    replace(small, file, old, new)
    before = (small / DOCUMENT).read_text()
    for options in ([], ["--check"]):
        status, output = generate(small, *options)
        assert status == 1
        assert output.startswith(f"{finding}\n")
    assert (small / DOCUMENT).read_text() == before


Row = dict[str, Any]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"id": "close-order"}, "close-order: duplicate id"),
        ({"id": "Runs once"}, "Runs once: id: expected kebab-case, such as close-order"),
        ({"promise": "Runs once"}, "runs-once: promise: expected a sentence with a full stop at its end, and no '|'"),
        (
            {"tests": []},
            "runs-once: expected keys of ['asked', 'id', 'note', 'part', 'promise', 'section'], got ['tests']",
        ),
        ({"asked": "cpp rust"}, "runs-once: asked: expected some of ['cpp', "),
    ],
)
def test_a_row_that_is_wrong(small: Path, change: Row, finding: str) -> None:
    write(small, TABLE, json.dumps([PROMISES[0], PROMISES[1] | change]))
    status, output = check(small)
    assert status == 1
    assert f"{TABLE}: {finding}" in output


def test_a_row_without_a_sentence(small: Path) -> None:
    write(small, TABLE, json.dumps([PROMISES[0], {"id": "runs-once", "section": "2. Tasks"}]))
    assert "runs-once: expected a value for each of " in check(small)[1]


def test_sections_in_two_pieces(small: Path) -> None:
    write(small, TABLE, json.dumps([*PROMISES, PROMISES[0] | {"id": "close-twice"}]))
    assert f"{TABLE}: close-twice: expected the promises of 1. Closing one after the other" in check(small)[1]


def test_a_table_that_is_no_json(small: Path) -> None:
    write(small, TABLE, "[")
    status, output = check(small)
    assert status == 1
    assert output.startswith(f"{TABLE}: invalid JSON: ")


# ---- the real tests ----

# Writes for each test which front ends the fixtures of tests/contract ask.
PLUGIN = """
import json

def pytest_collection_modifyitems(items):
    asked = {}
    for item in items:
        name = f"tests/contract/{item.path.name}::{item.originalname}"
        front_end = item.callspec.params.get("front_end") if hasattr(item, "callspec") else None
        asked.setdefault(name, set()).add(front_end)
    with open("ASKED", "w") as file:
        json.dump({name: sorted(each - {None}) for name, each in asked.items()}, file)
"""


def test_the_suite_asks_whom_the_document_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The front ends that the script reads from the tests are those for which pytest runs them."""
    write(tmp_path, "asked_plugin.py", PLUGIN.replace("ASKED", str(tmp_path / "asked.json")))
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "asked_plugin",
            "--collect-only",
            "-qq",
            "-p",
            "no:cacheprovider",
            "tests/contract",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    # Over a Unix socket it is the same front end.
    by_pytest = {
        name: sorted({front_end.removesuffix("-unix") for front_end in each})
        for name, each in json.loads((tmp_path / "asked.json").read_text()).items()
        if each
    }

    monkeypatch.syspath_prepend(ROOT / "scripts")
    who = importlib.import_module("asked_front_ends").WhoIsAsked(ROOT)
    read: dict[str, list[str]] = defaultdict(list)
    for name in by_pytest:
        file, _, test = name.partition("::")
        read[name] = sorted(front_end for front_end, is_asked in who.asked_by(file, test).items() if is_asked)
    assert len(by_pytest) > 100
    assert read == by_pytest
