"""What ``ProAPI.routes`` lists: one entry for each route, in the order in which they were added."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Route(Struct, frozen=True):
    """An HTTP route."""

    path: str
    """As it was registered: ``/items/{id:int}``."""
    endpoint: Callable[..., Any]
    """The handler."""
    name: str
    """The handler's name, as logs show it."""
    methods: frozenset[str]
    """In capitals, as they were registered. GET also answers HEAD, unless HEAD has a route of its own."""


class WebSocketRoute(Struct, frozen=True):
    """A WebSocket route."""

    path: str
    """As for ``Route``."""
    endpoint: Callable[..., Any]
    """The handler."""
    name: str
    """The handler's name, as logs show it."""


class StaticRoute(Struct, frozen=True):
    """A directory whose files are served at and below a path."""

    path: str
    """As it was registered: ``/assets``."""
    directory: str
    """The absolute path of the directory."""
