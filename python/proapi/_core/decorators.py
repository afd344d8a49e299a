"""The decorators that an application and a router share: ``websocket``, ``route``, ``get`` and the other methods, and
``middleware``.

What is registered goes to ``_register`` and ``_add_middleware``: an application adds it to its own, a router keeps it
for the application that includes it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar, Unpack, overload

from ..events import Events
from . import habits
from .middleware_chain import KINDS, Kind, Middleware
from .registration import HttpRouteOptions, Registration, WebSocketRouteOptions
from .route_table import refuse_function_as_path

_H = TypeVar("_H", bound=Callable[..., Any])


class RouteDecorators(ABC):
    """The decorators of an application or a router."""

    @abstractmethod
    def _register(self, registration: Registration) -> None:
        """Raises RouteError if the route is not possible."""

    @abstractmethod
    def _add_middleware(self, middleware: Middleware, kinds: tuple[Kind, ...]) -> None:
        """Adds a middleware behind the others. Raises RuntimeError if it is too late."""

    @overload
    def middleware(self, middleware_type: Kind, /) -> Callable[[_H], _H]: ...
    @overload
    def middleware(self, function: _H, /) -> _H: ...
    def middleware(self, function: Any, /) -> Any:
        """Decorator: registers ``async def middleware(connection, call_next)``, through which every request passes.

        ``await call_next(connection)`` goes on, once. For a request it returns the response that will be sent, whose
        ``status_code`` and ``headers`` may be changed, and the middleware returns that response or another. For a
        WebSocket it returns None when the handler has ended; a middleware that returns a response before ``accept()``
        refuses the handshake with it.

        That of an application also sees files and the engine's own refusals. That of a router sees what its routes
        serve, and those of the routers that it includes; it runs inside the application's, and outside of the handler
        and its dependencies.

        The first that was registered is the first to see a request, and the last to see its response. Exceptions come
        through ``call_next``, except those that are responses: HTTPException, and those that have an exception handler
        (not that of ``Exception`` or 500).

        ``@app.middleware`` is for requests and WebSockets, ``@app.middleware("http")`` and
        ``@app.middleware("websocket")`` for one of them.

        Raises:
            TypeError: The function is not ``async def``, or takes other arguments.
            ValueError: Another kind than "http" and "websocket".
            RuntimeError: The application has served, or includes the router already.
        """
        if callable(function):
            self._add_middleware(Middleware(function), KINDS)
            return function
        if function not in KINDS:
            raise ValueError(f"middleware: expected 'http', 'websocket' or a function, got {function!r}")

        def register(middleware: _H) -> _H:
            self._add_middleware(Middleware(middleware), (function,))
            return middleware

        return register

    def websocket(self, path: str, **options: Unpack[WebSocketRouteOptions]) -> Callable[[_H], _H]:
        """Decorator: registers ``async def handler(websocket, <path parameters>)`` for a WebSocket route.

        Args:
            path: The path, with parameters as ``{name}`` or ``{name:converter}``.
            **options: ``name``, ``dependencies`` and ``tags`` of the route; ``cancel_on_disconnect``, whether to cancel
                the handler, whatever it awaits, when anything but its own ``close()`` or ``reject()`` closes the
                connection; and limits of this route by name. Other limits are the application's.

        Returns:
            A decorator that returns the handler unchanged.

        Raises:
            RouteError: The path, the handler's signature or a setting is not valid, or the path has a handler already.
            TypeError: A keyword that belongs to another framework; the text says what to write instead.
        """
        refuse_function_as_path("websocket", path)
        habits.refuse_keywords("websocket", options, habits.WEBSOCKET)
        return self._decorate(None, path, options)

    def events(
        self,
        path: str,
        *,
        tag: str = "type",
        data: str | None = None,
        id: str = "id",
        invalid: Literal["reply", "close"] = "reply",
        batch: bool = False,
        **options: Unpack[WebSocketRouteOptions],
    ) -> Callable[[Callable[..., Any]], Events]:
        """Decorator: registers a WebSocket route whose JSON messages are dispatched by their name.

        The function below it is called like a WebSocket handler when a client connects; it accepts the connection, or
        the connection is accepted when it returns. If it has a ``yield``, its rest runs when the connection has ended.

        Args:
            path: As for ``websocket``.
            tag: The member of a message that is its name.
            data: The member that has the arguments, by name, or in an array by position. None: the message itself.
            id: The member that a reply refers to. A message without it gets none.
            invalid: What happens to a message that is not JSON, has an unknown name or not the members that its
                function takes: the client gets an error as a message, or is closed with 1007.
            batch: Whether a client may send several messages in an array, 1000 at the most. It gets their answers in
                one.
            **options: As for ``websocket``.

        Returns:
            A decorator that returns an ``Events``; its ``on`` registers the functions for messages.

        Raises:
            RouteError: As for ``websocket``.
            TypeError: An argument is not valid.
        """
        refuse_function_as_path("events", path)
        habits.refuse_keywords("events", options, habits.WEBSOCKET)

        def register(function: Callable[..., Any]) -> Events:
            events = Events(function, tag=tag, data=data, id=id, invalid=invalid, batch=batch)
            self._register(Registration(None, path, events.handler, options.items()))
            return events

        return register

    def route(
        self, path: str, methods: Iterable[str] = ("GET",), **options: Unpack[HttpRouteOptions]
    ) -> Callable[[_H], _H]:
        """Decorator: registers ``def`` or ``async def handler(request, <path parameters>)`` for requests of any
        methods.

        Args:
            path: As for ``get``.
            methods: One method or several, in any case.
            **options: As for ``get``.

        Returns:
            A decorator that returns the handler unchanged.

        Raises:
            RouteError: A method, the path, the handler's signature or a setting is not valid, or the path has a handler
                already.
            TypeError: An unknown keyword.
        """
        refuse_function_as_path("route", path)
        habits.refuse_unknown("route", options, HttpRouteOptions.__annotations__)
        return self._decorate([methods] if isinstance(methods, str) else list(methods), path, options)

    def get(self, path: str, **options: Unpack[HttpRouteOptions]) -> Callable[[_H], _H]:
        """Decorator: registers ``def`` or ``async def handler(request, <path parameters>)`` for GET and HEAD requests.

        The handler may leave out ``request``. An ``async def`` handler is called as soon as the request's head has
        arrived, and awaits the body if it wants it. A ``def`` handler runs in a thread, once the body is whole.

        Args:
            path: The path, with parameters as ``{name}`` or ``{name:converter}``.
            **options: ``name``, ``dependencies`` and ``tags`` of the route; ``status_code`` of what the handler
                returns; ``cancel_on_disconnect``, whether to cancel the handler, which must be ``async def``, when its
                client leaves; and limits of this route by name, such as ``max_body_size``. Other limits are the
                application's. A client that has ended its side of the connection counts as having left.

        Returns:
            A decorator that returns the handler unchanged.

        Raises:
            RouteError: The path, the handler's signature or a setting is not valid, or the path has a handler already.
            TypeError: An unknown keyword.
        """
        return self._one_method("get", path, options)

    def post(self, path: str, **options: Unpack[HttpRouteOptions]) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for POST requests."""
        return self._one_method("post", path, options)

    def put(self, path: str, **options: Unpack[HttpRouteOptions]) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for PUT requests."""
        return self._one_method("put", path, options)

    def patch(self, path: str, **options: Unpack[HttpRouteOptions]) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for PATCH requests."""
        return self._one_method("patch", path, options)

    def delete(self, path: str, **options: Unpack[HttpRouteOptions]) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for DELETE requests."""
        return self._one_method("delete", path, options)

    def head(self, path: str, **options: Unpack[HttpRouteOptions]) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for HEAD requests."""
        return self._one_method("head", path, options)

    def options(self, path: str, **options: Unpack[HttpRouteOptions]) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for OPTIONS requests."""
        return self._one_method("options", path, options)

    def _one_method(self, method: str, path: str, options: HttpRouteOptions) -> Callable[[_H], _H]:
        refuse_function_as_path(method, path)
        habits.refuse_unknown(method, options, HttpRouteOptions.__annotations__)
        return self._decorate([method], path, options)

    def _decorate(
        self, methods: list[str] | None, path: str, options: HttpRouteOptions | WebSocketRouteOptions
    ) -> Callable[[_H], _H]:
        def register(handler: _H) -> _H:
            self._register(Registration(methods, path, handler, options.items()))
            return handler

        return register
