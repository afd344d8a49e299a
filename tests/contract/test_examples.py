"""The larger programs of examples/python, run as they stand, in standard and in fast mode, and their counterparts in
examples/cpp.

Each test is a client, and waits for what the server sends, never for a time.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from front_ends import BUILD, HERE, PLACE, ROOT, Program
from promises import promise
from tiny_redis import tiny_redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = [promise("examples"), pytest.mark.plain("the examples say ws and http")]

WAIT_S = 10
EXAMPLES = ROOT / "examples" / "python"


class Examples:
    """``run("game", NAME="value")`` starts the example in a process of its own and returns its port."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self.programs: list[Program] = []

    def __call__(self, name: str, **env: str) -> int:
        if self._mode == "cpp":
            command = [str(BUILD / "examples/cpp" / name)]
        else:
            command = [sys.executable, str(HERE / "documented.py"), str(EXAMPLES / f"{name}.py"), self._mode]
        self.programs.append(Program(command, {"PROAPI_PORT": "0", **env}))
        return int(self.programs[-1].wait_for_line(PLACE)[1])

    def stop(self, fault: str | None = None) -> None:
        """Stops all of them. They must have logged no fault but this one, which all of them must have logged."""
        while self.programs:
            with self.programs.pop() as program:
                program.signal(signal.SIGTERM)
                assert program.wait() == 0, program.log
                faults = [
                    line for line in program.lines if re.search("(ERROR|WARNING) proapi|\\[(error|warning)\\]", line)
                ]
                assert len(faults) == (fault is not None), program.log
                assert fault is None or fault in faults[0]


@pytest.fixture(params=["standard", "fast"])
def run(request: pytest.FixtureRequest) -> Iterator[Examples]:
    yield from running(request.param)


@pytest.fixture(params=["standard", "fast", "cpp"])
def run_both(request: pytest.FixtureRequest) -> Iterator[Examples]:
    """As ``run``, for an example that there is in C++ too."""
    yield from running(request.param)


def running(mode: str) -> Iterator[Examples]:
    examples = Examples(mode)
    try:
        yield examples
        examples.stop()
    finally:
        for program in examples.programs:
            program.kill()


def open_socket(port: int, path: str, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{port}{path}", **options)


async def receive(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), WAIT_S))


