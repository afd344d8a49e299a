"""scripts/tidy.py checks what has changed, and fails if clang-tidy finds anything."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "tidy.py"
FINE = "int twice(int x) {\n    return 2 * x;\n}\n"
ODD = "int twice(int x) {\n    if (x > 0) {\n        return 2 * x;\n    } else {\n        return 2 * x;\n    }\n}\n"


def git(root: Path, *arguments: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run(["git", *name, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "change")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository whose first commit has two sources, and whose second changes nothing in them."""
    (tmp_path / "src" / "base").mkdir(parents=True)
    (tmp_path / ".clang-tidy").write_text("Checks: '-*,bugprone-branch-clone'\nWarningsAsErrors: '*'\n")
    commands = []
    for name in ("old", "new"):
        file = tmp_path / "src" / "base" / f"{name}.cpp"
        file.write_text(FINE)
        commands.append({"directory": str(tmp_path), "file": str(file), "command": f"c++ -c {file}"})
    (tmp_path / "compile_commands.json").write_text(json.dumps(commands))
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    (tmp_path / "README.md").write_text("text")
    commit(tmp_path)
    return tmp_path


def run(tree: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), str(tree), "--root", str(tree), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def test_nothing_has_changed(tree: Path) -> None:
    assert run(tree) == (0, "clang-tidy: 0 sources\n")
    assert run(tree, "--all") == (0, "clang-tidy: 2 sources\n")


def test_a_changed_source_is_checked_before_and_after_its_commit(tree: Path) -> None:
    (tree / "src" / "base" / "new.cpp").write_text(ODD)
    before = run(tree)
    commit(tree)
    for status, output in (before, run(tree)):
        assert status == 1
        assert "new.cpp:2:5: error: if with identical then and else branches" in output
        assert output.endswith("clang-tidy: 1 sources, failed: src/base/new.cpp\n")


def test_a_header_brings_its_source(tree: Path) -> None:
    (tree / "src" / "base" / "old.hpp").write_text("int twice(int x);\n")
    commit(tree)
    assert run(tree) == (0, "clang-tidy: 1 sources\n")
