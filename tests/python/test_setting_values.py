"""Origins and hosts as settings: what is taken, and how it is refused. And ``configure()`` sets all or nothing."""

from typing import Any

import pytest
from promises import promise

from proapi import ProAPI, RouteError


def refused_route(**settings: Any) -> str:
    """Returns the error of a WebSocket route with these settings."""

    async def handler(websocket: Any) -> None: ...

    with pytest.raises(RouteError) as caught:
        ProAPI().websocket("/", **settings)(handler)
    return str(caught.value)


@pytest.mark.parametrize(
    ("origins", "taken"),
    [
        ("*", ["*"]),
        ("", []),
        ("https://a.example, http://b.example:8080", ["https://a.example", "http://b.example:8080"]),
        (["https://a.example", "null"], ["https://a.example", "null"]),
        (
            (each for each in ("http://[::1]:81", "chrome-extension://abc")),
            ["http://[::1]:81", "chrome-extension://abc"],
        ),
        ({"https://a.example": 1}.keys(), ["https://a.example"]),
        (["https://a.example/", "http://b.example:80"], ["https://a.example", "http://b.example"]),
        ("file://, capacitor://localhost, null", ["file://", "capacitor://localhost", "null"]),
    ],
)
def test_origins(origins: Any, taken: list[str]) -> None:
    assert ProAPI(allowed_origins=origins)._routes.site.allowed_origins() == taken


