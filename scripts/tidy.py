"""Runs clang-tidy on the engine's sources: ``tidy.py BUILD [--all] [--jobs N] [--root ROOT]``.

Without ``--all`` it checks the sources that the last commit or the working tree has changed, and the sources of changed
headers of the same name. BUILD is a configured build folder without unity builds: clang-tidy reads the compiler's flags
of each source from it. The checks are in .clang-tidy. The bindings are left out: nanobind's and CPython's macros break
most of the rules. The exit status is 1 if anything was found.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LAYERS = ("base", "net", "http", "ws", "service", "server", "app")


def git(root: Path, *arguments: str) -> list[str]:
    result = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def list_sources(root: Path) -> list[str]:
    return [name for name in git(root, "ls-files", "src") if name.endswith(".cpp") and name.split("/")[1] in LAYERS]


def find_changed(root: Path) -> set[str]:
    """Returns the files that differ from the last commit's parent, without suffixes. Of a first commit: all files."""
    parent = subprocess.run(
        ["git", "rev-parse", "-q", "--verify", "HEAD~1"], cwd=root, capture_output=True, check=False
    )
    names = git(root, "diff", "--name-only", "HEAD~1") if parent.returncode == 0 else git(root, "ls-files")
    return {str(Path(name).with_suffix("")) for name in names}


def check(root: Path, build: Path, source: str) -> bool:
    """Whether nothing was found. Prints what was."""
    program = str(Path(sys.executable).with_name("clang-tidy"))
    command = [program, "-p", str(build), "--quiet", source]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        print(result.stdout, end="", flush=True)
    return result.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs clang-tidy on the engine's sources.")
    parser.add_argument("build", type=Path, help="a configured build folder, such as build/tidy")
    parser.add_argument("--all", action="store_true", help="every source, not only what has changed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    sources = list_sources(arguments.root)
    if not arguments.all:
        changed = find_changed(arguments.root)
        sources = [source for source in sources if str(Path(source).with_suffix("")) in changed]
    build = arguments.build.resolve()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        passed = list(pool.map(lambda source: check(arguments.root, build, source), sources))
    failed = [source for source, is_fine in zip(sources, passed, strict=True) if not is_fine]
    print(f"clang-tidy: {len(sources)} sources" + (f", failed: {' '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
