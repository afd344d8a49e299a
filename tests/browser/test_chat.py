"""The chat example as its users see it: two browsers and one server, in every way to serve it."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from people import TIMEOUT_MS, People
from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from promises import promise
from system_servers import ROOT, Process, built, python
from websockets.sync.client import ClientConnection, connect

CHAT = ROOT / "examples" / "python" / "chat.py"
SCREENSHOT = ROOT / "docs" / "images" / "chat.png"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
SIDEWAYS = {**PHONE, "viewport": {"width": 844, "height": 390}}

REMEMBERED = 256  # the messages that a room remembers
WHITE_SPACE = "".join(character for character in map(chr, range(sys.maxunicode)) if character.isspace())

# chat.py itself runs in fast mode. For standard mode, this runs the same application.
_STANDARD = f"import runpy; runpy.run_path({str(CHAT)!r})['app'].run()"

Command = list[str | Path]
COMMANDS: dict[str, Callable[[int], Command]] = {
    "python-fast": lambda port: python(CHAT),
    "python-standard": lambda port: [sys.executable, "-c", _STANDARD],
    "asgi": lambda port: [
        *(
            sys.executable,
            "-m",
            "uvicorn",
            "--app-dir",
            CHAT.parent,
            "--port",
            str(port),
            "--timeout-graceful-shutdown",
        ),
        *("2", "chat:app"),
    ],
    "cpp": lambda port: built("examples/cpp/chat"),
}

expect.set_options(timeout=TIMEOUT_MS)


class Chat:
    """The server. It can be killed and restarted on the same port."""

    def __init__(self, name: str) -> None:
        self._command = COMMANDS[name]
        self._process = Process(self._command(0))
        self.port = self._process.port

    def url(self, room: str, name: str | None = None) -> str:
        return f"http://localhost:{self.port}/?room={room}" + (f"&name={name}" if name else "")

    def kill(self) -> None:
        self._process.popen.kill()
        self._process.wait()
        self._process.stop()

    def restart(self) -> None:
        self._process = Process(self._command(self.port), port=self.port)

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture(params=list(COMMANDS))
def chat(request: pytest.FixtureRequest) -> Iterator[Chat]:
    chat = Chat(request.param)
    yield chat
    chat.stop()


def be_connected(page: Page) -> Page:
    expect(page.get_by_test_id("status")).to_have_attribute("data-state", "connected")
    return page


def say(page: Page, text: str) -> None:
    page.get_by_test_id("composer-input").fill(text)
    page.get_by_test_id("composer-send").click()


def messages(page: Page, name: str) -> Locator:
    return page.locator(f'[data-testid="message"][data-name="{name}"] [data-testid="message-text"]')


def sent(page: Page) -> Locator:
    """The messages that the page shows as sent: the user's own after their echo, and those of others."""
    return page.locator('[data-testid="message"][data-state="sent"] [data-testid="message-text"]')


def pending(page: Page) -> Locator:
    return page.locator('[data-testid="message"][data-state="pending"]')


def system_line(page: Page, text: str) -> Locator:
    return page.get_by_test_id("system-line").filter(has_text=text)


