"""The browser code of the first example of the documentation, unchanged, from pages of several origins."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from documented_programs import BROWSER
from people import People
from playwright.sync_api import ConsoleMessage
from promises import promise
from system_servers import ROOT, Process, built, python, serving

REFUSED = """
new Promise((resolve) => {
  const socket = new WebSocket('ws://localhost:8000/ws');
  socket.onopen = () => resolve('open');
  socket.onclose = (event) => resolve(event.code);
})
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def another_port(tmp_path: Path) -> Iterator[int]:
    """A web server that has nothing to do with ours, with one page."""
    (tmp_path / "index.html").write_text("<!doctype html><title>A page</title>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(params=["echo.py", "echo_careful.py", "cpp"])
def echo(request: pytest.FixtureRequest) -> Iterator[Process]:
    if request.param == "cpp":
        command = built("examples/cpp/echo")
    else:
        command = python(ROOT / "examples" / "python" / request.param)
    with serving(command) as process:
        yield process


def run_snippet(people: People, url: str, echo: Process) -> None:
    page = people.open(url)

    def is_received(message: ConsoleMessage) -> bool:
        return message.text.startswith("Received:")

    with page.expect_console_message(is_received) as received:
        page.add_script_tag(content=BROWSER.replace("8000", str(echo.port)))
    assert received.value.text == "Received: Echo: Hello, server!"


@promise("tutorial-javascript", "local-pages")
def test_from_a_page_of_another_port(people: People, echo: Process, another_port: int) -> None:
    run_snippet(people, f"http://localhost:{another_port}/", echo)


@promise("tutorial-javascript", "local-pages")
def test_from_a_file(people: People, echo: Process, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>A page</title>")
    run_snippet(people, page.as_uri(), echo)


@promise("origins")
def test_a_page_of_a_foreign_site_is_refused(people: People, echo: Process) -> None:
    page = people.open("about:blank")
    page.route(
        "http://example.test/**", lambda route: route.fulfill(body="<title>Foreign</title>", content_type="text/html")
    )
    page.goto("http://example.test/")
    assert page.evaluate(REFUSED.replace("8000", str(echo.port))) == 1006
