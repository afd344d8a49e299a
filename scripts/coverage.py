"""Prints how many lines of each layer its own unit tests run: ``coverage.py BUILD_DIR``.

``BUILD_DIR`` holds a program ``LAYER_tests`` for each of ``LAYERS``, built with ``--coverage`` (the preset
``coverage``). Each layer is measured by its own tests only: a call from the tests of a higher layer does not show that
the line is tested. Files below ``REQUIRED_PERCENT`` are listed with the lines that no test ran. The exit status is 1 if
a layer is below it.

gcov comes with g++, so nothing else has to be installed.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("base", "http", "ws", "service")
REQUIRED_PERCENT = 95.0

# On a line with only a closing brace, gcov counts the cleanup after an exception, or nothing. Such lines are ignored.
CLOSING_BRACE = re.compile(r"\s*\}[;,)]*\s*")


@dataclass
class FileCoverage:
    path: Path
    runs: dict[int, int]  # how often each line with code ran

    @property
    def missed(self) -> list[int]:
        return sorted(line for line, count in self.runs.items() if count == 0)


def measure(layer: str, build: Path) -> list[FileCoverage]:
    """Runs the layer's tests and reads the counts that they write."""
    for stale in build.rglob("*.gcda"):
        stale.unlink()
    program = build / "tests" / "cpp" / layer / f"{layer}_tests"
    result = subprocess.run([program, "--gtest_brief=1"], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{program} failed with status {result.returncode}\n{result.stdout}{result.stderr}")

    # Headers also contain code, which is compiled into the objects of the tests. An object without .gcda never ran.
    notes = [*build.glob(f"src/{layer}/**/*.gcno"), *build.glob(f"tests/cpp/{layer}/**/*.gcno")]
    folder = ROOT / "src" / layer
    runs: dict[Path, Counter[int]] = {}
    for source in (source for note in notes for source in read_gcov(note)):
        path = (ROOT / source["file"]).resolve()
        if path.is_relative_to(folder):
            counts = runs.setdefault(path, Counter())
            text = path.read_text(encoding="utf-8").splitlines()
            for line in source["lines"]:  # gcov lists a template's line once for each instantiation
                number = line["line_number"]
                if not CLOSING_BRACE.fullmatch(text[number - 1]):
                    counts[number] += line["count"]
    return [FileCoverage(path.relative_to(ROOT), counts) for path, counts in sorted(runs.items())]


def read_gcov(note: Path) -> Iterator[dict]:
    command = ["gcov", "--json-format", "--stdout", note]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    for document in output.splitlines():
        yield from json.loads(document)["files"]


def percent(files: list[FileCoverage]) -> float:
    lines = sum(len(file.runs) for file in files)
    missed = sum(len(file.missed) for file in files)
    return 100.0 * (lines - missed) / lines if lines else 100.0


def as_ranges(lines: list[int]) -> str:
    """Returns text such as ``3, 7-9``."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    layers = {layer: measure(layer, build) for layer in LAYERS}

    print(f"{'layer':<12}{'lines':>8}{'not run':>10}{'covered':>10}")
    for layer, files in layers.items():
        lines = sum(len(file.runs) for file in files)
        missed = sum(len(file.missed) for file in files)
        print(f"{layer:<12}{lines:>8}{missed:>10}{percent(files):>8.1f} %")

    for file in (file for files in layers.values() for file in files):
        if percent([file]) < REQUIRED_PERCENT:
            print(f"{file.path}: {percent([file]):.1f} %, no test runs the lines {as_ranges(file.missed)}")

    too_low = [layer for layer, files in layers.items() if percent(files) < REQUIRED_PERCENT]
    for layer in too_low:
        print(f"{layer}: expected at least {REQUIRED_PERCENT:.0f} % of its lines to be run by tests/cpp/{layer}")
    return 1 if too_low else 0


if __name__ == "__main__":
    sys.exit(main())
