"""The routes of an application: the engine numbers and matches them; this table maps each number to its handler."""

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import NoMatchFound, RouteError
from ..routing import Route, StaticRoute, WebSocketRoute
from ..settings import ALIASES, SWITCHES, setting_text
from .binding import Site
from .names import find_name, find_place, is_async
from .parameters import Kind
from .registration import Registration
from .signature import Handler, make_handler
from .urls import fill_pattern

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class RouteTable:
    """Routes and settings over one engine ``Site``.

    ``handlers[n]`` (None: files) belongs to the engine's route n. ``routes`` has one entry for each registration, which
    may be several of the engine's routes.
    """

    def __init__(self) -> None:
        self.site = Site()
        self.handlers: list[Handler | None] = []
        self.routes: list[Route | WebSocketRoute | StaticRoute] = []
        self.servers_running = 0
        self._texts: dict[str, str] = {}
        self._places: list[str] = []

    def add(self, registration: Registration) -> None:
        """Adds a WebSocket route, or an HTTP route for each of the methods; none if it raises.

        Args:
            registration: The route.

        Raises:
            RouteError: The route can't be added. The text names the handler's file and line.
        """
        function, path, methods = registration.handler, registration.path, registration.methods
        place = find_place(function) if callable(function) else "<no function>"
        self._refuse_late(f"{place}: ")
        what = "websocket" if methods is None else " and ".join(map(str, methods))
        try:
            wanted: list[str | None] = [None] if methods is None else [*_checked(methods)]
            handler = self._check(wanted, registration)
            texts = {name: setting_text(name, value) for name, value in registration.settings.items()}
            for method in wanted:
                number = self.site.add_route(method, path, texts, whole_body=handler.wants_whole_body)
                self._append(number, handler, f"{handler.name} at {place}")
            name = registration.options.get("name", handler.name.rpartition(".")[2])
            if methods is None:
                self.routes.append(WebSocketRoute(path, function, name))
            else:
                served = frozenset(method for method in wanted if method is not None)
                self.routes.append(Route(path, function, name, served))
        except (ValueError, TypeError) as error:
            raise RouteError(f"{place}: {what} {path!r}: {error}") from None

    def add_files(self, path: str, directory: str | os.PathLike[str], *, dot_files: bool) -> None:
        """Serves the files below ``directory`` at and below ``path``.

        Args:
            path: A path without parameters.
            directory: The directory; relative to the current one.
            dot_files: Whether to serve names that begin with a dot.

        Raises:
            RouteError: The path or the directory is not valid, or the path has a handler already.
        """
        self._refuse_late(f"static {path!r}: ")
        folder = os.path.abspath(directory)
        base = path if path.endswith("/") else path + "/"
        patterns = (base, base + "{path:path}")
        try:
            if parameters := self.site.parse_pattern(base):
                raise ValueError(f"expected a path without parameters, got {parameters}")
            for pattern in patterns:
                self._refuse_duplicate("GET", pattern)
            for pattern in patterns:
                number = self.site.add_files(pattern, folder, dot_files=dot_files)
                self._append(number, None, f"the files of {folder}")
            self.routes.append(StaticRoute(path, folder))
        except ValueError as error:
            raise RouteError(f"static {path!r}: {error}") from None

    def url_path_for(self, name: str, values: Mapping[str, Any]) -> str:
        """Returns the path of the first route with that name and these parameters.

        Args:
            name: The route's name.
            values: The parameters' values.

        Raises:
            NoMatchFound: There is none, or a value does not fit its converter.
        """
        others: list[str] = []
        for route in self.routes:
            if isinstance(route, StaticRoute) or route.name != name:
                continue
            converters = dict(self.site.parse_pattern(route.path))
            if converters.keys() == values.keys():
                try:
                    return fill_pattern(route.path, converters, values)
                except ValueError as error:
                    raise NoMatchFound(f"{name}: {route.path!r}: {error}") from None
            others.append(route.path)
        wanted = ", ".join(values) or "no parameters"
        got = " and ".join(map(repr, others)) or "no such name"
        raise NoMatchFound(f"expected a route named {name!r} with {wanted}, got {got}")

    def configure(self, settings: Mapping[str, object]) -> None:
        """Sets application-wide settings.

        Args:
            settings: Values by name.

        Raises:
            ValueError: A setting is not valid; no setting has changed then.
        """
        texts = {name: setting_text(name, value) for name, value in settings.items()}
        for alias, name in ALIASES.items():
            if alias in texts and name in texts:
                raise ValueError(f"expected {name} or its older name {alias}, got both")
        by_name = {ALIASES.get(name, name): text for name, text in texts.items()}
        before = {**_default_texts(), **self._texts}
        try:
            for name, text in texts.items():
                self.site.set(name, text)
            self.site.check_settings()
        except ValueError:
            for name in by_name.keys() & before.keys():
                self.site.set(name, before[name])
            raise
        self._texts.update(by_name)

    def _refuse_late(self, what: str) -> None:
        if self.servers_running:
            raise RouteError(f"{what}expected every route to be added before the application serves")

    def _append(self, number: int, handler: Handler | None, place: str) -> None:
        assert number == len(self.handlers)
        self.handlers.append(handler)
        self._places.append(place)

    def _check(self, methods: Sequence[str | None], registration: Registration) -> Handler:
        function, path = registration.handler, registration.path
        if not callable(function):
            raise TypeError(f"expected a function, got {function!r}")
        is_websocket = None in methods
        if not isinstance(path, str):
            raise TypeError(f"expected a path, got {path!r}")
        if is_websocket and not is_async(function):
            why = "is a generator: it has a yield" if inspect.isasyncgenfunction(function) else "is not async"
            raise TypeError(f"expected an 'async def' handler, got {find_name(function)}, which {why}")
        kind = Kind.WEBSOCKET if is_websocket else Kind.HTTP
        handler = make_handler(function, dict(self.site.parse_pattern(path)), kind, registration.options)
        handler.middleware = registration.middleware
        for method in methods:
            self._refuse_duplicate(method, path)
        return handler

    def _refuse_duplicate(self, method: str | None, path: str) -> None:
        if (first := self.site.find_route(method, path)) is not None:
            place = self._places[first]
            raise ValueError(f"expected one handler for each path and method, but this has one already: {place}")


def refuse_function_as_path(decorator: str, path: object) -> None:
    """Raises RouteError if ``path`` is the handler: the decorator was written without parentheses."""
    if callable(path):
        raise RouteError(
            f"{find_place(path)}: {decorator}: expected a path, got the function {find_name(path)}; write"
            f' @app.{decorator}("/...")'
        )


def _checked(methods: list[str]) -> list[str]:
    """Returns the methods in upper case, each once. Raises ValueError if there are none or one is not a token."""
    if not methods:
        raise ValueError("expected at least one HTTP method, got none")
    for method in methods:
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise ValueError(f"expected an HTTP method, got {method!r}")
    return list(dict.fromkeys(method.upper() for method in methods))


def _default_texts() -> dict[str, str]:
    defaults = {name: repr(value) for name, value in Site().effective_settings().items()}
    lists = dict.fromkeys(("allowed_origins", "allowed_hosts", "trusted_proxies"), "")
    choices = {"compression": "none", "message_rate_action": "pause", **dict.fromkeys(SWITCHES, "false")}
    return {**defaults, **lists, **choices, "max_connections": "0"}  # the engine computes max_connections
