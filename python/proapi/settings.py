"""The limits of an application and of a route, by name, times in seconds. Defaults and ranges are the engine's."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypedDict

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


def setting_text(name: str, value: object) -> str:
    """A setting's value as the engine reads it. ValueError: no list of origins."""
    if name == "allowed_origins":
        return ",".join(_origins_of(value))
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return str(value)


def _origins_of(value: object) -> list[str]:
    if isinstance(value, str):
        origins: list[object] = [each.strip() for each in value.split(",") if each.strip()]
    elif isinstance(value, Iterable):
        origins = list(value)
    else:
        raise ValueError(f"allowed_origins: expected '*' or a list of origins, got {value!r}")
    return [_check_origin(each) for each in origins]


def _check_origin(origin: object) -> str:
    """One that will still be one in a list; whether a browser may write it so is the engine's to say."""
    if isinstance(origin, str) and origin.strip() and "," not in origin:
        return origin
    raise ValueError(f"allowed_origins: expected one origin an item, as 'https://chat.example.org'; got {origin!r}")
