"""DNS rebinding with a real browser: a page of a foreign site whose name now resolves to this machine.

For the browser, the page has the server's own origin and may read every answer. Nothing that the page can do makes the
server take its requests for those of a proxy.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page
from promises import promise
from system_servers import ROOT, Process, python, serving

APP = ROOT / "tests" / "system" / "proxied_app.py"
FOREIGN = "rebound.example"

FETCH = """
async (fields) => {
  const response = await fetch('/request', {headers: fields});
  return [response.status, await response.text()];
}
"""
XHR = """
(fields) => new Promise((resolve) => {
  const request = new XMLHttpRequest();
  request.open('GET', '/request');
  for (const [name, value] of Object.entries(fields)) request.setRequestHeader(name, value);
  request.onload = () => resolve([request.status, request.responseText]);
  request.send();
})
"""
SOCKET = """
() => new Promise((resolve) => {
  const socket = new WebSocket(`ws://${location.host}/ws`, ['Via', 'X-Forwarded-For']);
  socket.onopen = () => resolve('open');
  socket.onclose = (event) => resolve(event.code);
})
"""
OF_PROXIES = {
    "Via": "1.1 proxy",
    "via": "1.1 proxy",
    "X-Forwarded-For": "192.0.2.1",
    "Forwarded": "for=192.0.2.1",
    "X-Real-IP": "192.0.2.1",
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "upgrade",
    "Sec-WebSocket-Version": "13",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    with serving(python(APP)) as process:
        yield process


@pytest.fixture(scope="module")
def resolving_browser(start_browser: Callable[..., Browser]) -> Iterator[Browser]:
    """A browser that resolves the foreign name to 127.0.0.1 and, like most browsers, connects there without asking the
    user."""
    browser = start_browser(
        f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1", "--disable-features=LocalNetworkAccessChecks"
    )
    yield browser
    browser.close()


@pytest.fixture
def page(resolving_browser: Browser, server: Process) -> Iterator[Page]:
    """A page that was loaded from its own server, and whose name now resolves to ours."""
    page = resolving_browser.new_page()
    place = f"http://{FOREIGN}:{server.port}/"
    page.route(place, lambda route: route.fulfill(body="<title>Foreign</title>", content_type="text/html"))
    page.goto(place)
    yield page
    page.close()


@promise("hosts")
@pytest.mark.parametrize("name", ["fetch", "XMLHttpRequest"])
def test_what_a_rebound_page_asks_is_refused(page: Page, name: str) -> None:
    script = FETCH if name == "fetch" else XHR
    for fields in ({}, *({field: value} for field, value in OF_PROXIES.items()), OF_PROXIES):
        status, text = page.evaluate(script, fields)
        assert (status, "allowed_hosts" in text) == (421, True), fields


@promise("hosts")
def test_its_sockets_are_refused(page: Page) -> None:
    assert page.evaluate(SOCKET) == 1006


def test_the_servers_own_page_is_served(page: Page, server: Process) -> None:
    """Shows that the other requests are refused for their host and for no other reason."""
    page.goto(f"http://localhost:{server.port}/request")
    status, _ = page.evaluate(FETCH, OF_PROXIES)
    assert status == 200
    assert page.evaluate(SOCKET) == 1006  # the server selects none of its subprotocols
    assert page.evaluate(SOCKET.replace(", ['Via', 'X-Forwarded-For']", "")) == "open"
