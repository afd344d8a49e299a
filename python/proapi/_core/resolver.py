"""``app.resolve``: a dependency that runs when the program asks for it, not once for each handler.

The plans are kept, so that a message inspects nothing.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..request import Request
from .binding import WebSocketConnection, serving
from .markers import Dependency
from .parameters import Kind, Parameters
from .plan import Exits, Plan
from .threads import ThreadPool

if TYPE_CHECKING:
    from ..app import ProAPI

_MOST_PLANS = 128
_RESULT = "result"
_CONVERTERS: dict[type, str] = {int: "int", float: "float", UUID: "uuid"}

_Path = tuple[tuple[str, str], ...]


class Resolver:
    """Resolves the dependencies of one application."""

    def __init__(self, app: "ProAPI") -> None:
        self._app = app
        # Not weak: a plan refers to its function, which would keep the plan. A lambda that is new for each message
        # must not make the table grow.
        self._find_plan: Callable[[Callable[..., Any], Kind, _Path], Plan] = lru_cache(_MOST_PLANS)(_make_plan)

    def resolve(
        self, dependency: Callable[..., Any], connection: Request | WebSocketConnection | None
    ) -> AbstractAsyncContextManager[Any]:
        """As ``ProAPI.resolve``."""
        if not callable(dependency):
            raise TypeError(f"app.resolve: expected a function or a class, got {dependency!r}")
        kind = Kind.NOTHING if connection is None else _find_kind(connection)
        path = () if connection is None else _find_path(connection)
        try:
            plan = self._find_plan(dependency, kind, path)
        except ValueError as error:
            raise TypeError(f"app.resolve: {error}") from None
        return self._run(plan, connection)

    @asynccontextmanager
    async def _run(self, plan: Plan, connection: Any) -> AsyncIterator[Any]:
        with _find_pools() as (pool, exit_pool):
            async with Exits(exit_pool) as exits:
                arguments = await plan.resolve(connection, self._app.dependency_overrides, exits, pool)
                yield arguments[_RESULT]


@contextmanager
def _find_pools() -> Iterator[tuple[ThreadPool, ThreadPool]]:
    """Where functions that are not async run, and where the rests of their generators do: in the threads of the server,
    or if none serves, in threads of the block. To keep these would be a trap for a process that forks."""
    dispatcher = serving.get(None)
    if dispatcher is not None and dispatcher.serves_here():
        yield dispatcher.pool, dispatcher.exit_pool
        return
    pool = ThreadPool()
    try:
        yield pool, pool
    finally:
        pool.close()


def _make_plan(dependency: Callable[..., Any], kind: Kind, path: _Path) -> Plan:
    return Plan(Parameters(dependencies=[(_RESULT, Dependency(dependency))]), dict(path), kind)


def _find_kind(connection: object) -> Kind:
    if isinstance(connection, Request):
        return Kind.HTTP
    if isinstance(connection, WebSocketConnection):
        return Kind.WEBSOCKET
    raise TypeError(f"app.resolve: expected a Request or a WebSocketConnection, got {connection!r}")


def _find_path(connection: Request | WebSocketConnection) -> _Path:
    """Returns the parameters of the path with their converters, as far as their values tell."""
    return tuple((name, _CONVERTERS.get(type(value), "str")) for name, value in connection.path_params.items())
