"""What an extra of pyproject.toml needs, without the package itself: `requirements.py test`, for pip install."""

import re
import sys
import tomllib
from pathlib import Path


def main() -> None:
    project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]
    print(*dict.fromkeys([*project["dependencies"], *needed(project, sys.argv[1])]), sep="\n")


def needed(project: dict[str, object], extra: str) -> list[str]:
    """The extras that an extra names of the package itself are followed."""
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
