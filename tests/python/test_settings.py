"""The engine's settings are those of contract/settings.json: names, defaults, ranges, and which ones a route may
set."""

import json
from pathlib import Path
from typing import Any

import pytest
from promises import promise

from proapi import ProAPI, RouteError
from proapi.settings import ALIASES, HttpRouteSettings, RouteSettings, Settings

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "contract" / "settings.json").read_text())
NUMBERS = [row for row in ROWS if "minimum" in row]
LISTS = [row for row in ROWS if row["default"] == []]
STEP = 0.001  # the resolution of a time

each_number = pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in NUMBERS])
each_row = pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in ROWS])


def refusal(name: str, value: object) -> str:
    """Returns the error for this value, or "" if it is accepted."""
    settings: Any = {name: value}
    try:
        ProAPI().configure(**settings)
    except ValueError as error:
        return str(error)
    return ""


@promise("settings-table")
def test_the_defaults() -> None:
    limits = ProAPI().limits
    defaults = {name: row["default"] for row in NUMBERS for name in (row["name"], *row.get("aliases", []))}
    assert limits.keys() == defaults.keys()
    assert limits.pop("max_connections") > 0  # computed from the descriptor limit
    assert defaults.pop("max_connections") == 0
    assert limits == defaults


@promise("settings-are-checked")
@each_number
def test_beyond_each_bound(row: dict[str, Any]) -> None:
    name, minimum, maximum = row["name"], row["minimum"], row["maximum"]
    step = STEP if row["kind"] == "seconds" else 1
    what = "seconds" if row["kind"] == "seconds" else "a whole number"
    for value in (minimum - step, maximum + step):
        assert refusal(name, value) == f"{name}: expected {what} from {minimum} to {maximum}, got {value}"


@promise("settings-are-checked")
@each_number
def test_at_each_bound(row: dict[str, Any]) -> None:
    """A value in the range may still contradict another setting, such as low_water above high_water."""
    for value in (row["minimum"], row["maximum"]):
        text = refusal(row["name"], value)
        assert text == "" or "must not be above" in text


@promise("limits-of-routes")
@each_row
def test_which_a_route_may_set(row: dict[str, Any]) -> None:
    async def handler(websocket: Any) -> None: ...

    app, value = ProAPI(), "*" if row in LISTS else row["default"]
    settings: Any = {row["name"]: value}
    if row["scope"] == "websocket":
        app.websocket("/", **settings)(handler)
    else:
        owners = "HTTP routes and of the whole application" if row["scope"] == "http" else "the whole application"
        with pytest.raises(RouteError, match=f"is a setting of {owners}, not of"):
            app.websocket("/", **settings)(handler)


@promise("limits-of-routes")
@each_row
def test_which_an_http_route_may_set(row: dict[str, Any]) -> None:
    settings: Any = {row["name"]: row["default"]}
    register = ProAPI().post
    if row["scope"] == "http":
        register("/", **settings)(lambda: "")
    else:
        with pytest.raises(TypeError, match=r"got an unexpected keyword argument '.*'; it takes .*max_body_size"):
            register("/", **settings)


def test_a_value_that_an_http_route_can_not_have() -> None:
    with pytest.raises(RouteError, match=r"test_settings\.py:\d+: post '/': max_body_size: expected a whole number"):
        ProAPI().post("/", max_body_size=-1)(lambda: "")


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in LISTS])
def test_lists(row: dict[str, Any]) -> None:
    everybody, expected = (["0.0.0.0/0", "::/0"], "addresses") if row["kind"] == "networks" else (["*"], "'*'")
    assert refusal(row["name"], everybody) == ""
    assert f"{row['name']}: expected {expected}" in refusal(row["name"], ["a b"])


def test_compression() -> None:
    for value in (None, "none", "shared", "dedicated"):
        assert refusal("compression", value) == ""
    for wrong in (True, "on", "Shared", 1, ""):
        assert refusal("compression", wrong) == f"compression: expected none, 'shared' or 'dedicated', got '{wrong}'"


def test_message_rate_action() -> None:
    for value in ("pause", "close"):
        assert refusal("message_rate_action", value) == ""
    for wrong in (None, "drop", 1, ""):
        assert (
            refusal("message_rate_action", wrong) == f"message_rate_action: expected 'pause' or 'close', got '{wrong}'"
        )


def test_the_typed_dicts_have_them_all_in_order() -> None:
    names = {name: row["scope"] for row in ROWS for name in (row["name"], *row.get("aliases", []))}
    typed = {"websocket": RouteSettings, "http": HttpRouteSettings}
    for kind, settings in typed.items():
        assert list(settings.__annotations__) == [name for name, scope in names.items() if scope == kind]
    assert list(Settings.__annotations__) == list(names)


@promise("older-names")
@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_older_names(alias: str, name: str) -> None:
    older: Any = {alias: 7}
    newer: Any = {name: 8}
    app = ProAPI(**older)
    assert (app.limits[alias], app.limits[name]) == (7, 7)
    wrong: Any = {name: "much"}
    with pytest.raises(ValueError, match=f"{name}: expected a whole number"):
        app.configure(**wrong)
    assert app.limits[name] == 7  # the value set by the older name
    app.configure(**newer)
    assert (app.limits[alias], app.limits[name]) == (8, 8)
    with pytest.raises(ValueError, match=f"expected {name} or its older name {alias}, got both"):
        app.configure(**older, **newer)


def test_there_is_an_older_name() -> None:
    assert ALIASES == {alias: row["name"] for row in ROWS for alias in row.get("aliases", [])} != {}
