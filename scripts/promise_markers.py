"""Finds which test verifies which promise of the contract. The tests are parsed, not imported; see
generate_contract.py."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMMENT = re.compile(r"[ \t]*(?://|#)")
_MARKER = re.compile(r"[ \t]*(?://|#)[ \t]*promises?:(.*)")
_IDS = re.compile(r" [\w-]+(, [\w-]+)*")
_TEST = re.compile(r"^[ \t]*(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
_PYTHON_TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)

_Test = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Marker:
    """A test's claim to verify one promise."""

    file: str  # relative to the root
    line: int
    test: str  # "" for the whole file
    promise: str  # its id

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def find_markers(root: Path) -> tuple[list[Marker], list[str]]:
    """Returns the markers, and one line for each invalid marker."""
    markers: list[Marker] = []
    wrong: list[str] = []
    for path in sorted((root / "tests").rglob("*")):
        file = str(path.relative_to(root))
        if "node_modules" in file or path.suffix not in (".py", ".cpp", ".cmake"):
            continue
        text = path.read_text(encoding="utf-8")
        if "promise" not in text:
            continue
        for found in _in_python(file, text) if path.suffix == ".py" else _in_comments(file, text):
            if isinstance(found, str):
                wrong.append(found)
            elif any((found.file, found.test, found.promise) == (m.file, m.test, m.promise) for m in markers):
                wrong.append(f"{found.place}: expected {found.promise!r} once for {found.test or 'the file'}")
            else:
                markers.append(found)
    return markers, wrong


def find_tests(path: Path) -> set[str]:
    """Returns the names of a file's tests, spelled as in ``Marker.test``."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return set(_PYTHON_TEST.findall(text))
    return {f"{suite}.{name}" for suite, name in _TEST.findall(text)}


# ---- Python ----


def _in_python(file: str, text: str) -> Iterator[Marker | str]:
    """Yields the markers, and a string for each error."""
    module = ast.parse(text, file)
    used: list[ast.Call] = []
    for node in module.body:
        test, calls = "", []
        if isinstance(node, _Test) and node.name.startswith("test_"):
            test, calls = node.name, [each for each in node.decorator_list if _is_promise(each)]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            calls = [each for each in ast.walk(node.value) if _is_promise(each)]
        for call in calls:
            assert isinstance(call, ast.Call)
            used.append(call)
            yield from _find_ids(file, call, test)
    for each in ast.walk(module):
        if _is_promise(each) and each not in used:
            yield f"{file}:{each.lineno}: expected promise(...) above a test function, or as the file's pytestmark"


def _is_promise(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "promise"


def _find_ids(file: str, call: ast.Call, test: str) -> Iterator[Marker | str]:
    if not call.args or call.keywords:
        yield f"{file}:{call.lineno}: expected ids of promises, got {ast.unparse(call)}"
    for argument in call.args:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield Marker(file, argument.lineno, test, argument.value)
        else:
            yield f"{file}:{call.lineno}: expected the id of a promise as a literal, got {ast.unparse(argument)}"


# ---- C++ and CMake ----


def _in_comments(file: str, text: str) -> Iterator[Marker | str]:
    """Yields the markers, and a string for each error."""
    lines = text.splitlines()
    head = next((number for number, line in enumerate(lines) if not _COMMENT.match(line)), len(lines))
    for number, line in enumerate(lines):
        if not (found := _MARKER.match(line)):
            continue
        test = ""
        if number >= head:
            below = next((i for i in range(number, len(lines)) if not _COMMENT.match(lines[i])), len(lines))
            name = _TEST.match("\n".join(lines[below : below + 3]))
            if not name:
                yield f"{file}:{number + 1}: expected a TEST directly below, or this line in the file's first comment"
                continue
            test = f"{name[1]}.{name[2]}"
        if not _IDS.fullmatch(found[1]):
            yield f"{file}:{number + 1}: expected '// promise: one-id, another-id', got {line.strip()!r}"
            continue
        for promise in found[1].split(","):
            yield Marker(file, number + 1, test, promise.strip())
