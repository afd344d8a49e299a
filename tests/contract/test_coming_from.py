"""The ProAPI programs of docs/coming-from.md do what their counterparts do, run from the page: those in Python in both
modes, those in C++ as documented_cpp.cmake has built them.

The counterparts are blocks of ``py`` and ``c++``. They are not run, because their frameworks are not installed here.
"""

import asyncio
import json
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from front_ends import BUILD, HERE, PLACE, ROOT, Program
from promises import promise
from test_examples import ask, http, open_socket, receive, receive_until, refusal
from websockets.exceptions import ConnectionClosed

pytestmark = [promise("coming-from"), pytest.mark.plain("the documents say ws and http")]

_PAGE = (ROOT / "docs" / "coming-from.md").read_text()
_BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.M | re.S)
_SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", _PAGE, re.M | re.S))
_PYTHON = ("FastAPI", "Starlette", "Socket.IO")
_CPP = ("uWebSockets", "Beast and Drogon")
_RUN = re.compile(r"run_or_exit\([^)]*\)")


def programs_of(section: str) -> dict[str, list[tuple[str, str]]]:
    """Returns the blocks (language, text) below each heading of a section."""
    parts = re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", _SECTIONS[section], re.M | re.S)
    return {title: _BLOCK.findall(text) for title, text in parts}


