"""How a handler is called: the values of its parameters, and what its dependencies return. Made once at registration,
so that a request inspects nothing.

A plan is a list of steps, one for each dependency, in the order in which they run; the handler itself is the last. What
a client sends wrong is collected over all steps and raised as one ``RequestValidationError``.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from enum import Enum
from types import TracebackType
from typing import Any

from msgspec import Struct

from ..errors import RequestValidationError
from .annotations import find_call
from .faults import Errors
from .markers import Dependency
from .names import find_name, find_place, find_used_names, is_async
from .parameters import Kind, Parameters, read_parameters
from .reader import Reader
from .threads import ThreadPool


class _Call(Enum):
    """How a dependency is called."""

    ASYNC = 1
    IN_THREAD = 2
    AT_ONCE = 3  # a class: its constructor is quick
    ASYNC_GENERATOR = 4
    GENERATOR = 5


class _Step(Struct):
    function: Callable[..., Any]
    call: _Call
    reader: Reader
    inputs: dict[str, int]
    """The parameters that are results of earlier steps, by the step's number."""
    scope: str | None = None


class Plan:
    """The steps of one handler, or of one dependency that is resolved by itself."""

    def __init__(
        self,
        parameters: Parameters,
        path: Mapping[str, str],
        kind: Kind,
        before: Iterable[Dependency] = (),
        *,
        reads_content: bool = False,
    ) -> None:
        """Reads the signatures of all dependencies.

        Args:
            parameters: Those of the handler.
            path: The converter of each parameter of the route's path.
            kind: What is handled.
            before: What runs before, and whose results nobody takes.
            reads_content: Whether the handler reads ``request.content`` without awaiting the body.

        Raises:
            ValueError: A signature is not possible. The text says what to write.
        """
        self._parameters = parameters
        self._path = path
        self._kind = kind
        self._before = tuple(before)
        self._reads_content = reads_content
        self._overridden: tuple[dict[Any, Any], _Steps] | None = None
        """The steps with the overrides of the last request. To keep others would keep what tests are done with."""
        self._steps = self._make_steps({})

    @property
    def reader(self) -> Reader:
        """Reads the handler's own parameters."""
        return self._steps.handler

    @property
    def needs_resolution(self) -> bool:
        """Whether the handler has dependencies or a form, which are awaited."""
        return bool(self._steps.steps) or self._steps.handler.takes_form

    @property
    def takes_form(self) -> bool:
        """Whether the handler or a dependency takes values of a form."""
        return self._steps.handler.takes_form or any(step.reader.takes_form for step in self._steps.steps)

    @property
    def missing(self) -> list[str]:
        """The parameters of the path that neither the handler nor a dependency takes."""
        if self._parameters.takes_rest:
            return []
        return [name for name in self._path if name not in self._steps.path_names]

    async def resolve(
        self, connection: Any, overrides: Mapping[Any, Any], exits: "Exits", pool: ThreadPool
    ) -> dict[str, Any]:
        """Runs the dependencies.

        Args:
            connection: The connection or the request.
            overrides: What is called instead of a dependency, as ``app.dependency_overrides``.
            exits: Gets the rests of generators.
            pool: Where functions run that are not async.

        Returns:
            The handler's arguments.

        Raises:
            RequestValidationError: Values of the client are missing or wrong.
        """
        steps = self._with(overrides) if overrides else self._steps
        errors: Errors = []
        results: list[Any] = []
        failed: set[int] = set()
        steps.handler.keep_content(connection)
        for number, step in enumerate(steps.steps):
            earlier = len(errors)
            reader = step.reader
            wait = reader.takes_body or reader.takes_form
            arguments = await reader.collect_later(connection, errors) if wait else reader.collect(connection, errors)
            if len(errors) > earlier or not failed.isdisjoint(step.inputs.values()):
                failed.add(number)
                results.append(None)
                continue
            for name, index in step.inputs.items():
                arguments[name] = results[index]
            if step.call is _Call.ASYNC:
                results.append(await step.function(**arguments))
            else:
                results.append(await _call(step, arguments, exits, pool))
        reader = steps.handler
        wait = reader.takes_body or reader.takes_form
        arguments = await reader.collect_later(connection, errors) if wait else reader.collect(connection, errors)
        if errors:
            raise RequestValidationError(errors)
        for name, index in steps.inputs.items():
            arguments[name] = results[index]
        return arguments

    def _with(self, overrides: Mapping[Any, Any]) -> "_Steps":
        if self._overridden is None or self._overridden[0] != overrides:
            copied = dict(overrides)
            self._overridden = copied, self._make_steps(copied)
        return self._overridden[1]

    def _make_steps(self, overrides: Mapping[Any, Any]) -> "_Steps":
        steps = _Steps(self._path, self._kind, overrides)
        for dependency in self._before:
            if dependency.call is not None:
                steps.add(dependency)
        steps.end(self._parameters, reads_content=self._reads_content)
        return steps


def plan_handler(
    function: Callable[..., Any], path: Mapping[str, str], kind: Kind, dependencies: Iterable[Dependency] = ()
) -> Plan:
    """Returns the plan of a handler.

    Args:
        function: The handler.
        path: The converter of each parameter of the route's path.
        kind: What is handled.
        dependencies: What runs before, and whose results nobody takes.

    Raises:
        ValueError: A signature is not possible, or nobody takes a parameter of the path. The text says what to write.
    """
    reads_content = kind is Kind.HTTP and is_async(function) and _reads_content(function)
    plan = Plan(read_parameters(function, path, kind), path, kind, dependencies, reads_content=reads_content)
    if missing := plan.missing:
        signature = inspect.signature(function).parameters.values()
        listed = ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in signature)
        raise ValueError(
            f"expected a parameter for each of the path's ({', '.join(path)}), but"
            f" {' and '.join(map(repr, missing))} is missing; got ({listed})"
        )
    return plan


