"""Prints the requirements of an extra in pyproject.toml, without the package itself: `requirements.py test`, for pip
install."""

import re
import sys
import tomllib
from pathlib import Path


def main() -> None:
    project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]
    print(*dict.fromkeys([*project["dependencies"], *needed(project, sys.argv[1])]), sep="\n")


def needed(project: dict[str, object], extra: str) -> list[str]:
    """Returns the requirements of ``extra``. If it names other extras of this package, theirs are included."""
    extras = project["optional-dependencies"]
    found: list[str] = []
    for requirement in extras[extra]:
        if own := re.fullmatch(rf"{project['name']}\[(.*)\]", requirement):
            for other in own[1].split(","):
                found += needed(project, other.strip())
        else:
            found.append(requirement)
    return found


main()