async def request(port: int, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    if body is not None:
        headers["content_type"] = "application/json"
    status, answer = await asyncio.to_thread(http, port, path, data, **headers)
    return status, json.loads(answer) if isinstance(answer, str) and answer.startswith("{") else answer


async def talk_models(port: int) -> None:
    assert await request(port, "/items/1", {"name": "pen", "price": 2}) == (201, {"name": "pen", "price": 2.0})
    assert (await request(port, "/items/2", {"name": "ink", "price": 3}))[0] == 201
    assert await request(port, "/items/1") == (200, {"name": "pen", "price": 2.0})
    assert await request(port, "/items/3") == (404, "no such item\n")
    assert [each["name"] for each in (await request(port, "/items"))[1]] == ["pen", "ink"]
    assert [each["name"] for each in (await request(port, "/items?ids=2&ids=3"))[1]] == ["ink"]
    assert [each["name"] for each in (await request(port, "/items?skip=1"))[1]] == ["ink"]
    for path, body, place in (
        ("/items?limit=101", None, ["query", "limit"]),
        ("/items?ids=x", None, ["query", "ids", 0]),
        ("/items/x", None, ["path", "number"]),
        ("/items/3", {"name": "pen"}, ["body", "price"]),
    ):
        status, answer = await request(port, path, body)
        assert (status, answer["detail"][0]["loc"]) == (422, place)


async def talk_chat(port: int) -> None:
    async with open_socket(port, "/chat/ada") as ada:
        async with open_socket(port, "/chat/bob") as bob:
            await bob.send("hello")
            assert await bob.recv() == "bob: hello"
            assert await ada.recv() == "bob: hello"
        await ada.send("alone")
        assert await ada.recv() == "ada: alone"


async def talk_login(port: int) -> None:
    good, wrong = {"authorization": "Bearer s3cret"}, {"authorization": "Bearer guess"}
    assert (await request(port, "/me"))[0] == (await request(port, "/me", **wrong))[0] == 401
    assert await request(port, "/me", **good) == (200, {"name": "ada"})
    assert await refusal(port, "/me/live") == await refusal(port, "/me/live", additional_headers=wrong) == 401
    async with open_socket(port, "/me/live", additional_headers=good) as client:
        assert (await receive(client))["name"] == "ada"


async def talk_state(port: int) -> None:
    assert await request(port, "/users/1") == (200, {"text": "hello ada"})
    assert await request(port, "/users/1?greeting=bye") == (200, {"text": "bye ada"})
    assert await request(port, "/users/2") == (404, "no such user\n")
    assert (await request(port, "/users/x"))[0] == 404


async def talk_endpoint(port: int) -> None:
    async with open_socket(port, "/counter") as client, open_socket(port, "/counter") as other:
        for number, total in ((1, 1), (2, 3)):
            await client.send(json.dumps({"add": number}))
            assert await receive(client) == {"total": total}
        await other.send('{"add": 5}')
        assert await receive(other) == {"total": 5}


async def talk_orders(port: int) -> None:
    assert await request(port, "/orders", {"number": 11}) == (409, {"detail": "out of stock"})
    assert await request(port, "/orders", {"number": 1}) == (202, {"ordered": 1})
    async with asyncio.timeout(10):
        while await request(port, "/mails") != (200, 1):  # the mail is sent after the response
            pass


async def talk_acknowledgements(port: int) -> None:
    assert await refusal(port, "/?name=ada") == 401
    assert await refusal(port, "/?token=s3cret") == 422
    async with open_socket(port, "/?name=ada&token=s3cret") as client:
        assert (await ask(client, type="add", a=1, b=2))["result"] == 3
        assert (await ask(client, type="who am i"))["result"] == "ada"
        assert (await ask(client, type="add", a=1))["detail"][0]["loc"] == ["b"]


async def talk_rooms(port: int) -> None:
    async with open_socket(port, "/") as ada, open_socket(port, "/") as bob:
        for client in (ada, bob):
            await ask(client, type="join", room="lobby")
        assert await receive(ada) == {"type": "joined", "room": "lobby"}
        await bob.send('{"type": "say", "room": "lobby", "text": "hello"}')
        assert await receive(ada) == await receive(bob) == {"type": "said", "text": "hello"}
        await ask(ada, type="leave", room="lobby")
        await bob.send('{"type": "say", "room": "lobby", "text": "bye"}')
        assert await receive(bob) == {"type": "said", "text": "bye"}
        await ada.send('{"type": "say", "room": "lobby", "text": "from outside"}')
        assert await receive(bob) == {"type": "said", "text": "from outside"}


async def talk_count(port: int) -> None:
    async with open_socket(port, "/") as one, open_socket(port, "/") as other:
        first = (await receive(one))["number"]
        assert (await receive_until(other, lambda message: message["number"] > first))["type"] == "count"
        assert (await receive(one))["number"] == first + 1


async def talk_limited_echo(port: int) -> None:
    await talk_echo(port, "/echo")
    async with open_socket(port, "/echo") as client:
        await client.send("x" * 64 * 1024)
        assert await client.recv() == "x" * 64 * 1024
        await client.send("x" * (64 * 1024 + 1))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009


async def talk_echo(port: int, path: str = "/") -> None:
    async with open_socket(port, path) as client:
        for message in ("hello", b"\0\xff", ""):
            await client.send(message)
            assert await client.recv() == message


async def talk_topics(port: int) -> None:
    async with open_socket(port, "/rooms/a") as ada, open_socket(port, "/rooms/b") as alone:
        async with open_socket(port, "/rooms/a") as bob:
            await bob.send("hello")
            assert await ada.recv() == "hello"
            await ada.send("welcome")
            assert await bob.recv() == "welcome"  # and not what Bob himself has said
        async with open_socket(port, "/rooms/b") as other:
            await other.send("who is here?")
            assert await alone.recv() == "who is here?"  # and nothing of the other room


async def talk_request(port: int) -> None:
    assert await request(port, "/users/ada") == (200, {"name": "ada"})
    assert await request(port, "/users/%22%5C") == (200, {"name": '"\\'})
    assert (await request(port, "/users"))[0] == 404


async def talk_rooms_of_the_query(port: int) -> None:
    assert await refusal(port, "/chat") == 422
    async with open_socket(port, "/chat?room=a") as ada, open_socket(port, "/chat?room=b") as alone:
        async with open_socket(port, "/chat?room=a") as bob:
            await bob.send("hello")
            assert await ada.recv() == await bob.recv() == "hello"
        await ada.send("still here")
        assert await ada.recv() == "still here"
        await alone.send("alone")
        assert await alone.recv() == "alone"


async def talk_squares(port: int) -> None:
    assert await request(port, "/squares/7") == (200, {"square": 49})
    assert await request(port, "/squares/-7?times=2") == (200, {"square": 98})
    assert (await request(port, "/squares/x"))[0] == 404
    status, answer = await request(port, "/squares/7?times=x")
    assert (status, answer["detail"][0]["loc"]) == (422, ["query", "times"])


Talk = Callable[[int], Awaitable[None]]

TALKS: dict[tuple[str, str], Talk] = {
    ("FastAPI", "Parameters and models"): talk_models,
    ("FastAPI", "A chat"): talk_chat,
    ("FastAPI", "A login for HTTP and WebSocket"): talk_login,
    ("Starlette", "Routes and state"): talk_state,
    ("Starlette", "An endpoint that becomes a handler"): talk_endpoint,
    ("Starlette", "Errors and background work"): talk_orders,
    ("Socket.IO", "Events with acknowledgements"): talk_acknowledgements,
    ("Socket.IO", "Rooms"): talk_rooms,
    ("Socket.IO", "Work in the background"): talk_count,
}
TALKS_IN_CPP: dict[tuple[str, str], Talk] = {
    ("uWebSockets", "An echo with limits"): talk_limited_echo,
    ("uWebSockets", "Topics"): talk_topics,
    ("uWebSockets", "A request"): talk_request,
    ("Beast and Drogon", "An echo (Beast)"): talk_echo,
    ("Beast and Drogon", "A chat (Drogon)"): talk_rooms_of_the_query,
    ("Beast and Drogon", "Parameters (Drogon)"): talk_squares,
}


@pytest.mark.parametrize("mode", ["standard", "fast"])
@pytest.mark.parametrize(("section", "title"), TALKS)
async def test_programs(section: str, title: str, mode: str, tmp_path: Path) -> None:
    [(_, _), (_, text)] = programs_of(section)[title]
    file = tmp_path / "main.py"
    file.write_text(text)
    command = [sys.executable, str(HERE / "documented.py"), str(file), mode]
    await talk_to(command, TALKS[section, title], tmp_path)


@promise("coming-from-cpp")
@pytest.mark.parametrize(("section", "title"), TALKS_IN_CPP)
async def test_programs_in_cpp(section: str, title: str, tmp_path: Path) -> None:
    [(_, _), (_, text)] = programs_of(section)[title]
    name = re.sub(r"\W", "_", title.lower())
    built = BUILD / "tests/contract/coming_from" / f"{name}.cpp"
    assert built.read_text() == _RUN.sub("run_or_exit({.port = 0})", text), "the page has changed: build the programs"
    await talk_to([str(BUILD / "coming_from" / name)], TALKS_IN_CPP[section, title], tmp_path)


async def talk_to(command: list[str], talk: Talk, folder: Path) -> None:
    """Runs the program. It must end with status 0, and have logged no error."""
    with Program(command, cwd=folder) as program:
        await talk(int(program.wait_for_line(PLACE)[1]))
        program.signal(signal.SIGTERM)
        assert await asyncio.to_thread(program.wait) == 0, program.log
        assert not re.search(r"ERROR|\[error\]", program.log), program.log


@pytest.mark.parametrize("section", [*_PYTHON, *_CPP])
def test_each_section_has_three_pairs_of_programs(section: str) -> None:
    theirs, ours = ("py", "python") if section in _PYTHON else ("c++", "cpp")
    pairs = programs_of(section)
    assert [[language for language, _ in blocks] for blocks in pairs.values()] == [[theirs, ours]] * 3
    assert {(section, title) for title in pairs} <= TALKS.keys() | TALKS_IN_CPP.keys()
    if section in _PYTHON:
        for blocks in pairs.values():
            compile(blocks[0][1], section, "exec")
