"""Runs the Autobahn test suite against the contract application: ``autobahn.py [--cases PATTERN | --write] [MODE]...``.

For each mode a server is started, asked all cases by `wstest`, and stopped. The results are printed and, with
``--write``, written into docs/conformance.md. The exit status is 1 unless every case is OK or informational.

`wstest` exits with 0 whatever happens, so only its report counts. It is unpacked by scripts/autobahn_setup.sh.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import generated

ROOT = Path(__file__).resolve().parents[1]
SUITE = ROOT / "build/autobahn"
DOCUMENT = "docs/conformance.md"
BEGIN = "<!-- Written by `make autobahn`: -->"
END = "<!-- End of what is written. -->"
ALL_CASES = 517
GOOD = {"OK", "INFORMATIONAL"}
# The suite sends messages of 16 MiB and more.
OPTIONS = ("--limit", "max_message_size=67108864")
TIME_S = 3600


@dataclass(frozen=True)
class Mode:
    name: str
    options: tuple[str, ...]
    is_cpp: bool = False

    def command(self, build: Path) -> list[str]:
        program = (
            [str(build / "contract_app")] if self.is_cpp else [sys.executable, str(ROOT / "tests/contract/app.py")]
        )
        return [*program, "--port", "0", *OPTIONS, *self.options]


MODES = {
    mode.name: mode
    for mode in (
        Mode("C++", (), is_cpp=True),
        Mode("C++, shared", ("--pmd",), is_cpp=True),
        Mode("C++, dedicated", ("--pmd-dedicated",), is_cpp=True),
        Mode("Python, fast", ("--fast",)),
        Mode("Python, fast, shared", ("--fast", "--pmd")),
        Mode("Python, fast, dedicated", ("--fast", "--pmd-dedicated")),
        Mode("Python, standard", ()),
        Mode("Python, standard, shared", ("--pmd",)),
        Mode("Python, standard, dedicated", ("--pmd-dedicated",)),
    )
}

SECTIONS = {
    "1": "Framing",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragmentation",
    "6": "UTF-8",
    "7": "Closing",
    "9": "Limits and performance",
    "10": "Miscellaneous",
    "12": "Compression, several payloads",
    "13": "Compression, several parameters",
}

Results = dict[str, str]  # by case: OK, INFORMATIONAL, UNIMPLEMENTED, NON-STRICT, WRONG CODE, FAILED, ...


@contextlib.contextmanager
def serving(mode: Mode) -> Iterator[int]:
    """Runs the server; the block gets its port."""
    build = ROOT / os.environ.get("PROAPI_BUILD_DIR", "build/check")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            mode.command(build), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout
            line = process.stdout.readline()
            match = re.search(r"https?://[^\s:]+:(\d+)", line)
            if not match:
                log.seek(0)
                raise SystemExit(f"autobahn: {mode.name} did not start: {line}{log.read()}")
            yield int(match[1])
        finally:
            process.terminate()
            process.wait(20)


def run(mode: Mode, cases: list[str]) -> Results:
    with serving(mode) as port, tempfile.TemporaryDirectory() as folder:
        spec = {
            "outdir": f"{folder}/report",
            "servers": [{"agent": "ProAPI", "url": f"ws://127.0.0.1:{port}/echo", "options": {"version": 18}}],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (Path(folder) / "spec.json").write_text(json.dumps(spec))
        libraries = SUITE / "root/usr/lib"
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": f"{libraries}/{os.uname().machine}-linux-gnu",
            "PYTHONHOME": str(SUITE / "root/usr"),
            "PYTHONPATH": str(SUITE / "site"),
            "PYTHONNOUSERSITE": "1",
        }
        program = [str(SUITE / "root/usr/bin/python2.7"), "-c", "from autobahntestsuite.wstest import run; run()"]
        done = subprocess.run(
            [*program, "-m", "fuzzingclient", "-s", f"{folder}/spec.json"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_S,
            check=False,
        )
        index = Path(folder) / "report/index.json"
        if not index.exists():
            raise SystemExit(f"autobahn: no report:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        report = json.loads(index.read_text())["ProAPI"]
    # A case is good only if its close is, too.
    return {case: worse(result["behavior"], result["behaviorClose"]) for case, result in report.items()}


def worse(behaviour: str, close: str) -> str:
    return close if behaviour in GOOD and close not in GOOD else behaviour


def is_inapplicable(case: str, mode: Mode) -> bool:
    """Whether the case is about compression, which the mode does not negotiate; the suite then asks nothing."""
    return section_of(case) in ("12", "13") and not any(option.startswith("--pmd") for option in mode.options)


def section_of(case: str) -> str:
    return case.partition(".")[0]


def table(results: dict[str, Results]) -> Iterator[str]:
    """One row a section, one column a mode: how many cases are good of how many."""
    yield ""
    yield "| section | " + " | ".join(results) + " |"
    yield "|---|" + "---|" * len(results)
    for number, name in SECTIONS.items():
        cells = []
        for found in results.values():
            own = {case: result for case, result in found.items() if section_of(case) == number}
            counts = Counter(own.values())
            words = [f"{counts[kind]} {kind.lower()}" for kind in ("INFORMATIONAL", "UNIMPLEMENTED") if counts[kind]]
            words += [
                f"**{count} {kind.lower()}**" for kind, count in counts.items() if kind not in (*GOOD, "UNIMPLEMENTED")
            ]
            cells.append(", ".join([f"{counts['OK']} OK", *words]) if own else "-")
        yield f"| {number} {name} | " + " | ".join(cells) + " |"
    yield ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the Autobahn test suite.")
    parser.add_argument("modes", nargs="*", metavar="MODE", help=f"of {', '.join(MODES)}; all of them")
    parser.add_argument("--cases", action="append", metavar="PATTERN", help='such as "1.*"; all of them')
    parser.add_argument("--write", action="store_true", help=f"write the table of {DOCUMENT}")
    given = parser.parse_args()
    if given.write and given.cases:
        parser.error("--write: expected all cases")
    if unknown := set(given.modes) - MODES.keys():
        parser.error(f"expected modes of {', '.join(MODES)}; got {', '.join(unknown)}")
    results: dict[str, Results] = {}
    status = 0
    for name in given.modes or MODES:
        found = results[name] = run(MODES[name], given.cases or ["*"])
        counts = Counter(found.values())
        print(
            f"{name}: {len(found)} cases: " + ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())), flush=True
        )
        for case, result in found.items():
            if result not in GOOD and not (result == "UNIMPLEMENTED" and is_inapplicable(case, MODES[name])):
                status = 1
                print(f"  {case}: {result}")
        if not given.cases and len(found) != ALL_CASES:
            status = 1
            print(f"  expected {ALL_CASES} cases, got {len(found)}")
    if given.write:
        text = generated.put_between(BEGIN, END, table(results), DOCUMENT, generated.read(ROOT, DOCUMENT))
        generated.write(ROOT, DOCUMENT, text)
    return status


if __name__ == "__main__":
    sys.exit(main())
