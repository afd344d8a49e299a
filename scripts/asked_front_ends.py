"""Finds which front ends each test asks. The tests are parsed, not imported; see generate_contract.py."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from promise_markers import Marker, find_tests

SUITE = "tests/contract"
EXCUSED = f"{SUITE}/engine_only.py"
OTHERS = "tests/who_is_asked.py"

# The parameter names of tests/contract/front_ends.py, and how docs/contract.md spells them.
FRONT_ENDS = {
    "cpp": "C++",
    "python": "standard",
    "python-uvloop": "uvloop",
    "python-fast": "fast",
    "asgi": "uvicorn",
    "hypercorn": "Hypercorn",
}
MODES = ("python", "python-uvloop", "python-fast")
ENGINE = ("cpp", *MODES)

# Front end -> True if the test asks a server of that front end, False if it only tests code that the front end shares.
# Front ends that the test says nothing about are absent.
Asked = dict[str, bool]


class WhoIsAsked:
    def __init__(self, root: Path) -> None:
        self._root = root
        excused = _tables(root / EXCUSED)
        self._engine_only = set(excused["ENGINE_ONLY"])
        self._hypercorn = set(excused["HYPERCORN"])
        others = _tables(root / OTHERS)
        self._others = {
            f"tests/{key}": dict.fromkeys(others[table][key].split(), table == "ASKED")
            for table in ("ASKED", "SHARED")
            for key in others[table]
        }
        self._modules: dict[str, _Module] = {}

    def asked_by(self, file: str, test: str) -> Asked:
        """Returns the front ends that ``test`` asks, or those of the whole file if ``test`` is "". The result is empty
        if no table has a line for the test."""
        if file.startswith(f"{SUITE}/"):
            module = self._module(file)
            tests = [each for each in ([test] if test else module.tests) if module.uses(each, "front_end")]
            if tests:
                return {name: True for each in tests for name in self._by_the_suite(Path(file).stem, each)}
        name = f"{file}::{test}"
        keys = [key for key in self._others if _fits(key, file, name)]
        return self._others[max(keys, key=len)] if keys else {}

    def _by_the_suite(self, module: str, test: str) -> Iterator[str]:
        """The same rules as _front_ends_of() in tests/contract/conftest.py."""
        keys = {module, f"{module}::{test}"}
        yield from ENGINE
        if not keys & self._engine_only:
            yield "asgi"
        if keys & self._hypercorn:
            yield "hypercorn"

    def _module(self, file: str) -> "_Module":
        if file not in self._modules:
            self._modules[file] = _Module(self._root / SUITE / "conftest.py", self._root / file)
        return self._modules[file]

    def check(self, markers: Sequence[Marker]) -> Iterator[str]:
        """Yields one line for each key that matches no test, and one for each test that no key matches."""
        for key, front_ends in self._others.items():
            file, _, test = key.partition("::")
            path = self._root / file
            if not path.exists() or (test and test not in find_tests(path)):
                yield f"{OTHERS}: no test is called {key.removeprefix('tests/')!r}"
            for unknown in sorted(front_ends.keys() - FRONT_ENDS.keys()):
                yield f"{OTHERS}: {key.removeprefix('tests/')}: expected some of {list(FRONT_ENDS)}, got {unknown!r}"
        for name in dict.fromkeys(
            f"{each.file}::{each.test}" if each.test else each.file
            for each in markers
            if not self.asked_by(each.file, each.test)
        ):
            yield f"{OTHERS}: expected a line for {name.removeprefix('tests/')!r}, which asks no front end by a fixture"


def _fits(key: str, file: str, name: str) -> bool:
    return key in (file, name) or (key.endswith("/") and file.startswith(key))


def _tables(path: Path) -> dict[str, dict[str, str]]:
    """Returns the dictionaries and sets that a file defines. The file must define nothing but these and string
    constants. The values of a dictionary are string literals or names of such constants; a set gets "" as the value of
    each element."""
    tables: dict[str, dict[str, str]] = {}
    texts: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name):
            continue
        if isinstance(value, ast.Constant):
            texts[target.id] = value.value
        elif isinstance(value, ast.Set):
            tables[target.id] = {ast.literal_eval(each): "" for each in value.elts}
        elif isinstance(value, ast.Dict):
            tables[target.id] = {
                ast.literal_eval(key): texts[each.id] if isinstance(each, ast.Name) else ast.literal_eval(each)
                for key, each in zip(value.keys, value.values, strict=True)
                if key
            }
    return tables


_Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Module:
    """The functions of a test file and of its conftest.py. Knows which fixtures each of them uses."""

    def __init__(self, *files: Path) -> None:
        self._functions = {
            node.name: node
            for file in files
            for node in ast.parse(file.read_text(encoding="utf-8"), str(file)).body
            if isinstance(node, _Function)
        }
        self.tests = [name for name in self._functions if name.startswith("test_")]

    def uses(self, test: str, fixture: str) -> bool:
        """Whether ``test`` uses ``fixture``, directly or through other fixtures."""
        to_look_at, seen = [test], set[str]()
        while to_look_at:
            name = to_look_at.pop()
            if name == fixture:
                return True
            if name not in seen and name in self._functions:
                to_look_at += _arguments(self._functions[name])
            seen.add(name)
        return False


def _arguments(function: _Function) -> Iterator[str]:
    yield from (each.arg for each in function.args.args)
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("usefixtures"):
            yield from (str(ast.literal_eval(each)) for each in call.args)