class Member:
    """A member of a room without a page."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.name = self.receive("welcome")["name"]

    def send(self, **fields: object) -> None:
        self.connection.send(json.dumps({"type": "message", **fields}))

    def receive(self, *types: str) -> dict[str, Any]:
        """Returns the next message of one of these types, and skips the others."""
        while True:
            frame: dict[str, Any] = json.loads(self.connection.recv(TIMEOUT_MS / 1000))
            if frame["type"] in types:
                return frame

    def ask(self, **fields: object) -> dict[str, Any]:
        """Sends a message and returns the answer."""
        self.send(**fields)
        return self.receive("message", "error")


@contextmanager
def member(chat: Chat, room: str, name: str) -> Iterator[Member]:
    with connect(f"ws://localhost:{chat.port}/chat/{quote(room)}?name={quote(name)}", proxy=None) as connection:
        yield Member(connection)


def open_with_a_path_that_dies(people: People, url: str, lost: str) -> tuple[Page, Callable[[], None]]:
    """Returns the page, and a function that makes its first connection silently lose what it sends or what it
    receives."""
    page = people.open("about:blank")
    connections: list[WebSocketRoute] = []
    dead: list[str] = []

    def connected(near: WebSocketRoute) -> None:
        far, number = near.connect_to_server(), len(connections)
        connections.append(near)
        near.on_message(lambda message: None if number == 0 and "said" in dead else far.send(message))
        far.on_message(lambda message: None if number == 0 and "told" in dead else near.send(message))

    page.route_web_socket("**/chat/**", connected)
    page.goto(url)
    return be_connected(page), lambda: dead.append(lost)


@promise("chat-in-a-browser")
def test_two_users_talk_in_one_room(chat: Chat, people: People) -> None:
    ada = be_connected(people.open(chat.url("lobby", "Ada")))
    expect(ada.get_by_test_id("user-count")).to_have_text("1 here")
    grace = be_connected(people.open(chat.url("lobby", "Grace")))

    for page in (ada, grace):
        expect(page.get_by_test_id("user-count")).to_have_text("2 here")
    expect(system_line(ada, "Grace joined")).to_have_count(1)

    say(ada, "Hello Grace")
    expect(messages(grace, "Ada")).to_have_text(["Hello Grace"])
    say(grace, "Hello Ada, ¿qué tal? 👋🏽")
    expect(messages(ada, "Grace")).to_have_text(["Hello Ada, ¿qué tal? 👋🏽"])
    say(ada, "<b onclick='alert(1)'>not markup</b>")
    expect(messages(grace, "Ada")).to_have_text(["Hello Grace", "<b onclick='alert(1)'>not markup</b>"])

    # Each page knows its own messages, and all of them have been echoed.
    for page, own in ((ada, 2), (grace, 1)):
        expect(page.locator('[data-testid="message"][data-own="true"]')).to_have_count(own)
        expect(page.locator('[data-testid="message"][data-own="false"]')).to_have_count(3 - own)
        expect(page.locator('[data-testid="message"][data-state="sent"]')).to_have_count(3)

    grace.context.close()
    expect(system_line(ada, "Grace left")).to_have_count(1)
    expect(ada.get_by_test_id("user-count")).to_have_text("1 here")
    say(ada, "Alone again")
    expect(messages(ada, "Ada")).to_have_text(["Hello Grace", "<b onclick='alert(1)'>not markup</b>", "Alone again"])


@promise("chat-in-a-browser")
def test_rooms_do_not_hear_each_other(chat: Chat, people: People) -> None:
    ada = be_connected(people.open(chat.url("engine-room", "Ada")))
    grace = be_connected(people.open(chat.url("kaffee%20%26%20kuchen%2F%C3%BC", "Grace")))
    say(ada, "Only engines here")
    expect(messages(ada, "Ada")).to_have_text(["Only engines here"])
    say(grace, "Only cake here")
    expect(messages(grace, "Grace")).to_have_text(["Only cake here"])

    # One user moves to the other's room, by its name.
    grace.get_by_test_id("room-input").fill("engine-room")
    grace.get_by_test_id("room-input").press("Enter")
    be_connected(grace)
    expect(system_line(ada, "Grace joined")).to_have_count(1)
    expect(grace.get_by_test_id("user-count")).to_have_text("2 here")
    say(ada, "Welcome")
    expect(messages(grace, "Ada")).to_have_text(["Welcome"])
    expect(messages(ada, "Grace")).to_have_count(0)

    # Then she moves to a third room, by its link, and the first room sees her leave.
    grace.locator('[data-testid="room-link"][data-room="coffee"]').click()
    expect(system_line(ada, "Grace left")).to_have_count(1)
    expect(grace.get_by_test_id("user-count")).to_have_text("1 here")


@promise("chat-in-a-browser")
def test_a_killed_server_comes_back(chat: Chat, people: People) -> None:
    ada = be_connected(people.open(chat.url("lobby", "Ada")))
    grace = be_connected(people.open(chat.url("lobby", "Grace")))
    say(ada, "Before")
    expect(messages(grace, "Ada")).to_have_text(["Before"])

    chat.kill()
    for page in (ada, grace):
        expect(page.get_by_test_id("status")).to_have_attribute("data-state", "reconnecting")
    say(ada, "Meanwhile")
    expect(pending(ada)).to_have_count(1)

    chat.restart()
    be_connected(ada)
    be_connected(grace)
    expect(pending(ada)).to_have_count(0)
    say(ada, "After")
    # The user who reconnects second may have missed the pending message of the first one. Neither message arrives
    # twice.
    expect(messages(grace, "Ada").filter(has_text="After")).to_have_count(1)
    expect(messages(ada, "Ada")).to_have_text(["Before", "Meanwhile", "After"])
    say(grace, "Both here")
    expect(messages(ada, "Grace")).to_have_text(["Both here"])
    expect(ada.get_by_test_id("user-count")).to_have_text("2 here")


@promise("chat-in-a-browser")
def test_a_message_typed_while_the_server_is_away_reaches_the_others(chat: Chat, people: People) -> None:
    ada = be_connected(people.open(chat.url("lobby", "Ada")))
    chat.kill()
    expect(ada.get_by_test_id("status")).to_have_attribute("data-state", "reconnecting")
    # Ada is kept offline until someone is there to read her message.
    ada.context.set_offline(True)
    say(ada, "Is anybody there?")
    chat.restart()
    grace = be_connected(people.open(chat.url("lobby", "Grace")))
    ada.context.set_offline(False)
    be_connected(ada)
    expect(messages(grace, "Ada")).to_have_text(["Is anybody there?"])
    expect(ada.locator('[data-testid="message"][data-state="sent"]')).to_have_count(1)


def test_a_message_sent_again_is_told_once(chat: Chat) -> None:
    with member(chat, "lobby", "Grace") as grace:
        with member(chat, "lobby", "Ada") as ada:
            echo = ada.ask(text="Once", ref="r-1")
            assert (echo["text"], echo["echo"], echo["name"]) == ("Once", "r-1", "Ada")
            assert ada.ask(text="Once", ref="r-1") == echo
        # Over another connection and under another name it is still the same message, but not in another room.
        with member(chat, "lobby", "Augusta") as ada, member(chat, "elsewhere", "Augusta") as other:
            assert ada.ask(text="Once", ref="r-1") == echo
            assert other.ask(text="Once", ref="r-1")["name"] == "Augusta"
            # Without a ref, each is a separate message.
            for _ in range(2):
                ada.ask(text="Twice")
            heard = [grace.receive("message") for _ in range(3)]
            assert [frame["text"] for frame in heard] == ["Once", "Twice", "Twice"]
            assert heard[0] == {key: value for key, value in echo.items() if key != "echo"}


def test_a_room_remembers_its_last_messages_only(chat: Chat) -> None:
    with member(chat, "lobby", "Ada") as ada, member(chat, "lobby", "Grace") as grace:
        first = [ada.ask(text=str(number), ref=f"r-{number}") for number in range(REMEMBERED)]
        assert ada.ask(text="0", ref="r-0") == first[0]
        ada.ask(text="one more", ref="more")
        assert ada.ask(text="1", ref="r-1") == first[1]
        assert ada.ask(text="said anew", ref="r-0")["text"] == "said anew"
        heard = [grace.receive("message")["text"] for _ in range(REMEMBERED + 2)]
        assert heard == [*map(str, range(REMEMBERED)), "one more", "said anew"]


def test_what_is_no_message(chat: Chat) -> None:
    with member(chat, "lobby", "Ada") as ada, member(chat, "lobby", "Grace") as grace:
        blank: list[dict[str, object]] = [{"text": character} for character in WHITE_SPACE]
        wrong: list[dict[str, object]] = [{}, {"text": 5}, {"text": None}, {"text": ""}, {"text": "x" * 4001}]
        not_refs: list[object] = [5, None, True, ["r"], {}, "r" * 65]
        refs: list[dict[str, object]] = [{"text": "x", "ref": ref} for ref in not_refs]
        for fields in blank + wrong + refs:
            assert ada.ask(**fields)["type"] == "error", fields
        for data in ("no JSON", "5", "[]", '"text"', b"\x00\xff"):
            ada.connection.send(data)
            assert ada.receive("message", "error")["type"] == "error", data

        # White space is removed at the ends and kept inside. Characters that only look like it are text.
        assert ada.ask(text=f"{WHITE_SPACE}a{WHITE_SPACE}b{WHITE_SPACE}")["text"] == f"a{WHITE_SPACE}b"
        assert ada.ask(text="\u200b", ref="r" * 64)["text"] == "\u200b"
        assert ada.ask(text="\N{OGHAM LETTER BEITH}" * 4000)["type"] == "message"
        assert [len(grace.receive("message")["text"]) for _ in range(3)] == [2 + len(WHITE_SPACE), 1, 4000]


def test_a_name_is_tidied(chat: Chat) -> None:
    for given in ("", "\u00a0", "\u3000", WHITE_SPACE):
        with member(chat, "lobby", given) as guest:
            assert guest.name.startswith("Guest "), given
    with member(chat, "lobby", f"{WHITE_SPACE}Ada\u3000\u00a0King{WHITE_SPACE}") as ada:
        assert ada.name == "Ada King"
    with member(chat, "lobby", "ü" * 40) as long:
        assert long.name == "ü" * 32


def change_name(ada: Page) -> str:
    ada.get_by_test_id("name-change").click()
    ada.get_by_test_id("name-input").fill("Augusta")
    ada.get_by_test_id("name-submit").click()
    return "Augusta"


def visit_another_room(ada: Page) -> str:
    ada.locator('[data-testid="room-link"][data-room="coffee"]').click()
    be_connected(ada)
    say(ada, "Coffee!")
    expect(sent(ada)).to_have_text(["Coffee!"])
    link = ada.locator('[data-testid="room-link"][data-room="my room"]')
    expect(link).to_contain_text("1 pending")
    link.click()
    expect(link).not_to_contain_text("pending")
    return "Ada"


@pytest.mark.parametrize("lost", ["said", "told"])
@pytest.mark.parametrize("act", [change_name, visit_another_room])
def test_a_dead_path_loses_nothing(chat: Chat, people: People, act: Callable[[Page], str], lost: str) -> None:
    """A message sent on it before the user changes to another path reaches everybody in the room exactly once."""
    grace = be_connected(people.open(chat.url("my room", "Grace")))
    ada, kill = open_with_a_path_that_dies(people, chat.url("my room", "Ada"), lost)
    kill()
    say(ada, "Do you hear me?")
    expect(pending(ada)).to_have_count(1)
    if lost == "told":
        expect(messages(grace, "Ada")).to_have_text(["Do you hear me?"])

    name = act(ada)
    expect(pending(ada)).to_have_count(0)
    expect(sent(ada)).to_have_text(["Do you hear me?"])
    say(ada, "And now?")
    for page in (ada, grace):
        expect(sent(page)).to_have_text(["Do you hear me?", "And now?"])
        expect(messages(page, name).last).to_have_text("And now?")


def test_after_a_change_of_name_one_goes_on_writing(chat: Chat, people: People) -> None:
    page = be_connected(people.open(chat.url("lobby", "Ada")))
    change_name(page)
    expect(page.get_by_test_id("me-name")).to_have_text("Augusta")
    expect(page.get_by_test_id("composer-input")).to_be_focused()
    expect(system_line(page, "You are now Augusta")).to_have_count(1)
    expect(system_line(page, "You joined")).to_have_count(1)


def test_on_a_phone_held_sideways_everything_can_be_reached(chat: Chat, people: People) -> None:
    page = be_connected(people.open(chat.url("lobby", "Ada"), **SIDEWAYS))
    expect(page.get_by_test_id("name-change")).to_be_in_viewport(ratio=1)
    page.get_by_test_id("members").scroll_into_view_if_needed()
    expect(page.get_by_test_id("members")).to_be_in_viewport()


@promise("chat-in-a-browser")
def test_on_a_phone(chat: Chat, people: People) -> None:
    page = people.open(chat.url("lobby"), **PHONE)
    page.get_by_test_id("name-input").fill("Lin")
    page.get_by_test_id("name-submit").tap()
    be_connected(page)
    other = be_connected(people.open(chat.url("lobby", "Ada")))
    say(other, "A line that is longer than a phone is wide, " * 4)
    expect(messages(page, "Ada")).to_have_count(1)
    say(page, "From the bus")
    expect(messages(other, "Lin")).to_have_text(["From the bus"])

    # Nothing overflows horizontally, and the input is in view.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_test_id("composer-input")).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id("composer-send")).to_be_in_viewport(ratio=1)

    link = page.locator('[data-testid="room-link"][data-room="python"]')
    expect(link).not_to_be_in_viewport()
    page.get_by_test_id("sidebar-open").tap()
    expect(link).to_be_in_viewport(ratio=1)
    link.tap()
    expect(link).not_to_be_in_viewport()
    be_connected(page)
    expect(page.get_by_test_id("user-count")).to_have_text("1 here")
    expect(system_line(other, "Lin left")).to_have_count(1)


@pytest.mark.skipif(os.environ.get("PROAPI_UPDATE_SCREENSHOT") != "1", reason="only with PROAPI_UPDATE_SCREENSHOT=1")
def test_screenshot(people: People) -> None:
    chat = Chat("python-fast")
    try:
        size = {"viewport": {"width": 1180, "height": 700}, "device_scale_factor": 1.5, "color_scheme": "light"}
        ada = be_connected(people.open(chat.url("lobby", "Ada"), **size))
        grace = be_connected(people.open(chat.url("lobby", "Grace")))
        talk = [
            (ada, "Morning! Is this the WebSocket thing?"),
            (grace, "It is. Open a second window and you are two."),
            (grace, "Or kill the server and start it again: what you type meanwhile is sent once it is back."),
            (ada, "No JavaScript library, no broker?"),
            (grace, "One Python file, or one in C++, and this page."),
            (ada, "Good. See you in #engine-room."),
        ]
        for count, (page, text) in enumerate(talk, 1):
            say(page, text)
            for each in (ada, grace):
                expect(each.locator('[data-testid="message"][data-state="sent"]')).to_have_count(count)
        SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
        ada.screenshot(path=SCREENSHOT, animations="disabled")
    finally:
        chat.stop()