class _Steps:
    def __init__(self, path: Mapping[str, str], kind: Kind, overrides: Mapping[Any, Any]) -> None:
        self._path = path
        self._kind = kind
        self._overrides = overrides
        self._numbers: dict[Any, int] = {}
        self._open: list[Any] = []
        self.path_names: set[str] = set()
        self.steps: list[_Step] = []
        self.inputs: dict[str, int] = {}
        self.handler: Reader

    def end(self, parameters: Parameters, *, reads_content: bool) -> None:
        """Adds the handler, and first what it depends on."""
        self.path_names |= parameters.path_names
        self.inputs = self._add_all(parameters)
        self.handler = Reader(parameters, self._path, reads_content=reads_content)

    def _add_all(self, parameters: Parameters) -> dict[str, int]:
        return {name: self.add(dependency) for name, dependency in parameters.dependencies}

    def add(self, dependency: Dependency) -> int:
        """Adds the steps of a dependency, unless they are there already, and returns its number."""
        function = self._overrides.get(dependency.call, dependency.call)
        key = (function, dependency.scope)
        if dependency.use_cache and (number := self._numbers.get(key)) is not None:
            return number
        if function in self._open:
            names = " -> ".join(find_name(each) for each in (*self._open, function))
            raise ValueError(f"expected dependencies without a circle, got {names}")
        self._open.append(function)
        try:
            parameters = read_parameters(function, self._path, self._kind, is_dependency=True)
            self.path_names |= parameters.path_names
            inputs = self._add_all(parameters)
            reader = Reader(parameters, self._path)
        except ValueError as error:
            where = f"the dependency {find_name(function)} at {find_place(function)}: "
            raise ValueError(str(error) if str(error).startswith("the dependency ") else f"{where}{error}") from None
        finally:
            self._open.pop()
        self.steps.append(_Step(function, _how_to_call(function), reader, inputs, dependency.scope))
        number = len(self.steps) - 1
        if dependency.use_cache:
            self._numbers[key] = number
        return number


def _reads_content(function: Callable[..., Any]) -> bool:
    """Whether the function's own code reads ``request.content``, which can't wait, and does not stream the body."""
    names = find_used_names(function)
    return "content" in names and "stream" not in names


def _how_to_call(function: Callable[..., Any]) -> _Call:
    inner = find_call(function) if not inspect.isroutine(function) and not isinstance(function, type) else function
    if inspect.isasyncgenfunction(function) or inspect.isasyncgenfunction(inner):
        return _Call.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(inner):
        return _Call.GENERATOR
    if is_async(function):
        return _Call.ASYNC
    return _Call.AT_ONCE if isinstance(function, type) else _Call.IN_THREAD


async def _call(step: _Step, arguments: dict[str, Any], exits: "Exits", pool: ThreadPool) -> Any:
    """Calls what is not an ``async def`` function."""
    function = step.function
    match step.call:
        case _Call.AT_ONCE:
            return function(**arguments)
        case _Call.IN_THREAD:
            result = await pool.run(function, **arguments)
            # A decorator or a lambda may hide an `async def` function: what that checks must not be left out.
            return await result if asyncio.iscoroutine(result) else result
        case _Call.ASYNC_GENERATOR:
            return await exits.stack(step.scope).enter_async_context(asynccontextmanager(function)(**arguments))
        case _Call.GENERATOR:
            return await exits.stack(step.scope).enter_async_context(_InThread(function, arguments, pool, exits.pool))


class _InThread:
    """A generator that is not async, as an async context manager whose parts run in threads."""

    def __init__(
        self, function: Callable[..., Any], arguments: dict[str, Any], pool: ThreadPool, exit_pool: ThreadPool
    ) -> None:
        self._manager = contextmanager(function)(**arguments)
        self._pool = pool
        self._exit_pool = exit_pool

    async def __aenter__(self) -> Any:
        return await self._pool.run(self._manager.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._exit_pool.run(self._manager.__exit__, kind, error, traceback)


class Exits:
    """The rests of the generators of one request: what runs before the response is sent, and what runs after."""

    __slots__ = ("_after", "_before", "pool")

    def __init__(self, pool: ThreadPool) -> None:
        """``pool``: where the rests of generators run that are not async. No other calls may wait in it."""
        self.pool = pool
        self._before: AsyncExitStack | None = None
        self._after: AsyncExitStack | None = None

    @property
    def are_left(self) -> bool:
        """Whether there is a rest to run after the response was sent."""
        return self._after is not None

    def stack(self, scope: str | None) -> AsyncExitStack:
        """Returns the stack of the scope. Most requests need none."""
        if scope == "function":
            if self._before is None:
                self._before = AsyncExitStack()
            return self._before
        if self._after is None:
            self._after = AsyncExitStack()
        return self._after

    async def run_before(self) -> None:
        if self._before is not None:
            await self._before.aclose()

    async def __aenter__(self) -> "Exits":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Runs what is left, in reverse order. A generator that swallows the error does not hide it."""
        try:
            if self._before is not None:
                await self._before.__aexit__(kind, error, traceback)
        finally:
            if self._after is not None:
                await self._after.__aexit__(kind, error, traceback)
        return False
