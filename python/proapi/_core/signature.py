"""A handler and how it is called. Its parameters are checked once, at registration, so that no request can meet a wrong
signature."""

from collections.abc import Callable, Mapping
from typing import Any

from ..response import to_response
from .annotations import find_return_annotation
from .middleware_chain import Middleware
from .names import find_name, find_place, is_async
from .parameters import Kind
from .plan import Plan, plan_handler
from .registration import HttpRouteOptions, RouteOptions, read_dependencies
from .results import ToResponse, make_to_response


class Handler:
    """A handler that takes the connection and values of the path as they are: every argument by name."""

    __slots__ = (
        "_connection_name",
        "_takes_path_params",
        "cancel_on_disconnect",
        "function",
        "is_async",
        "middleware",
        "name",
        "needs_request",
        "place",
        "plan",
        "to_response",
        "wants_whole_body",
    )

    needs_resolution = False
    """Whether there are dependencies or a form to wait for before the call."""

    def __init__(
        self,
        function: Callable[..., Any],
        plan: Plan,
        *,
        takes_path_params: bool,
        cancel_on_disconnect: bool = False,
    ) -> None:
        """ValueError: the handler can't be cancelled."""
        self.function = function
        self.plan = plan
        self.name = find_name(function)
        self.place = find_place(function)
        self.is_async = is_async(function)
        # Neither a thread nor a reader that does not await can wait for the rest of a body. A form is read before the
        # call.
        cannot_wait = not self.is_async or (plan.reader.takes_body and not plan.needs_resolution)
        self.wants_whole_body = plan.reader.reads_content or (cannot_wait and not plan.takes_form)
        self.cancel_on_disconnect = cancel_on_disconnect
        if not isinstance(cancel_on_disconnect, bool):
            raise ValueError(f"cancel_on_disconnect: expected True or False, got {cancel_on_disconnect!r}")
        if cancel_on_disconnect and not self.is_async:
            raise ValueError(
                f"cancel_on_disconnect: expected an 'async def' handler, got {self.name}, which is not async: it runs"
                " in a thread, and a thread can't be cancelled"
            )
        self.middleware: tuple[Middleware, ...] = ()
        """What it passes through because of its routers, the outermost first."""
        self.to_response: ToResponse = to_response
        """Makes the response of the handler's result."""
        self._takes_path_params = takes_path_params
        self._connection_name = plan.reader.connection
        self.needs_request = self._connection_name is not None or not plan.reader.is_trivial or plan.needs_resolution
        """Whether ``call`` needs the Request; its RequestInfo is enough otherwise."""

    def call(self, connection: Any) -> Any:
        """``connection`` is the WebSocketConnection, the Request or its RequestInfo."""
        if self._connection_name is None:
            return self.function(**connection.path_params) if self._takes_path_params else self.function()
        arguments: dict[str, Any] = dict(connection.path_params) if self._takes_path_params else {}
        arguments[self._connection_name] = connection
        return self.function(**arguments)


class HandlerOfValues(Handler):
    """A handler that also takes values of the query, headers, cookies or the body, or converted ones of the path, or is
    async and reads ``request.content``."""

    __slots__ = ()

    def call(self, connection: Any) -> Any:
        """RequestValidationError: the client's values are missing or wrong."""
        return self.function(**self.plan.reader.read(connection))


class HandlerWithDependencies(HandlerOfValues):
    """A handler whose arguments ``plan.resolve`` makes."""

    __slots__ = ()

    needs_resolution = True


def make_handler(
    function: Callable[..., Any], path: Mapping[str, str], kind: Kind, options: RouteOptions | HttpRouteOptions
) -> Handler:
    """Checks the signature.

    Args:
        function: The handler.
        path: The converter of each parameter of the path.
        kind: What is handled.
        options: What the route says about itself.

    Returns:
        The handler.

    Raises:
        ValueError: What was expected of the signature or of an option, and what came.
        TypeError: A dependency is not ``Depends(function)``.
    """
    plan = plan_handler(function, path, kind, read_dependencies("dependencies", options.get("dependencies", ())))
    cls = HandlerWithDependencies if plan.needs_resolution else Handler if plan.reader.is_trivial else HandlerOfValues
    handler = cls(
        function, plan, takes_path_params=bool(path), cancel_on_disconnect=options.get("cancel_on_disconnect", False)
    )
    if kind is Kind.HTTP:
        status_code: Any = options.get("status_code")
        handler.to_response = make_to_response(find_return_annotation(function), status_code)
    return handler
