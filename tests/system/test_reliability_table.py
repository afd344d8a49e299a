"""scripts/generate_reliability.py --check finds rows that name what does not exist, and finds none in this repository.

Most tests write a small repository: one promise, one setting, two tests and the document.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TABLE, DOCUMENT = "contract/reliability.json", "docs/reliability.md"
BEGIN = (
    "<!-- Generated from contract/reliability.json by scripts/generate_reliability.py; change it, then run "
    "`make generate`: -->"
)
END = "<!-- End of what is generated. -->"

SUITE = "tests/contract/test_limits.py"
CLAIM = "A message that is too large is refused."
ROW: dict[str, Any] = {
    "part": "Sizes",
    "claim": CLAIM,
    "promise": "max-message-size",
    "settings": ["max_message_size"],
    "tests": [f"{SUITE}::test_sizes", f"{SUITE}::test_more"],
}
SETTING = {
    "name": "max_message_size",
    "scope": "websocket",
    "kind": "octets",
    "default": 1048576,
    "minimum": 1,
    "maximum": 4294967296,
    "description": "Size of one message.",
    "beyond": "closed",
}
FILES = {
    SUITE: """
@promise("max-message-size")
def test_sizes(server):
    pass

@promise("max-message-size")
def test_more(server):
    pass

@promise("other")
def test_of_another_promise(server):
    pass
""",
    "contract/promises.json": json.dumps(
        [
            {"id": "max-message-size", "section": "1. Limits", "promise": "Beyond it: 1009."},
            {"id": "other", "section": "1. Limits", "promise": "Something else."},
        ]
    ),
    "contract/settings.json": json.dumps([SETTING]),
    DOCUMENT: f"# By hand\n\n{BEGIN}\n{END}\n\nBy hand, too\n",
}


def generate(root: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, ROOT / "scripts/generate_reliability.py", *options, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for file, text in FILES.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    write(tmp_path)
    return tmp_path


def write(root: Path, **changes: Any) -> None:
    (root / TABLE).write_text(json.dumps([{**ROW, **changes}]))


def cells(root: Path) -> list[str]:
    assert generate(root) == (0, f"wrote {DOCUMENT}\n")
    assert generate(root, "--check") == (0, "")
    [row] = [line for line in (root / DOCUMENT).read_text().splitlines() if line.startswith(f"| {CLAIM}")]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_this_repository_is_in_order() -> None:
    assert generate(ROOT, "--check") == (0, "")


def test_a_row(small: Path) -> None:
    assert cells(small) == ["1 MiB", "`max_message_size`", f"`{SUITE}::test_sizes`, `::test_more`"]
    assert (small / DOCUMENT).read_text().endswith("\nBy hand, too\n")


@pytest.mark.parametrize(
    ("figure", "settings", "shown"),
    [
        ("twice {max_message_size}", ["max_message_size"], ["twice 1 MiB", "`max_message_size`"]),
        ("1 at a time", [], ["1 at a time", ""]),
        ("", [], ["", ""]),
    ],
)
def test_figures(small: Path, figure: str, settings: list[str], shown: list[str]) -> None:
    write(small, figure=figure, settings=settings)
    assert cells(small)[:2] == shown


def test_a_default_that_has_changed(small: Path) -> None:
    assert generate(small)[0] == 0
    (small / "contract/settings.json").write_text(json.dumps([{**SETTING, "default": 2048}]))
    status, output = generate(small, "--check")
    assert status == 1
    assert output.startswith(f"{DOCUMENT}:9: expected '| {CLAIM} | 2 KiB |")


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        (
            {"tests": [f"{SUITE}::test_that_was_removed"]},
            f"expected a test with the marker 'max-message-size', got {SUITE}::test_that_was_removed",
        ),
        (
            {"tests": [f"{SUITE}::test_of_another_promise"]},
            f"expected a test with the marker 'max-message-size', got {SUITE}::test_of_another_promise",
        ),
        ({"tests": []}, "expected a value for each of ['claim', 'part', 'promise', 'tests'], but ['tests'] is missing"),
        ({"promise": "max"}, "no promise of contract/promises.json has the id 'max'"),
        ({"settings": ["max"]}, "no setting of contract/settings.json is called 'max'"),
        (
            {"settings": [], "figure": "{max_message_size}"},
            "figure: expected only settings that the row lists, got 'max_message_size'",
        ),
        (
            {"test": []},
            "expected keys of ['claim', 'figure', 'part', 'promise', 'settings', 'tests'], got ['test']",
        ),
    ],
)
def test_a_row_that_names_what_is_not_there(small: Path, changes: dict[str, Any], finding: str) -> None:
    write(small, **changes)
    for options in ([], ["--check"]):
        assert generate(small, *options) == (1, f"{TABLE}: {CLAIM}: {finding}\n")


def test_a_claim_is_a_sentence(small: Path) -> None:
    write(small, claim="sizes")
    assert generate(small)[1].endswith("claim: expected a sentence with a full stop at its end, and no '|'\n")