async def receive_until(client: ClientConnection, is_it: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(WAIT_S):
        while not is_it(message := json.loads(await client.recv())):
            pass
    return message


async def ask(client: ClientConnection, **message: Any) -> Any:
    """Sends a message with an id and returns its answer; what comes before it is dropped."""
    await client.send(json.dumps({**message, "id": 1}))
    return await receive_until(client, lambda answer: answer.get("id") == 1)


# Messages that name no function, and the places of what is wrong with them.
MALFORMED: list[tuple[str, list[str]]] = [
    ("x", []),
    ("[1]", []),
    ("null", []),
    ('{"id": 1}', ["type"]),
    ('{"type": 1}', ["type"]),
]


async def check_malformed(client: ClientConnection) -> None:
    """Each is answered with an error, and the connection stays open."""
    for text, place in MALFORMED:
        await client.send(text)
        answer = await receive_until(client, lambda message: message["type"] == "error")
        assert [each["loc"] for each in answer["detail"]] == [place]
        assert "id" not in answer
    unknown = await ask(client, type="fly")
    assert unknown["type"] == "error"
    assert unknown["detail"].startswith("expected one of ")
    assert unknown["detail"].endswith(", got fly")


async def refusal(port: int, path: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with open_socket(port, path, **options):
            pass
    return caught.value.response.status_code


# ---- game.py --------------------------------------------------------------------------------------------------------


def way(at: int, to: int) -> int:
    return (to > at) - (to < at)


@promise("examples-cpp")
async def test_game(run_both: Examples) -> None:
    """Ada steers to the coin until she has one; Bob stands still and sees it."""
    port = run_both("game")
    for query in ("", "?name=", f"?name={'%C3%A4' * 21}"):
        assert await refusal(port, f"/game{query}") == 422
    async with open_socket(port, "/game?name=Ada") as ada, open_socket(port, "/game?name=Bob") as bob:
        assert await receive(ada) == {"type": "field", "width": 32, "height": 18}
        for step, place in (({"dx": 2, "dy": 0}, "dx"), ({"dx": 1, "dy": 0.5}, "dy"), ({"dx": 1}, "dy")):
            answer = await ask(ada, type="steer", **step)
            assert (answer["type"], answer["detail"][0]["loc"]) == ("error", [place])
        await check_malformed(ada)
        assert await ask(ada, type="steer", dx=0, dy=0) == {"type": "reply", "id": 1, "result": None}
        async with asyncio.timeout(WAIT_S):
            score = 0
            while not score:
                picture = await receive_until(ada, lambda message: message["type"] == "picture")
                [me] = [each for each in picture["players"] if each["name"] == "Ada"]
                step = {"dx": way(me["x"], picture["coin"][0]), "dy": way(me["y"], picture["coin"][1])}
                await ada.send(json.dumps({"type": "steer", **step}))
                score = me["score"]
        await ada.close()
        seen = await receive_until(bob, lambda message: message["type"] == "picture" and len(message["players"]) == 1)
        assert seen["players"][0].keys() == {"name", "x", "y", "dx", "dy", "score"}
        assert seen["players"][0]["name"] == "Bob"


@promise("examples-cpp")
async def test_a_full_field(run_both: Examples) -> None:
    port = run_both("game")
    async with contextlib.AsyncExitStack() as players:
        for number in range(64):
            client = await players.enter_async_context(open_socket(port, f"/game?name={'%C3%A4' * 18}{number}"))
            assert (await receive(client))["type"] == "field"
        assert await refusal(port, "/game?name=late") == 503


# ---- ticker.py ------------------------------------------------------------------------------------------------------


@promise("examples-cpp")
async def test_ticker_screen(run_both: Examples) -> None:
    port = run_both("ticker")
    async with open_socket(port, "/screen") as client:
        await client.send(json.dumps({"type": "subscribe", "symbols": ["SAP", "MSFT"], "id": 7}))
        assert [(await receive(client))["symbol"] for _ in range(2)] == ["SAP", "MSFT"]
        assert await receive(client) == {"type": "reply", "id": 7, "result": ["MSFT", "SAP"]}
        quotes = [await receive(client) for _ in range(6)]
        assert {each["symbol"] for each in quotes} == {"SAP", "MSFT"}
        answer = await ask(client, type="unsubscribe", symbols=["MSFT"])
        assert answer["result"] == ["SAP"]
        quotes = [await receive(client) for _ in range(3)]
        assert {each["symbol"] for each in quotes} == {"SAP"}
        assert len({each["price"] for each in quotes}) > 1
        answer = await ask(client, type="subscribe", symbols=["SAP", "XYZ"])
        assert answer["detail"] == "expected symbols among AAPL, MSFT, NVDA, SAP, got XYZ"
        for symbols, place in ((5, ["symbols"]), (["SAP", 5], ["symbols", 1])):
            answer = await ask(client, type="subscribe", symbols=symbols)
            assert [each["loc"] for each in answer["detail"]] == [place]
        await check_malformed(client)
        answer = await ask(client, type="unsubscribe", symbols=["SAP", "XYZ"])  # leaving what one has not is no error
        assert answer["result"] == []


@promise("examples-cpp")
async def test_ticker_that_only_pushes(run_both: Examples) -> None:
    port = run_both("ticker")
    assert await refusal(port, "/quotes/XYZ") == 404
    async with open_socket(port, "/quotes/NVDA") as client:
        quotes = [await receive(client) for _ in range(3)]
        assert {each["symbol"] for each in quotes} == {"NVDA"}


# ---- terminal.py ----------------------------------------------------------------------------------------------------


async def read_until(client: ClientConnection, text: str) -> str:
    shown = ""
    async with asyncio.timeout(WAIT_S):
        while text not in shown:
            message = await client.recv()
            assert isinstance(message, bytes)
            shown += message.decode()
    return shown


@promise("examples-cpp")
async def test_terminal(run_both: Examples) -> None:
    port = run_both("terminal", TERMINAL_TOKEN="s3cret", SHELL="/bin/sh")
    assert await refusal(port, "/terminal") == 401
    assert await refusal(port, "/terminal", subprotocols=["bearer.guess"]) == 401
    assert await refusal(port, "/terminal?rows=0", subprotocols=["bearer.s3cret"]) == 422
    async with open_socket(port, "/terminal?rows=30&cols=90", subprotocols=["bearer.s3cret"]) as client:
        await client.send(b"stty size\n")
        await read_until(client, "30 90")
        await client.send('{"type": "resize", "rows": 40, "cols": 120}')
        await client.send(b"stty size\n")
        await read_until(client, "40 120")
        await client.send(b"sh -c 'echo started$((1 + 1)); exec sleep 1000'; echo over$((1 + 1))\n")
        await read_until(client, "started2")  # the program says so; what is typed shows before anything runs
        await client.send(b"\x03")  # Ctrl-C reaches the program: the terminal is that of the shell
        await client.send(b"echo next$((1 + 1))\n")
        shown = await read_until(client, "next2")
        assert "over2" not in shown
        await client.send(b"exit\n")
        with pytest.raises(ConnectionClosed):
            await read_until(client, "never")
        assert (client.close_code, client.close_reason) == (1000, "the shell has ended")


@promise("examples-cpp")
async def test_a_terminal_ends_with_its_page(run_both: Examples) -> None:
    port = run_both("terminal", TERMINAL_TOKEN="s3cret", SHELL="/bin/sh")
    async with open_socket(port, "/terminal", subprotocols=["bearer.s3cret"]) as client:
        await client.send(b"echo pid=$$.\n")
        found = re.search(r"pid=(\d+)\.", await read_until(client, ".\r\n"))
        shown = "" if found else await read_until(client, ".\r\n")  # the first line was the echo of what was typed
        found = found or re.search(r"pid=(\d+)\.", shown)
        assert found
        shell = os.pidfd_open(int(found[1]))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(shell, ended.set)  # readable when the process has ended
    try:
        await asyncio.wait_for(ended.wait(), WAIT_S)
    finally:
        asyncio.get_running_loop().remove_reader(shell)
        os.close(shell)


# ---- json_rpc.py ----------------------------------------------------------------------------------------------------


async def rpc(client: ClientConnection, text: str) -> Any:
    """Returns the answer, or None if a call after it is answered first. Of errors only the code is compared."""
    await client.send(text)
    await client.send('{"jsonrpc": "2.0", "method": "sum", "params": [1], "id": "marker"}')
    answers = []
    while not isinstance(answer := await receive(client), dict) or answer["id"] != "marker":
        answers.append(answer)
    for each in answers:
        for one in each if isinstance(each, list) else [each]:
            assert one["jsonrpc"] == "2.0"
            if "error" in one:
                assert isinstance(one["error"]["message"], str)
                one["error"] = one["error"]["code"]
            del one["jsonrpc"]
    assert len(answers) <= 1
    return answers[0] if answers else None


# The examples of section 7 of the specification: what is sent, and what is answered.
SUBTRACT = '"jsonrpc": "2.0", "method": "subtract"'
RPC = [
    (f'{{{SUBTRACT}, "params": [42, 23], "id": 1}}', {"result": 19, "id": 1}),
    (f'{{{SUBTRACT}, "params": [23, 42], "id": 2}}', {"result": -19, "id": 2}),
    (f'{{{SUBTRACT}, "params": {{"subtrahend": 23, "minuend": 42}}, "id": 3}}', {"result": 19, "id": 3}),
    (f'{{{SUBTRACT}, "params": {{"minuend": 42, "subtrahend": 23}}, "id": 4}}', {"result": 19, "id": 4}),
    ('{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', None),
    ('{"jsonrpc": "2.0", "method": "foobar"}', None),
    ('{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', {"error": -32601, "id": "1"}),
    ('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', {"error": -32700, "id": None}),
    ('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', {"error": -32600, "id": None}),
    ('[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"', -32700),
    ("[]", {"error": -32600, "id": None}),
    ("[1]", [{"error": -32600, "id": None}]),
    ("[1,2,3]", [{"error": -32600, "id": None}] * 3),
    (
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
        '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},'
        f'{{{SUBTRACT}, "params": [42,23], "id": "2"}},'
        '{"foo": "boo"},'
        '{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},'
        '{"jsonrpc": "2.0", "method": "get_data", "id": "9"}]',
        [
            {"result": 7, "id": "1"},
            {"result": 19, "id": "2"},
            {"error": -32600, "id": None},
            {"error": -32601, "id": "5"},
            {"result": ["hello", 5], "id": "9"},
        ],
    ),
    (
        '[{"jsonrpc": "2.0", "method": "notify_hello", "params": [1]},'
        '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]',
        None,
    ),
    # Not in the specification's list:
    (f'{{{SUBTRACT}, "params": [42], "id": 5}}', {"error": -32602, "id": 5}),
    (f'{{{SUBTRACT}, "params": "42", "id": 6}}', {"error": -32602, "id": 6}),
    ('{"jsonrpc": "2.0", "method": "divide", "params": [1, 0], "id": 7}', {"error": -32000, "id": 7}),
]


async def test_json_rpc(run: Examples) -> None:
    port = run("json_rpc")
    async with open_socket(port, "/rpc") as client:
        for sent, expected in RPC:
            if expected == -32700:
                expected = {"error": -32700, "id": None}
            assert await rpc(client, sent) == expected, sent
        await client.send('{"jsonrpc": "2.0", "method": "countdown", "params": {"seconds": 0}}')
        assert await receive(client) == {"jsonrpc": "2.0", "method": "left", "params": [0]}
    [program] = run.programs
    program.wait_for_line("^hello 7$")


# ---- upload.py ------------------------------------------------------------------------------------------------------


@promise("examples-cpp")
async def test_upload(run_both: Examples, tmp_path: Path) -> None:
    port = run_both("upload", UPLOADS=str(tmp_path))
    content = bytes(range(256)) * 1024
    piece = 64 * 1024
    assert await refusal(port, f"/uploads?filename=x&size={5 * 1024**3}") == 422
    async with open_socket(port, "/progress") as watcher:
        # Whoever is refused after the watcher was accepted comes after it: it watches already.
        assert await refusal(port, "/uploads?filename=x&size=-1") == 422
        async with open_socket(port, f"/uploads?filename=../x&size={len(content)}") as client:
            for end in range(piece, len(content) + 1, piece):
                await client.send(content[end - piece : end])
                assert await receive(client) == {"received": end}
                seen = await receive(watcher)
                assert (seen["filename"], seen["received"], seen["size"]) == ("../x", end, len(content))
            done = await receive(client)
        assert done["sha256"] == hashlib.sha256(content).hexdigest()
        assert [each.name for each in tmp_path.iterdir()] == [done["file"]]
        assert (tmp_path / done["file"]).read_bytes() == content


@promise("examples-cpp")
async def test_an_upload_that_is_cut_leaves_nothing(run_both: Examples, tmp_path: Path) -> None:
    port = run_both("upload", UPLOADS=str(tmp_path))
    async with open_socket(port, "/uploads?filename=x&size=10") as client:
        await client.send(b"12345")
        assert await receive(client) == {"received": 5}
        await client.send(b"123456")
        with pytest.raises(ConnectionClosed):
            await receive(client)
        assert (client.close_code, client.close_reason) == (1008, "expected 10 octets, got more")
    async with open_socket(port, "/uploads?filename=x&size=10") as client:
        await client.send(b"12345")
        assert await receive(client) == {"received": 5}
    await asyncio.to_thread(run_both.stop)
    assert list(tmp_path.iterdir()) == []


# ---- board.py -------------------------------------------------------------------------------------------------------


async def test_board(run: Examples) -> None:
    port = run("board")
    assert await refusal(port, "/boards/a?colour=pink") == 422
    async with open_socket(port, "/boards/a?colour=red") as ada, open_socket(port, "/boards/a") as bob:
        assert await receive(ada) == await receive(bob) == {"type": "sheet", "lines": []}
        first = (await ask(ada, type="draw", points=[[0, 0], [10, 5]]))["result"]
        second = (await ask(bob, type="draw", points=[[1, 1]]))["result"]
        line = (await receive(ada))["line"]
        assert (line["number"], line["colour"], line["points"]) == (second, "black", [[1, 1]])
        async with open_socket(port, "/boards/a") as late, open_socket(port, "/boards/b") as other:
            assert [each["number"] for each in (await receive(late))["lines"]] == [first, second]
            assert (await receive(other))["lines"] == []
            assert (await ask(ada, type="undo"))["result"] == first
            assert await receive(late) == {"type": "removed", "number": first}
            assert (await ask(late, type="undo"))["detail"] == "you have drawn nothing on this sheet"
            await bob.send('{"type": "clear"}')
            assert await receive(late) == {"type": "sheet", "lines": []}
            assert (await ask(ada, type="draw", points=[[-1, 0]]))["detail"][0]["loc"] == ["points", 0, 0]
            assert (await ask(ada, type="draw", points=[]))["type"] == "error"


# ---- dashboard.py ---------------------------------------------------------------------------------------------------


def http(port: int, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    request = Request(f"http://127.0.0.1:{port}{path}", body, {k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urlopen(request, timeout=WAIT_S) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_dashboard(run: Examples, tmp_path: Path) -> None:
    port = run("dashboard", DASHBOARD_DB=str(tmp_path / "db"), DASHBOARD_KEY="k" * 32)

    async def ask(path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        return await asyncio.to_thread(http, port, path, body, **headers)

    def form(username: str, password: str) -> bytes:
        return urlencode({"grant_type": "password", "username": username, "password": password}).encode()

    assert (await ask("/login", form("ada", "byron")))[0] == 401
    assert (await ask("/login", form("bob", "")))[0] == 401
    status, answer = await ask("/login", form("ada", "lovelace"))
    token = answer["access_token"]
    assert (status, answer["token_type"], token.count(".")) == (200, "bearer", 2)
    header, claims, signature = token.split(".")
    wrong = ["", "x", f"{header}.{claims}.", f"{header}.{claims[:-2]}AA.{signature}", f"e30.{claims}.{signature}"]
    for each in wrong:
        assert (await ask("/measurements", authorization=f"Bearer {each}"))[0] == 401, each
        assert await refusal(port, "/live", subprotocols=["live", f"bearer.{each or 'x'}"]) == 401, each
    assert (await ask("/measurements"))[0] == 401
    assert await refusal(port, "/live") == 401
    bearer = {"authorization": f"Bearer {token}"}
    assert await ask("/measurements", **bearer) == (200, [])
    async with open_socket(port, "/live", subprotocols=["live", f"bearer.{token}"]) as viewer:
        assert viewer.subprotocol == "live"
        assert await receive(viewer) == {"user": "ada"}
        new = {"sensor": "door", "value": 2.5}
        body, kind = json.dumps(new).encode(), {"content_type": "application/json"}
        assert await ask("/measurements", body, **kind, **bearer) == (201, new)
        assert await receive(viewer) == new
        assert (await ask("/measurements", b'{"sensor": 1, "value": 2}', **kind, **bearer))[0] == 422
    answers = await asyncio.gather(*(ask("/measurements?limit=1", **bearer) for _ in range(16)))  # of 4 connections
    assert answers == [(200, [new])] * 16


# ---- redis_chat.py --------------------------------------------------------------------------------------------------


async def test_redis_chat(run: Examples) -> None:
    """Two processes and one Redis, whose connections break once."""
    pytest.importorskip("redis")
    async with tiny_redis() as redis:
        one, other = [await asyncio.to_thread(run, "redis_chat", REDIS_URL=redis.url) for _ in range(2)]
        await redis.wait_for_subscriptions(2)
        async with open_socket(one, "/rooms/lobby?name=Ada") as ada:
            assert await receive(ada) == {"type": "joined", "name": "Ada"}
            async with open_socket(other, "/rooms/lobby?name=Bob") as bob:
                assert await receive(ada) == await receive(bob) == {"type": "joined", "name": "Bob"}
                await ada.send('{"type": "say", "text": "hello"}')
                said = {"type": "said", "name": "Ada", "text": "hello"}
                assert await receive(ada) == await receive(bob) == said
                redis.drop()
                await redis.wait_for_subscriptions(2)
                # A connection that Redis has cut is found out by the message that is sent over it.
                async with asyncio.timeout(WAIT_S):
                    while (await ask(bob, type="say", text="still here"))["type"] == "error":
                        pass
                await receive_until(ada, lambda message: message.get("text") == "still here")
            assert await receive(ada) == {"type": "left", "name": "Bob"}
            assert (await ask(ada, type="say", text=""))["type"] == "error"
        await asyncio.to_thread(run.stop, "the task deliver of app.task failed; it is started again in 1 s")