@pytest.mark.parametrize(
    "origin",
    [
        "a.example",
        "https://a.example//",
        "file:///home/page.html",
        "https://a.example/page",
        "https://a.example?q",
        "https://",
        "https://a.example:",
        "https://a.example:99999",
        "https://user@a.example",
        "https://*.a.example",
        "https://é.example",
        "1://a.example",
        "https://a.example:+1",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match=r"allowed_origins: expected '\*', 'null' or origins") as caught:
        ProAPI(allowed_origins=[origin])
    assert str(caught.value).endswith(f"got {origin!r}")
    assert "allowed_origins: " in refused_route(allowed_origins=[origin])


@pytest.mark.parametrize("item", ["https://a.example,https://b.example", "", " ", b"https://a.example", 7, None])
def test_an_item_of_origins_is_one(item: Any) -> None:
    with pytest.raises(ValueError, match="allowed_origins: expected one origin per item") as caught:
        ProAPI(allowed_origins=[item])
    assert str(caught.value).endswith(f"got {item!r}")


@pytest.mark.parametrize(
    ("hosts", "taken"),
    [
        ("*", ["*"]),
        ("", []),
        ("a.example, *.b.example", ["a.example", "*.b.example"]),
        (["a.example", "192.0.2.1", "::1", "[2001:db8::1]"], ["a.example", "192.0.2.1", "::1", "[2001:db8::1]"]),
        ((each for each in ("a", "b")), ["a", "b"]),
    ],
)
def test_hosts(hosts: Any, taken: list[str]) -> None:
    assert ProAPI(allowed_hosts=hosts)._routes.site.allowed_hosts() == taken


@pytest.mark.parametrize(
    "host", ["https://a.example", "a.example:8000", "a.example/", "a.*.example", "*.", "user@a.example", "é.example"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"allowed_hosts: expected '\*', names or addresses") as caught:
        ProAPI(allowed_hosts=[host])
    assert str(caught.value).endswith(f"got {host!r}")


@pytest.mark.parametrize("item", ["a.example,b.example", "", " ", b"a.example", 7, None])
def test_an_item_of_hosts_is_one(item: Any) -> None:
    with pytest.raises(ValueError, match=r"allowed_hosts: expected one host per item, as 'chat") as caught:
        ProAPI(allowed_hosts=[item])
    assert str(caught.value).endswith(f"got {item!r}")


@pytest.mark.parametrize("hosts", [None, 7, True])
def test_hosts_are_a_list(hosts: Any) -> None:
    with pytest.raises(ValueError, match=f"a list of hosts, got {hosts}"):
        ProAPI(allowed_hosts=hosts)


@pytest.mark.parametrize(
    ("proxies", "taken"),
    [
        ("", []),
        ("127.0.0.1, 10.0.0.0/8", ["127.0.0.1", "10.0.0.0/8"]),
        (["::1", "2001:db8::/32", "unix"], ["::1", "2001:db8::/32", "unix"]),
        (("127.0.0.1",), ["127.0.0.1"]),
    ],
)
def test_trusted_proxies(proxies: Any, taken: list[str]) -> None:
    assert ProAPI(trusted_proxies=proxies)._routes.site.trusted_proxies() == taken


@pytest.mark.parametrize("proxy", ["*", "localhost", "10.0.0.1/8", "10.0.0.0/33", "127.0.0.1:80", "[::1]"])
def test_what_is_no_network_is_refused(proxy: str) -> None:
    with pytest.raises(ValueError, match="trusted_proxies: expected addresses, networks") as caught:
        ProAPI(trusted_proxies=[proxy])
    assert str(caught.value).endswith(f"got {proxy!r}")


@pytest.mark.parametrize("proxies", [None, 7, True])
def test_trusted_proxies_are_a_list(proxies: Any) -> None:
    with pytest.raises(ValueError, match=f"trusted_proxies: expected a list of networks, got {proxies}"):
        ProAPI(trusted_proxies=proxies)


def test_trusted_proxies_are_the_applications() -> None:
    assert "setting of the whole application" in refused_route(trusted_proxies="unix")
    assert "setting of the whole application" in refused_route(proxy_protocol=True)


def test_the_proxy_protocol_is_on_or_off() -> None:
    assert ProAPI()._routes.site.proxy_protocol() is False
    app = ProAPI(trusted_proxies=["127.0.0.1"], proxy_protocol=True)
    assert app._routes.site.proxy_protocol() is True
    app.configure(proxy_protocol=False)
    assert app._routes.site.proxy_protocol() is False
    with pytest.raises(ValueError, match="proxy_protocol: expected true or false, got 'on'"):
        app.configure(proxy_protocol="on")


def test_the_proxy_protocol_needs_proxies() -> None:
    with pytest.raises(ValueError, match="trusted_proxies is empty"):
        ProAPI(proxy_protocol=True)


def test_what_is_refused_changes_nothing() -> None:
    app = ProAPI()
    with pytest.raises(ValueError, match="not a setting"):
        app.configure(trusted_proxies="unix", proxy_protocol=True, nothing=1)
    assert (app._routes.site.trusted_proxies(), app._routes.site.proxy_protocol()) == ([], False)


def test_hosts_are_the_applications() -> None:
    assert "setting of the whole application" in refused_route(allowed_hosts="*")


@pytest.mark.parametrize("origins", [None, 7, True])
def test_origins_are_a_list(origins: Any) -> None:
    with pytest.raises(ValueError, match=f"a list of origins, got {origins}"):
        ProAPI(allowed_origins=origins)


@promise("settings-are-checked")
@pytest.mark.parametrize(
    "wrong", [{"close_timeout": 0}, {"nothing": 1}, {"allowed_origins": ["x"]}, {"low_water": 2**20}, {"high_water": 1}]
)
def test_configure_sets_all_or_nothing(wrong: Any) -> None:
    some: Any = {"allowed_origins": "https://a.example", "allowed_hosts": "a.example"}
    for app in (ProAPI(), ProAPI(max_body_size=7, ping_interval=1, max_connections=9, **some)):
        before = app.limits, app._routes.site.allowed_origins(), app._routes.site.allowed_hosts()
        with pytest.raises(ValueError, match=r"expected|must not be|not a setting"):
            app.configure(
                max_body_size=9,
                ping_interval=5,
                max_connections=99,
                allowed_hosts="*",
                **{"allowed_origins": "*", "close_timeout": 9, **wrong},
            )
        assert (app.limits, app._routes.site.allowed_origins(), app._routes.site.allowed_hosts()) == before
        app.configure(max_body_size=11)
        assert app.limits["max_body_size"] == 11
