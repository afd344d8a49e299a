"""The program's own logging: which context the lines carry, and what happens if a filter or handler raises."""

import re

import pytest
from promises import promise
from running_program import Program
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

pytestmark = promise("log-filters-that-raise")

MODES = ["dict()", "dict(fast=True)", "dict(loop='uvloop')"]
PROGRAM = """
import asyncio, contextvars, logging, sys
from proapi import HTTPException, ProAPI
app = ProAPI()
user = contextvars.ContextVar("user")

class Refusal(HTTPException):
    def __init__(self):
        Exception.__init__(self, "not as HTTPException would have it")

class WithUser(logging.Filter):
    def filter(self, record):
        record.user = user.get() if "strict" in sys.argv[1] else user.get("none")
        return True

handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("%(levelname)s user=%(user)s %(message)s"))
handler.addFilter(WithUser())
logging.getLogger().addHandler(handler)

@app.websocket("/fails")
async def fails(websocket):
    await websocket.accept()
    await websocket.receive_text()
    raise ValueError("as it should")

@app.websocket("/refuses")
async def refuses(websocket):
    raise Refusal()

@app.websocket("/echo")
async def echo(websocket):
    await websocket.accept()
    async for message in websocket:
        await websocket.send_text(message)

@app.get("/fail/{name}")
async def fail(name):
    user.set(name)
    raise ValueError("as it should")

@app.websocket("/ticks")
async def ticks(websocket):
    user.set("another")
    await websocket.accept()
    while True:
        await websocket.send_text("tick")
        await asyncio.sleep(0.0005)

@app.websocket("/fails/{name}")
async def fails_as(websocket, name):
    user.set(name)
    await websocket.accept()
    raise ValueError("as it should")

app.run(**{name: value for name, value in eval(sys.argv[1]).items() if name != "strict"})
"""


@pytest.mark.parametrize("options", MODES)
def test_a_filter_that_raises_costs_the_line(options: str, programs: list[Program]) -> None:
    program = Program(options.replace(")", ", strict=True)").replace("(, ", "("), PROGRAM)
    programs.append(program)
    place = program.url.replace("http", "ws")
    with connect(f"{place}/echo") as other:
        with connect(f"{place}/fails") as websocket:
            websocket.send("x")
            with pytest.raises(ConnectionClosedError, match="1011"):
                websocket.recv()
        with pytest.raises(InvalidStatus, match="500"):
            connect(f"{place}/refuses")
        other.send("still here")
        assert other.recv() == "still here"
    program.process.terminate()
    assert program.end()[0] == 0


@pytest.mark.parametrize("options", MODES)
def test_lines_carry_the_variables_of_their_own_handler(options: str, programs: list[Program]) -> None:
    """Not those of another handler, for which the loop called the engine."""
    program = Program(options, PROGRAM)
    programs.append(program)
    place = program.url.replace("http", "ws")
    with connect(f"{place}/ticks") as ticking:
        for i in range(60):
            with connect(f"{place}/fails/bob{i}") as websocket, pytest.raises(ConnectionClosedError):
                websocket.recv()
            for _ in range(5):
                ticking.recv()
    program.process.terminate()
    status, _, log = program.end()
    assert status == 0
    users = re.findall(r"user=(\S+) /fails/(\S+):", log)
    assert len(users) == 60
    assert all(user == path for user, path in users), users
