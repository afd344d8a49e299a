"""Checks which file includes which header and which module imports which: ``check_layers.py [ROOT]``.

A file in ``src/`` may include headers of its own layer and of the layers that ``MAY_INCLUDE`` lists for it. It may
include a system header only if ``MAY_USE`` allows that. The modules of the Python package must not import each other in
a circle. Each finding is one line that says what to do, and the exit status is then 1.
"""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

# Which other layers each layer may include. `proapi` is include/proapi, which users include, so it includes nothing of
# src/.
MAY_INCLUDE: dict[str, set[str]] = {
    "base": set(),
    "net": {"base"},
    "http": {"base"},
    "ws": {"base", "http"},
    "service": {"base", "http", "ws"},
    "server": {"base", "net", "http", "ws", "service"},
    "app": {"base", "net", "http", "ws", "service", "server", "proapi"},
    "bindings": {"base", "net", "http", "ws", "service", "server"},
    "proapi": set(),
}

# System headers, grouped by purpose. A layer that is not in MAY_USE may use all of them.
SYSTEM = {
    "allocator": r"malloc\.h",
    "descriptors": r"unistd\.h",
    "files": r"fcntl\.h|sys/(stat|syscall)\.h|linux/openat2\.h",
    "sockets and waiting": r"(arpa|net|netinet)/.*|netdb\.h|liburing\.h|poll\.h|linux/(?!openat2).*"
    r"|sys/(socket|uio|epoll|eventfd|ioctl|un)\.h",
    "processes, threads and clocks": r"signal\.h|pthread\.h|sched\.h|time\.h|thread|mutex|condition_variable|future"
    r"|sys/(time|timerfd|wait|resource|prctl|types)\.h",
}
MAY_USE: dict[str, set[str]] = {
    "base": {"allocator", "descriptors"},
    "http": set(),
    "ws": set(),
    "service": {"descriptors", "files"},
    "proapi": {"processes, threads and clocks"},
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def find_wrong_includes(root: Path) -> Iterator[str]:
    for layer in MAY_INCLUDE:
        folder = root / "include" / "proapi" if layer == "proapi" else root / "src" / layer
        for file in sorted([*folder.rglob("*.hpp"), *folder.rglob("*.cpp")]):
            text = file.read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                place = f"{file.relative_to(root)}:{text.count(chr(10), 0, match.start()) + 1}"
                yield from (f"{place}: {wrong}" for wrong in check_include(layer, match[1], match[2]))


def check_include(layer: str, quote: str, header: str) -> Iterator[str]:
    target = header.partition("/")[0]
    if quote == "<":
        for purpose, pattern in SYSTEM.items():
            if purpose not in MAY_USE.get(layer, SYSTEM) and re.fullmatch(pattern, header):
                yield f"{layer} may not include <{header}> ({purpose}): move what needs it to net or server"
                return
    elif target not in MAY_INCLUDE:
        yield f'"{header}": expected a path from src/ or include/, such as "base/bytes.hpp"'
    elif target != layer and target not in MAY_INCLUDE[layer]:
        allowed = ", ".join(sorted(MAY_INCLUDE[layer])) or "no other layer"
        yield f'{layer} may not include "{header}": expected {layer} itself or {allowed} (ARCHITECTURE.md, "Layers")'


def find_circles(package: Path) -> Iterator[str]:
    """Yields at most one circle: the first one found."""
    modules = {
        ".".join(file.relative_to(package).with_suffix("").parts): file for file in sorted(package.rglob("*.py"))
    }
    modules = {name.removesuffix("__init__").rstrip(".") or "__init__": file for name, file in modules.items()}
    graph = {name: set(find_imports(name, file, set(modules))) for name, file in modules.items() if name != "__init__"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        yield f"{package.name}: modules import each other in a circle: {circle}; move what both need to a third"


def find_name(file: Path) -> str:
    """Returns a module's dotted name: ``_core.json``, or ``_core`` for a package."""
    return ".".join(part for part in file.with_suffix("").parts if part != "__init__")


def find_imports(name: str, file: Path, modules: set[str]) -> Iterator[str]:
    """Yields the modules that this one imports at run time. Imports inside functions count; those under TYPE_CHECKING
    do not."""
    folder = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in at_runtime(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            base = folder[: len(folder) - (node.level - 1)]
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            within = (f"{module}.{alias.name}".strip(".") for alias in node.names)
            yield from (found for found in {module, *within} if found in modules and found != name)


def at_runtime(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from at_runtime(node)


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    wrong = [*find_wrong_includes(root), *find_circles(root / "python" / "proapi")]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
