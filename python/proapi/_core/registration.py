"""One route as a decorator got it: its handler, what it says about itself, and its limits."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict

from ..settings import HttpRouteSettings, RouteSettings
from .markers import Dependency
from .middleware_chain import Middleware


class RouteOptions(TypedDict, total=False):
    """What any route may say about itself."""

    name: str
    """For ``url_path_for``. Without it: the handler's name."""
    dependencies: Sequence[Any]
    """``Depends(...)`` of what runs before the handler and whose result it does not take."""
    tags: Sequence[str]
    """For documents, as the next four."""
    summary: str
    description: str
    deprecated: bool
    include_in_schema: bool
    cancel_on_disconnect: bool
    """Whether to cancel the handler when its client leaves."""


class HttpRouteOptions(RouteOptions, HttpRouteSettings, total=False):
    """What an HTTP route may say about itself, and its limits by name."""

    status_code: int
    """Of what the handler returns, if that is not a Response."""


class WebSocketRouteOptions(RouteOptions, RouteSettings, total=False):
    """What a WebSocket route may say about itself, and its limits by name."""


class Registration:
    """One route, as a decorator got it."""

    __slots__ = ("handler", "methods", "middleware", "options", "path", "settings")

    def __init__(
        self, methods: list[str] | None, path: str, handler: Callable[..., Any], given: Iterable[tuple[str, Any]]
    ) -> None:
        self.methods = methods
        """None: a WebSocket route."""
        self.path = path
        self.handler = handler
        self.middleware: tuple[Middleware, ...] = ()
        """Of the routers that it was registered with, the outermost first."""
        self.options: RouteOptions = {}
        self.settings: dict[str, Any] = {}
        for name, value in given:
            is_option = name in HttpRouteOptions.__annotations__ and name not in HttpRouteSettings.__annotations__
            (self.options if is_option else self.settings)[name] = value  # type: ignore[literal-required]

    def below(
        self,
        prefix: str,
        dependencies: Sequence[Dependency],
        tags: Sequence[str],
        middleware: Sequence[Middleware] = (),
    ) -> "Registration":
        """Returns the same route below ``prefix``, with more dependencies and middleware, which run first, and more
        tags."""
        path = prefix + self.path if prefix else self.path  # which may be anything that a program has written
        found = Registration(self.methods, path, self.handler, ())
        found.settings = self.settings
        found.middleware = (*middleware, *self.middleware)
        found.options = self.options.copy()
        if dependencies:
            found.options["dependencies"] = [*dependencies, *self.options.get("dependencies", ())]
        if tags:
            found.options["tags"] = [*tags, *self.options.get("tags", ())]
        return found


def read_dependencies(call: str, given: Sequence[Any]) -> tuple[Dependency, ...]:
    """Returns the dependencies. TypeError: one of them is not ``Depends(function)``."""
    for each in given:
        if not isinstance(each, Dependency) or each.call is None:
            raise TypeError(f"{call}: expected Depends(function) in dependencies, got {each!r}")
    return tuple(given)
