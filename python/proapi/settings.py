"""The limits of an application and of a route, by name; times in seconds. The engine has the defaults and ranges."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal, NamedTuple, TypedDict

Seconds = float | timedelta

# Generated from contract/settings.json by scripts/generate_settings.py; change the table, then run `make generate`:


class RouteSettings(TypedDict, total=False):
    """The settings that a WebSocket route may set."""

    max_message_size: int
    """Size of one received message.
    Default 1 MiB. Range 1 to 4 GiB. Beyond it: close 1009; the reason names the setting."""

    max_fragments: int
    """Fragments of one received message.
    Default 131,072. Range 1 to 2^30. Beyond it: close 1008; the reason names the setting."""

    max_empty_fragments: int
    """Fragments without payload in one received message.
    Default 1,024. Range 0 to 2^30. Beyond it: close 1008; the reason names the setting."""

    message_timeout: Seconds
    """How long a received message may take, from its first octet to its last.
    Default 60 s. Range 1 ms to a day. Beyond it: close 1008; the reason names the setting."""

    receive_queue_messages: int
    """Received messages that wait for the handler.
    Default 16. Range 1 to 2^20. Beyond it: reading from that socket pauses."""

    receive_queue_bytes: int
    """Octets of received messages that wait for the handler.
    Default 256 KiB. Range 1 to 1 GiB. Beyond it: reading from that socket pauses."""

    high_water: int
    """Octets that may wait to be sent to a peer before its senders wait. At most `max_buffered`.
    Default 64 KiB. Range 1 to 1 GiB. Beyond it: awaited sends wait."""

    low_water: int
    """Octets that may still wait to be sent to a peer when its senders resume. At most `high_water`.
    Default 16 KiB. Range 0 to 1 GiB. Beyond it: senders that wait keep waiting."""

    max_buffered: int
    """Octets that may wait to be sent to a peer, including those of waiting senders. At least `high_water`.
    Default 1 MiB. Range 1 to 4 GiB. Beyond it: close 1008, "slow consumer"; one message may exceed it."""

    ping_interval: Seconds
    """How long a peer may stay silent.
    Default 20 s. Range 10 ms to a day. Beyond it: a ping is sent."""

    ping_timeout: Seconds
    """How long after a ping a peer may neither send anything nor take anything that was sent to it.
    Default 20 s. Range 10 ms to a day. Beyond it: connection lost, 1006, "ping timeout"."""

    message_rate: int
    """Messages a second that a client may send on one connection, on average.
    Default 0: no limit. Range 0 to 2^20. Beyond it: as `message_rate_action` says."""

    message_burst: int
    """Messages that a client may send at once, after a time in which it has sent less than `message_rate`.
    Default 0: as many as `message_rate`. Range 0 to 2^20. Beyond it: as `message_rate_action` says."""

    message_rate_action: Literal["pause", "close"]
    """What happens when a client sends more than `message_rate` and `message_burst` allow.
    Default `"pause"`. Beyond it: reading from that socket pauses; if it is `"close"`: close 1008, and the reason names
    `message_rate`."""

    max_lifetime: Seconds
    """How long a WebSocket may stay open after it was accepted; up to a tenth less, so that not all close at once.
    Default 0: no limit. Range 0 to 30 days. Beyond it: close 1001; the reason names the setting."""

    compression: Literal["shared", "dedicated"] | None
    """How messages are compressed (permessage-deflate) for clients that support it.
    Default none. Otherwise: other clients get them as they are."""

    compression_threshold: int
    """Size from which a message is compressed, if `compression` says so, or the body of a response, if `compress` does.
    The application's own value counts for responses.
    Default 1 KiB. Range 0 to 1 GiB. Beyond it: compressed."""

    allowed_origins: str | Iterable[str]
    """Origins of web pages that may open a WebSocket, in addition to the server's own.
    Default none. Others: 403."""


class HttpRouteSettings(TypedDict, total=False):
    """The settings that an HTTP route may set."""

    max_body_size: int
    """Size of a request's body.
    Default 1 MiB. Range 0 to 1,024 GiB. Beyond it: 413."""

    max_body: int
    """The older name of `max_body_size`."""


class Settings(RouteSettings, HttpRouteSettings, total=False):
    """The settings of an application; those that it inherits are the defaults of its routes."""

    write_timeout: Seconds
    """How long sending to a peer may make no progress.
    Default 30 s. Range 10 ms to a day. Beyond it: connection lost, 1006. If reading a file takes longer, its response
    is cut."""

    max_request_line: int
    """Length of a request line.
    Default 8 KiB. Range 64 to 1 MiB. Beyond it: 414."""

    max_head: int
    """Size of a request's head: request line and header fields.
    Default 16 KiB. Range 256 to 16 MiB. Beyond it: 431."""

    max_fields: int
    """Header fields of a request.
    Default 100. Range 1 to 10,000. Beyond it: 431."""

    min_body_rate: int
    """The slowest rate of a request's body, as an average over each `body_grace`.
    Default 1,024 a second. Range 0 to 2^30. Below it: 408."""

    body_grace: Seconds
    """How long a request's body may arrive more slowly than `min_body_rate`.
    Default 10 s. Range 10 ms to a day. Beyond it: `min_body_rate` is checked."""

    head_timeout: Seconds
    """How long a request's head may take from its first octet; for a connection's first request, from the opening of
    the connection.
    Default 10 s. Range 10 ms to a day. Beyond it: 408."""

    accept_timeout: Seconds
    """How long a WebSocket handler may take to accept or reject.
    Default 30 s. Range 10 ms to a day. Beyond it: 503."""

    keep_alive_timeout: Seconds
    """How long an HTTP connection may be idle after the client has received its last response.
    Default 75 s. Range 10 ms to a day. Beyond it: closed, a second later than responses say (`Keep-Alive:
    timeout=75`)."""

    close_timeout: Seconds
    """How long a peer that has received everything may take to end its side.
    Default 5 s. Range 10 ms to a day. Beyond it: TCP is closed."""

    shutdown_timeout: Seconds
    """How long handlers may take to end after the server begins to stop.
    Default 8 s. Range 0 to a day. Beyond it: handlers are cancelled."""

    max_connections: int
    """Open connections. The workers of a C++ process share the limit.
    Default 0: the descriptor limit less a reserve of 64. Range 0 to 10 * 2^20. Beyond it: the connection that has been
    idle longest is closed in favour of the new one; if none is idle, the new connection gets a 503."""

    max_connections_per_client: int
    """Open connections of one client: of an IPv4 address, or of an IPv6 network of 64 bits. The workers of a C++
    process share the limit.
    Default 0: no limit. Range 0 to 10 * 2^20. Beyond it: 503."""

    backlog: int
    """Connections that the kernel holds until they are accepted.
    Default 1,024. Range 1 to 65,535. Beyond it: the kernel decides."""

    compression_memory: int
    """Memory that the connections with `compression="dedicated"`, and the responses that `compress` compresses part by
    part, use together.
    Default 64 MiB. Range 0 to 1,024 GiB. Beyond it: new connections compress as with "shared", new responses are not
    compressed."""

    allowed_hosts: str | Iterable[str]
    """Hosts that the server answers for, in addition to loopback names and the hosts of listed origins.
    Default none. Others: 421."""

    trusted_proxies: str | Iterable[str]
    """Proxies that are believed when they say who the client is: addresses, networks such as `10.0.0.0/8`, and `unix`.
    Default none. Others: not believed; the client is the peer."""

    proxy_protocol: bool
    """Whether every connection of a trusted proxy must begin with a header of the PROXY protocol, version 1 or 2.
    Default off. Without it: the connection is closed."""

    compress: bool
    """Whether the bodies of responses are compressed for clients that accept it: with zstd, br or gzip.
    Default off. Without it: they are sent as they are."""


ALIASES = {"max_body": "max_body_size"}
"""Older names, which are still accepted, and the settings that they stand for."""

SWITCHES = ("proxy_protocol", "compress")
"""Settings that are on or off."""

# End of what is generated.


class _List(NamedTuple):
    item: str
    example: str


_LISTS = {
    "allowed_origins": _List("origin", "https://chat.example.org"),
    "allowed_hosts": _List("host", "chat.example.org"),
    "trusted_proxies": _List("network", "10.0.0.0/8"),
}


def setting_text(name: str, value: object) -> str:
    """Converts the value of a setting to the text that the engine reads.

    Args:
        name: The setting's name.
        value: A number, a timedelta, for a list a str or an iterable of str, for ``compression`` None or a str, or for
            a switch a bool.

    Raises:
        ValueError: The value is not a list although the setting needs one, or an item can't be one.
    """
    if kind := _LISTS.get(name):
        return ",".join(_list_items(name, kind, value))
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if name == "compression" and value is None:
        return "none"
    if name in SWITCHES and isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _list_items(name: str, kind: _List, value: object) -> list[str]:
    if isinstance(value, str):
        items: list[object] = [each.strip() for each in value.split(",") if each.strip()]
    elif isinstance(value, Iterable):
        items = list(value)
    else:
        any_item = "" if name == "trusted_proxies" else "'*' or "
        raise ValueError(f"{name}: expected {any_item}a list of {kind.item}s, got {value!r}")
    return [_check_item(name, kind, each) for each in items]


def _check_item(name: str, kind: _List, item: object) -> str:
    """Returns ``item`` if it can be one item of a list. The engine checks whether it is an origin or a host."""
    if isinstance(item, str) and item.strip() and "," not in item:
        return item
    raise ValueError(f"{name}: expected one {kind.item} per item, as '{kind.example}'; got {item!r}")
