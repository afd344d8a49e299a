"""The stub of the compiled engine describes WebSocketConnection as the engine itself does."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from system_servers import package_path

import proapi
from proapi import WebSocketConnection
from proapi._core import habits

# Classes and functions that applications do not see. nanobind describes its own in a form of its own.
INTERNAL = r"""
proapi\._engine\.(AsgiExchange|AsgiService|Cors|Engine|Exchange|FormReader|FoundFile|ListeningSockets|RequestInfo|Site|TlsOptions|WebSocketBridge|WebSocketMachine)(\..*)?
proapi\._engine\.(answer_handshake|check_accept_response|decode_body|may_hide_non_finite|parse_request|register)
# nanobind's own, which it keeps there.
proapi\._engine\.__nanobind_internals__
# It can't be made by hand, which the stub says in the one way it has.
proapi\._engine\.WebSocketConnection(\.__init__)?
"""


def test_names_and_signatures(tmp_path: Path) -> None:
    allowed = tmp_path / "internal"
    # Names that only answer with what to write instead.
    missing = "|".join(habits.CONNECTION)
    allowed.write_text(rf"{INTERNAL}proapi\._engine\.WebSocketConnection\.({missing})")
    environment = dict(os.environ)
    if package := package_path():
        environment["MYPYPATH"] = package
    command = [sys.executable, "-m", "mypy.stubtest", "proapi._engine", "--concise", "--allowlist", str(allowed)]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def docstrings_of_stub() -> dict[str, str]:
    """Returns the docstring of each member; of several overloads, that of the first."""
    tree = ast.parse(Path(proapi.__file__).with_name("_engine.pyi").read_text())
    (connection,) = (
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "WebSocketConnection"
    )
    found: dict[str, str] = {}
    for node in connection.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found.setdefault(node.name, ast.get_docstring(node) or "")
    return found


@pytest.mark.parametrize("name", sorted(docstrings_of_stub()))
def test_docstrings(name: str) -> None:
    told = inspect.getdoc(getattr(WebSocketConnection, name)) or ""
    assert told.split(), f"{name} has no docstring"
    assert docstrings_of_stub()[name].split() == told.split()
