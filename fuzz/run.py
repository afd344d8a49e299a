"""Searches with all fuzz targets, or with the named ones.

Inputs that reach new code are kept in ``BUILD/corpus/<target>`` for the next run. ``fuzz/corpus`` and the seeds in
``BUILD/fuzz/seeds`` are only read. An input that breaks a rule is written to ``BUILD/found/<target>``, the command that
repeats it is printed, and the exit status is 1.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).parent
MAX_INPUT_BYTES = 4096
SLOW_INPUT_S = 5  # all parsers should be linear; an input that takes this long shows that one is not
MAX_MEMORY_MIB = 2048


def search(build: Path, target: str, seconds: int) -> bool:
    """Searches with one target. Returns true if nothing was found."""
    program = build / "fuzz" / f"fuzz_{target}"
    kept, found = build / "corpus" / target, build / "found" / target
    for folder in (kept, found):
        folder.mkdir(parents=True, exist_ok=True)
    corpora = [kept, build / "fuzz" / "seeds" / target, SOURCE / "corpus" / target]
    dictionary = SOURCE / "dictionaries" / f"{target}.dict"
    command = [
        str(program),
        f"-max_total_time={seconds}",
        f"-max_len={MAX_INPUT_BYTES}",
        "-len_control=20",  # grow inputs sooner: scripts and tables have many lines
        f"-timeout={SLOW_INPUT_S}",
        f"-rss_limit_mb={MAX_MEMORY_MIB}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
        *(str(folder) for folder in corpora if folder.exists()),
    ]
    log = build / f"{target}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    cpu_s = usage.ru_utime + usage.ru_stime
    text = log.read_text(encoding="utf-8", errors="replace")
    executed = last_number(r"stat::number_of_executed_units: (\d+)", text)
    covered = last_number(r"cov: (\d+)", text)
    print(
        f"{target}: {executed} inputs in {cpu_s:.0f} s of CPU time, {covered} edges"
        + ("" if status == 0 else ", FAILED"),
        flush=True,
    )
    if status == 0:
        return True
    inputs = re.findall(r"Test unit written to (\S+)", text)
    print(*shown_part(text), sep="\n", flush=True)
    print("repeat it alone:", program, *inputs, flush=True)
    return False


def last_number(pattern: str, text: str) -> str:
    numbers: list[str] = re.findall(pattern, text)
    return numbers[-1] if numbers else "?"


def shown_part(text: str) -> list[str]:
    """Returns the lines from the broken rule or the sanitizer's first line on, or else the last lines."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if "broken rule:" in line or "runtime error:" in line or "ERROR:" in line:
            return lines[number : number + 20]
    return lines[-20:]


def main() -> int:
    parser = argparse.ArgumentParser(description="Searches with every fuzz target.")
    parser.add_argument("build", type=Path, help="folder of a finished build, such as build/fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--total", type=int, help="seconds for all of them together, instead")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_intermixed_args()
    built = sorted(file.name.removeprefix("fuzz_") for file in (arguments.build / "fuzz").glob("fuzz_*"))
    unknown = sorted(set(arguments.targets) - set(built))
    if unknown or not built:
        parser.error(
            f"expected targets of {', '.join(built) or 'a finished build'}, got {', '.join(unknown) or 'none'}"
        )
    targets: list[str] = arguments.targets or built
    seconds: int = arguments.seconds
    if arguments.total:
        seconds = max(1, arguments.total * arguments.jobs // len(targets))
    with ThreadPoolExecutor(arguments.jobs) as pool:
        passed = list(pool.map(lambda target: search(arguments.build, target, seconds), targets))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
