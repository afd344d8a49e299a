"""A program whose locale writes 0,5 (LC_NUMERIC), as programs with translated texts set it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from promises import promise

PROGRAM = """
import asyncio
import locale
import sys
sys.path.insert(0, sys.argv[1])
from conftest import http, serving

locale.setlocale(locale.LC_ALL, "comma.UTF-8")
assert locale.localeconv()["decimal_point"] == ","
from proapi import ProAPI, Response

app = ProAPI(ping_interval=0.5, message_timeout="2.25")
app.configure(close_timeout=0.125)
assert [app.limits[name] for name in ("ping_interval", "message_timeout", "close_timeout")] == [0.5, 2.25, 0.125]
try:
    app.configure(close_timeout="0,5")
except ValueError as error:
    assert str(error) == "close_timeout: expected seconds from 0.01 to 86400, got 0,5", error
else:
    raise AssertionError("0,5 is a number")


@app.post("/{x:float}")
async def page(request, x):
    return {"x": x, "body": await request.json()}


async def ask():
    async with serving(app) as port:
        return (await http(port, "POST", "/-0.5", body=b"[1.25e-1]"))[2]


print(asyncio.run(ask()).decode())
"""


@pytest.fixture(scope="module")
def locale_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locale comma.UTF-8. It is made here, because few machines have such a locale installed."""
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-c", "-i", "de_DE", "-f", "UTF-8", str(folder / "comma.UTF-8")]
    made = subprocess.run(command, capture_output=True, text=True)  # a nonzero status may only mean warnings
    assert (folder / "comma.UTF-8").is_dir(), f"the package `locales` is missing: {made.stderr}"
    return folder


@promise("locale")
def test_numbers_are_read_and_written_as_before(locale_path: Path) -> None:
    environment = {**os.environ, "LOCPATH": str(locale_path), "LC_ALL": "", "LANG": ""}
    folder = str(Path(__file__).parent)
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder], env=environment, capture_output=True, text=True, timeout=30
    )
    assert program.stdout == '{"x":-0.5,"body":[0.125]}\n', program.stderr
