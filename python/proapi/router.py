"""``Router``: routes that belong together, below one prefix, for an application to include."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ._core import habits
from ._core.decorators import RouteDecorators
from ._core.middleware_chain import KINDS, Kind, Middleware
from ._core.names import find_name, find_place
from ._core.registration import Registration, read_dependencies
from .errors import RouteError


class Router(RouteDecorators):
    """Routes that belong together.

    ``users = Router(prefix="/users")``, then ``@users.get("/{name}")`` and ``app.include_router(users)``. The routes
    are checked when they are included.
    """

    def __init__(self, *, prefix: str = "", dependencies: Sequence[Any] = (), tags: Sequence[str] = ()) -> None:
        """Creates a router without routes.

        Args:
            prefix: A path that begins with "/" and does not end with one, to put before all paths.
            dependencies: ``Depends(...)`` of what runs before every handler and whose result no handler takes.
            tags: Tags of every route, for documents.

        Raises:
            ValueError: The prefix is not valid.
            TypeError: A dependency is not ``Depends(function)``.
        """
        _check_prefix("Router", prefix)
        self._prefix = prefix
        self._dependencies = read_dependencies("Router", dependencies)
        self._tags = tuple(tags)
        self._middleware: dict[Kind, list[Middleware]] = {kind: [] for kind in KINDS}
        self._registrations: list[Registration] = []
        self._is_included = False

    if not TYPE_CHECKING:  # a type checker would accept any name

        def __getattr__(self, name: str) -> Any:
            habits.refuse_attribute(self, name, habits.ROUTER)

    def include_router(
        self, router: "Router", prefix: str = "", *, dependencies: Sequence[Any] = (), tags: Sequence[str] = ()
    ) -> None:
        """Adds the routes of another router. As ``ProAPI.include_router``."""
        for registration in router_routes(router, prefix, dependencies, tags):
            self._register(registration)

    def _register(self, registration: Registration) -> None:
        if self._is_included:
            handler: Any = registration.handler
            raise RouteError(
                f"{find_place(handler)}: {registration.path!r}: expected every route of a router to be added before"
                f" include_router(), got {find_name(handler)} after it"
            )
        self._registrations.append(registration)

    def _add_middleware(self, middleware: Middleware, kinds: tuple[Kind, ...]) -> None:
        if self._is_included:
            raise RuntimeError(
                f"{find_place(middleware.function)}: middleware: expected all middleware of a router to be added before"
                f" include_router(), got {middleware.name} after it"
            )
        for kind in kinds:
            self._middleware[kind].append(middleware)


def router_routes(
    router: Router, prefix: str, dependencies: Sequence[Any], tags: Sequence[str]
) -> Iterator[Registration]:
    """Yields the routes as ``include_router`` adds them. Raises as that does."""
    if not isinstance(router, Router):
        raise TypeError(f"include_router: expected a Router, got {router!r}")
    _check_prefix("include_router", prefix)
    before = (*read_dependencies("include_router", dependencies), *router._dependencies)
    router._is_included = True
    for registration in router._registrations:
        kind: Kind = "websocket" if registration.methods is None else "http"
        yield registration.below(prefix + router._prefix, before, (*tags, *router._tags), router._middleware[kind])


def _check_prefix(call: str, prefix: str) -> None:
    if not isinstance(prefix, str) or (prefix and (not prefix.startswith("/") or prefix.endswith("/"))):
        raise ValueError(f'{call}: expected a prefix that begins with "/" and does not end with one, got {prefix!r}')
