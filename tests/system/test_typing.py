"""The package is typed for its users: strict checking passes on an application, and finds its mistakes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from promises import promise
from system_servers import package_path, python_path

TYPED_APP = Path(__file__).with_name("typed_app.py")


def check(program: Path, cache: Path) -> str:
    """Returns mypy's output, or "" if it finds nothing."""
    environment = dict(os.environ)
    if package := package_path():
        environment["MYPYPATH"] = package
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", str(program)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@promise("typed-package")
def test_strict_checking_passes(cache: Path) -> None:
    assert check(TYPED_APP, cache) == ""


def test_the_application_can_be_imported() -> None:
    """The annotations also work at run time: every route registers."""
    environment = dict(os.environ, PYTHONPATH=python_path())
    subprocess.run([sys.executable, "-c", "import typed_app"], cwd=TYPED_APP.parent, env=environment, check=True)


@promise("typed-package")
@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        ("await websocket.send_text(b'octets')", 'incompatible type "bytes"'),
        ("await websocket.send_json({}, mode='utf-8')", "Literal"),
        ("number: int = await websocket.receive_text()", 'has type "str"'),
        ("websocket.send_txt('x')", "has no attribute"),
        ("await websocket.receive_json(int) + 'x'", "Unsupported operand"),
        ("ProAPI(max_mesage_size=1)", "Unexpected keyword argument"),
        ("app.run(loop='trio')", "Literal"),
        ("app.spawn(handler)", "incompatible type"),
        ("async with app.resolve(len) as number:\n        number + 'x'", "Unsupported operand"),
        ("app.get('/', True)", "Too many positional arguments"),
        ("app.get('/', response_model=int)", 'Unexpected keyword argument "response_model"'),
        ("app.add_middleware(int)", "has no attribute"),
    ],
)
def test_mistakes_are_found(mistake: str, complaint: str, cache: Path, tmp_path: Path) -> None:
    program = tmp_path / "mistaken.py"
    program.write_text(
        "from proapi import ProAPI, WebSocketConnection\n\napp = ProAPI()\n\n\n"
        f"async def handler(websocket: WebSocketConnection) -> None:\n    {mistake}\n"
    )
    assert complaint in check(program, cache)
