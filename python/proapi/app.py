"""``ProAPI``: an application's routes, settings and lifespan, and the ways to serve it."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal, Never, TypeVar, Unpack

from ._core import background, habits
from ._core.binding import serving
from ._serving import run
from ._serving.lifespan import Lifespan, require_function
from ._serving.options import AccessLogFormat, read_options
from ._serving.running import Serving
from ._serving.server import Addresses, Server
from .asgi import AsgiFront, Receive, Scope, Send
from .datastructures import State
from .routing import RouteTable, refuse_function_as_path
from .settings import RouteSettings, Settings

_H = TypeVar("_H", bound=Callable[..., Any])
_T = TypeVar("_T")

_COUNTS = ("accepted", "refused", "open", "http", "websockets", "send_queued_bytes", "partial_bytes")


class ProAPI:
    """A real-time web application. ``settings`` are limits by name: ``ProAPI(max_message_size=4 * 1024 * 1024)``."""

    def __init__(
        self,
        *,
        lifespan: Callable[["ProAPI"], AbstractAsyncContextManager[Any]] | None = None,
        response_headers: Mapping[str, str] | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        """An application without routes.

        Args:
            lifespan: ``lifespan(app)`` returns an async context manager that is entered before the application serves
                and left after.
            response_headers: Fields for every response that does not have them already: handlers', files, the
                engine's own refusals and the answers to handshakes. ``proapi.SECURITY_HEADERS`` is a good beginning.

        Raises:
            ValueError: A setting that does not exist or is out of range, or a field that no response can have.
        """
        self.routes = RouteTable()
        self.state = State()
        """Attributes of the application's own, as ``app.state.database = database``; each worker has its own."""
        self.lifespan = Lifespan(self, lifespan)
        self.servers: set[Server] = set()
        self.background: list[background.BackgroundTasks] = []
        self._asgi: AsgiFront | None = None
        self.configure(**settings)
        if response_headers:
            self.routes.site.add_response_headers(list(response_headers.items()))

    if not TYPE_CHECKING:  # a type checker would take any name

        def __getattr__(self, name: str) -> Any:
            habits.refuse_attribute(self, name, habits.APP)

    # ---- settings and lifespan ----

    def configure(self, **settings: Unpack[Settings]) -> None:
        """Sets application-wide limits by name. ValueError: one of them can't be, and none was set."""
        habits.refuse_settings(settings)
        self.routes.configure(settings)

    @property
    def limits(self) -> dict[str, float]:
        """Every limit in effect, by name; times in seconds."""
        return self.routes.site.effective_settings()

    @property
    def counts(self) -> dict[str, Any]:
        """What this process's own servers count: connections ``accepted`` and ``refused`` since the start, ``open``
        now, of these ``http`` and ``websockets``; ``send_queued_bytes`` that handlers have sent and the kernel has not
        taken, ``partial_bytes`` of requests and messages that have not ended; WebSockets ``closed``, by code. It costs
        a step for each connection."""
        total: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
        closed: Counter[int] = Counter()
        for server in self.servers:
            counts = server.engine.counts
            closed.update(counts.pop("closed"))
            total.update(counts)
        return {**total, "closed": dict(closed)}

    def on_startup(self, function: _H) -> _H:
        """Decorator: called, async or not, before the application serves."""
        require_function("on_startup", function)
        self.lifespan.startup.append(function)
        return function

    def on_shutdown(self, function: _H) -> _H:
        """Decorator: called, async or not, after the application has served; the last registered first."""
        require_function("on_shutdown", function)
        self.lifespan.shutdown.append(function)
        return function

    def spawn(self, coroutine: Coroutine[Any, Any, _T], *, name: str | None = None) -> asyncio.Task[_T]:
        """Starts a task that belongs to no connection, on the loop that serves: a loop that tells every player, say.

        The application keeps it alive and logs what it fails by, with ``name`` (by default the function's) and the
        traceback. It ends with the server: it is cancelled when no handler runs any more, before the shutdown
        functions. It has the context variables of start-up.

        TypeError: no coroutine. RuntimeError: called where the application is not served; the text says what to do.
        """
        dispatcher = serving.get(None)
        servers = self.background if self._asgi is None else [*self.background, self._asgi.dispatcher.background]
        preferred = None if dispatcher is None else dispatcher.background
        return background.spawn(servers, preferred, coroutine, name)

    # ---- routes ----

    def websocket(
        self, path: str, *, cancel_on_disconnect: bool = False, **settings: Unpack[RouteSettings]
    ) -> Callable[[_H], _H]:
        """Decorator: ``async def handler(websocket, <path parameters>)``; ``settings`` are limits of this
        route. ``cancel_on_disconnect``: the handler is cancelled when the connection is closed by anything but its own
        ``close()``, whatever it waits for. RouteError: a path, signature or setting that can't be."""
        refuse_function_as_path("websocket", path)
        habits.refuse_keywords("websocket", settings, habits.WEBSOCKET)

        def register(handler: _H) -> _H:
            self.routes.add_websocket(path, handler, settings, cancel_on_disconnect=cancel_on_disconnect)
            return handler

        return register

    def route(
        self, path: str, methods: Iterable[str] = ("GET",), *, cancel_on_disconnect: bool = False, **unknown: Never
    ) -> Callable[[_H], _H]:
        """Decorator: ``def`` or ``async def handler(request, <path parameters>)`` for requests of these
        methods. ``cancel_on_disconnect``: as ``get``. RouteError: a path or signature that can't be."""
        refuse_function_as_path("route", path)
        habits.refuse_unknown("route", unknown)
        wanted = [methods] if isinstance(methods, str) else list(methods)
        return self._route(path, wanted, cancel_on_disconnect=cancel_on_disconnect)

    def get(self, path: str, *, cancel_on_disconnect: bool = False, **unknown: Never) -> Callable[[_H], _H]:
        """Decorator: ``def`` or ``async def handler(request, <path parameters>)``, the request optional.
        Serves HEAD too. ``cancel_on_disconnect``: an ``async def`` handler is cancelled when its client leaves, and one
        that ends its side of the connection has left. RouteError: a path or signature that can't be."""
        return self._route_method("get", path, unknown, cancel_on_disconnect=cancel_on_disconnect)

    def post(self, path: str, *, cancel_on_disconnect: bool = False, **unknown: Never) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for POST requests."""
        return self._route_method("post", path, unknown, cancel_on_disconnect=cancel_on_disconnect)

    def put(self, path: str, *, cancel_on_disconnect: bool = False, **unknown: Never) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for PUT requests."""
        return self._route_method("put", path, unknown, cancel_on_disconnect=cancel_on_disconnect)

    def patch(self, path: str, *, cancel_on_disconnect: bool = False, **unknown: Never) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for PATCH requests."""
        return self._route_method("patch", path, unknown, cancel_on_disconnect=cancel_on_disconnect)

    def delete(self, path: str, *, cancel_on_disconnect: bool = False, **unknown: Never) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for DELETE requests."""
        return self._route_method("delete", path, unknown, cancel_on_disconnect=cancel_on_disconnect)

    def head(self, path: str, *, cancel_on_disconnect: bool = False, **unknown: Never) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for HEAD requests."""
        return self._route_method("head", path, unknown, cancel_on_disconnect=cancel_on_disconnect)

    def options(self, path: str, *, cancel_on_disconnect: bool = False, **unknown: Never) -> Callable[[_H], _H]:
        """Decorator, as ``get``, for OPTIONS requests."""
        return self._route_method("options", path, unknown, cancel_on_disconnect=cancel_on_disconnect)

    def _route_method(
        self, method: str, path: str, unknown: Iterable[str], *, cancel_on_disconnect: bool
    ) -> Callable[[_H], _H]:
        refuse_function_as_path(method, path)
        habits.refuse_unknown(method, unknown)
        return self._route(path, [method], cancel_on_disconnect=cancel_on_disconnect)

    def _route(self, path: str, methods: list[str], *, cancel_on_disconnect: bool) -> Callable[[_H], _H]:
        def register(handler: _H) -> _H:
            self.routes.add(methods, path, handler, cancel_on_disconnect=cancel_on_disconnect)
            return handler

        return register

    def static(self, path: str, directory: str | os.PathLike[str], *, dot_files: bool = False) -> None:
        """Serves the files below ``directory`` at ``path``; a directory stands for its index.html.

        What begins with a dot, such as ``.env`` or ``.git/config``, is a 404 unless ``dot_files``; a ``.well-known`` in
        ``directory`` itself is served. RouteError: a path or directory that can't be.
        """
        self.routes.add_files(path, directory, dot_files=dot_files)

    # ---- serving ----

    async def serve(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        share_port: bool = False,
        access_log: bool | AccessLogFormat = False,
        on_listening: Callable[[Addresses], object] | None = None,
    ) -> None:
        """Serves as a guest of the running loop until cancelled, then stops gracefully; port 0 is any free one, told to
        ``on_listening``, async or not. OSError: it can't listen there. Prints nothing, leaves signals and logging
        alone. Who goes on beside it wants ``serving()``: that returns when the server listens, or raises."""
        options = read_options(host, port, access_log=access_log)
        await Server(self, options.access_log).serve(
            options.host, options.port, share_port=share_port, on_listening=on_listening
        )

    def serving(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        share_port: bool = False,
        access_log: bool | AccessLogFormat = False,
    ) -> Serving:
        """``async with app.serving(port=0) as server:`` serves in the running loop while the block runs.

        The block begins when the server listens: ``server.url``, ``server.port``, ``server.addresses``. Its end stops
        the server gracefully; an exception of the block's goes on. If the server ends before its block (the lifespan
        fails, say), the block is cancelled and the server's exception raised.

        Raises, when entered: what a start-up function raises; OSError: it can't listen there. ValueError: no host or
        port.
        """
        options = read_options(host, port, access_log=access_log)

        async def serve(on_listening: Callable[[Addresses], object]) -> None:
            await Server(self, options.access_log).serve(
                options.host, options.port, share_port=share_port, on_listening=on_listening
            )

        return Serving(serve)

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        fast: bool = False,
        workers: int = 1,
        loop: Literal["asyncio", "uvloop"] = "asyncio",
        access_log: bool | AccessLogFormat | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        """Serves until Ctrl-C or SIGTERM.

        Does not return, but ends the process with status 0, if handlers or threads go on beyond ``shutdown_timeout``.

        Args:
            fast: The engine drives the event loop itself.
            workers: How many processes.
            access_log: A line for each request and two for each WebSocket, at INFO of the logger ``proapi.access``.
                True or ``"common"``: the Common Log Format. ``"json"``: an object a line. None: as PROAPI_ACCESS_LOG
                says (``off``, ``common``, ``json``), then ``"common"``.

        Raises:
            SystemExit: A busy port or a bad option: status 1, after one line on stderr.
            RuntimeError: A loop runs already in this thread.
        """
        run.refuse_running_loop()
        try:
            self.configure(**settings)
            options = read_options(host, port, fast=fast, workers=workers, loop=loop, access_log=access_log)
        except ValueError as error:
            run.fail(str(error))
        run.run(self, options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3, for other servers: ``uvicorn main:app``."""
        front = self._asgi
        if front is None or front.loop is not asyncio.get_running_loop():
            front = self._asgi = AsgiFront(self)
        await front.serve(scope, receive, send)
        if scope["type"] == "lifespan":  # a later one begins afresh
            self._asgi = None
