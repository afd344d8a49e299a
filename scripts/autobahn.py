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
import trustme

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
    """A server of the contract application: which program it is, and how it is started."""

    front_end: str
    compression: str | None = None
    is_tls: bool = False

    @property
    def name(self) -> str:
        parts = (self.front_end, self.compression, "TLS" if self.is_tls else None)
        return ", ".join(part for part in parts if part)

    @property
    def scheme(self) -> str:
        return "wss" if self.is_tls else "ws"

    def command(self, build: Path, certificate: Path) -> list[str]:
        program = (
            [str(build / "contract_app")]
            if self.front_end == "C++"
            else [sys.executable, str(ROOT / "tests/contract/app.py"), *FRONT_ENDS[self.front_end]]
        )
        tls = ["--ssl-certfile", str(certificate)] if self.is_tls else []
        return [*program, "--port", "0", *OPTIONS, *COMPRESSION[self.compression], *tls]


FRONT_ENDS = {"C++": (), "Python, fast": ("--fast",), "Python, standard": ()}
COMPRESSION = {None: (), "shared": ("--pmd",), "dedicated": ("--pmd-dedicated",)}
# TLS carries the same octets whatever they mean, so one kind of compression is enough there.
MODES = {
    mode.name: mode
    for front_end in FRONT_ENDS
    for mode in (
        Mode(front_end),
        Mode(front_end, "shared"),
        Mode(front_end, "dedicated"),
        Mode(front_end, "dedicated", is_tls=True),
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
def serving(mode: Mode, folder: Path) -> Iterator[int]:
    """Runs the server; the block gets its port."""
    build = ROOT / os.environ.get("PROAPI_BUILD_DIR", "build/check")
    certificate = folder / "server.pem"
    trustme.CA().issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            mode.command(build, certificate), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
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
    with tempfile.TemporaryDirectory() as folder, serving(mode, Path(folder)) as port:
        spec = {
            "outdir": f"{folder}/report",
            "servers": [
                {"agent": "ProAPI", "url": f"{mode.scheme}://127.0.0.1:{port}/echo", "options": {"version": 18}}
            ],
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
    return section_of(case) in ("12", "13") and mode.compression is None


def section_of(case: str) -> str:
    return case.partition(".")[0]


def cell(found: Results, section: str) -> str:
    """Counts the results of a section: "301 OK, 3 informational"."""
    counts = Counter(result for case, result in found.items() if section_of(case) == section)
    words = [f"{counts[kind]} {kind.lower()}" for kind in ("INFORMATIONAL", "UNIMPLEMENTED") if counts[kind]]
    words += [f"**{count} {kind.lower()}**" for kind, count in counts.items() if kind not in (*GOOD, "UNIMPLEMENTED")]
    return ", ".join([f"{counts['OK']} OK", *words])


def table(results: dict[str, Results], document: str) -> Iterator[str]:
    """Returns one row a mode, one column a section. The rows of modes that were not run stay as they are."""
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in document.splitlines() if line.startswith("| ")}
    for name, found in results.items():
        rows[name] = f"| {name} | " + " | ".join(cell(found, section) for section in SECTIONS) + " |"
    yield ""
    yield "| | " + " | ".join(f"{number} {title}" for number, title in SECTIONS.items()) + " |"
    yield "|---|" + "---|" * len(SECTIONS)
    yield from (rows[name] for name in MODES if name in rows)
    yield ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the Autobahn test suite.")
    parser.add_argument("modes", nargs="*", metavar="MODE", help=f"of {', '.join(MODES)}; all of them")
    parser.add_argument("--cases", action="append", metavar="PATTERN", help='such as "1.*"; all of them')
    parser.add_argument("--write", action="store_true", help=f"write their rows of the table in {DOCUMENT}")
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
        document = generated.read(ROOT, DOCUMENT)
        text = generated.put_between(BEGIN, END, table(results, document), DOCUMENT, document)
        generated.write(ROOT, DOCUMENT, text)
    return status


if __name__ == "__main__":
    sys.exit(main())
