"""The limits of an application and of a route, by name, times in seconds. Defaults and ranges are the engine's."""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple, TypedDict

Seconds = float | timedelta


class RouteSettings(TypedDict, total=False):
    """What a WebSocket route may set for itself."""

    max_message_size: int
    max_fragments: int
    max_empty_fragments: int
    message_timeout: Seconds
    receive_queue_messages: int
    receive_queue_bytes: int
    high_water: int
    low_water: int
    max_buffered: int
    ping_interval: Seconds
    ping_timeout: Seconds
    allowed_origins: str | Iterable[str]


class Settings(RouteSettings, total=False):
    """What holds for the whole application; those of RouteSettings are the defaults of its routes."""

    write_timeout: Seconds
    max_request_line: int
    max_head: int
    max_fields: int
    max_body: int
    min_body_rate: int
    body_grace: Seconds
    head_timeout: Seconds
    accept_timeout: Seconds
    keep_alive_timeout: Seconds
    close_timeout: Seconds
    shutdown_timeout: Seconds
    max_connections: int
    backlog: int
    allowed_hosts: str | Iterable[str]


class _List(NamedTuple):
    item: str
    example: str


_LISTS = {
    "allowed_origins": _List("origin", "https://chat.example.org"),
    "allowed_hosts": _List("host", "chat.example.org"),
}


def setting_text(name: str, value: object) -> str:
    """A setting's value as the engine reads it. ValueError: no list where one is expected."""
    if kind := _LISTS.get(name):
        return ",".join(_items_of(name, kind, value))
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return str(value)


def _items_of(name: str, kind: _List, value: object) -> list[str]:
    if isinstance(value, str):
        items: list[object] = [each.strip() for each in value.split(",") if each.strip()]
    elif isinstance(value, Iterable):
        items = list(value)
    else:
        raise ValueError(f"{name}: expected '*' or a list of {kind.item}s, got {value!r}")
    return [_check_item(name, kind, each) for each in items]


def _check_item(name: str, kind: _List, item: object) -> str:
    """One that will still be one in a list; whether it is an origin or a host is the engine's to say."""
    if isinstance(item, str) and item.strip() and "," not in item:
        return item
    raise ValueError(f"{name}: expected one {kind.item} an item, as '{kind.example}'; got {item!r}")
