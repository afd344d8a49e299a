"""``ProAPI``: the routes, settings and lifespan of an application, and the ways to serve it."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from ._core import habits, server_tasks
from ._core.binding import TlsOptions, WebSocketConnection, serving
from ._core.decorators import RouteDecorators
from ._core.exception_handlers import Function as ExceptionFunction
from ._core.exception_handlers import Key as ExceptionKey
from ._core.hooks import Hooks
from ._core.middleware_chain import Kind as MiddlewareKind
from ._core.middleware_chain import Middleware
from ._core.names import find_name, is_async
from ._core.registration import Registration, read_dependencies
from ._core.resolver import Resolver
from ._core.route_table import RouteTable
from ._serving import run
from ._serving.lifespan import Lifespan, require_function
from ._serving.options import AccessLogFormat, Listen, read_access_log, read_listen, read_options
from ._serving.running import Serving
from ._serving.server import Addresses, Server, open_sockets
from ._serving.tls import File, Files, read_tls_options
from .asgi import AsgiFront, Receive, Scope, Send
from .datastructures import State
from .middleware import CORS
from .request import Request
from .router import Router, router_routes
from .routing import Route, StaticRoute, WebSocketRoute
from .settings import Settings

_H = TypeVar("_H", bound=Callable[..., Any])
_T = TypeVar("_T")

_COUNTS = ("accepted", "refused", "open", "http", "websockets", "send_queued_bytes", "partial_bytes")


class ProAPI(RouteDecorators):
    """A real-time web application: its routes, settings and lifespan, and the ways to serve it.

    ``settings`` are limits by name: ``ProAPI(max_message_size=4 * 1024 * 1024)``.
    """

    def __init__(
        self,
        *,
        lifespan: Callable[["ProAPI"], AbstractAsyncContextManager[Any]] | None = None,
        response_headers: Mapping[str, str] | None = None,
        cors: CORS | None = None,
        dependencies: Sequence[Any] = (),
        exception_handlers: Mapping[ExceptionKey, ExceptionFunction] | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        """Creates an application without routes.

        Args:
            lifespan: A function that takes the application and returns an async context manager. The context is entered
                before the application serves and exited afterwards. A dict that it yields is what ``request.state`` and
                ``websocket.state`` begin with.
            response_headers: Fields to add to every response that does not have them already: responses of handlers,
                files, the engine's own refusals and the answers to handshakes. ``proapi.SECURITY_HEADERS`` is a good
                start.
            cors: Which pages of other origins may read the responses. It acts on the same responses, and answers every
                preflight. With ``allow_credentials``, its ``allow_origins`` is the default of ``allowed_origins``.
            dependencies: ``Depends(...)`` of what runs before every handler and whose result no handler takes.
            exception_handlers: Functions by class or status, as for ``add_exception_handler``.
            **settings: Application-wide limits by name, as for ``configure``.

        Raises:
            ValueError: A setting does not exist or is out of range, or a response can't have one of the fields.
            TypeError: ``lifespan`` is not callable, ``cors`` is not a CORS, a dependency is not ``Depends(function)``,
                or ``add_exception_handler`` raises it.
        """
        self._dependencies = read_dependencies("ProAPI", dependencies)
        self._routes = RouteTable()
        self._hooks = Hooks(self._routes.site)
        self.state = State()
        """The application's own attributes, such as ``app.state.database = database``. Each worker has its own."""
        self.dependency_overrides: dict[Callable[..., Any], Callable[..., Any]] = {}
        """What is called instead of a dependency, for tests: ``app.dependency_overrides[session] = fake_session``."""
        self._resolver = Resolver(self)
        self.lifespan = Lifespan(self, lifespan)
        self.servers: set[Server] = set()
        self.tasks: list[server_tasks.AppTask] = []
        """What ``task`` has registered."""
        self.background: list[server_tasks.ServerTasks] = []
        self._asgi: AsgiFront | None = None
        if cors is not None:
            self._add_cors(cors, settings)
        self.configure(**settings)
        if response_headers:
            self._routes.site.add_response_headers(list(response_headers.items()))
        for key, function in (exception_handlers or {}).items():
            self.add_exception_handler(key, function)

    if not TYPE_CHECKING:  # a type checker would accept any name

        def __getattr__(self, name: str) -> Any:
            habits.refuse_attribute(self, name, habits.APP)

    def _add_cors(self, cors: CORS, settings: Settings) -> None:
        if not isinstance(cors, CORS):
            raise TypeError(f"cors: expected CORS(allow_origins=[...]), got {cors!r}")
        self._routes.site.add_cors(cors._rules)
        settings.setdefault("allowed_origins", cors._rules.websocket_origins)

    # ---- settings and lifespan ----

    @property
    def routes(self) -> list[Route | WebSocketRoute | StaticRoute]:
        """The routes, in the order in which they were added. A copy: changing the list changes no route."""
        return list(self._routes.routes)

    def configure(self, **settings: Unpack[Settings]) -> None:
        """Sets application-wide limits by name.

        Args:
            **settings: Limits by name; times in seconds or as ``timedelta``.

        Raises:
            ValueError: A setting does not exist, is out of range or contradicts another. No setting has changed then.
        """
        habits.refuse_settings(settings)
        self._routes.configure(settings)

    @property
    def limits(self) -> dict[str, float]:
        """Every limit in effect, by name; times in seconds."""
        return self._routes.site.effective_settings()

    @property
    def counts(self) -> dict[str, Any]:
        """Counters of the servers that this process itself runs. Each reading visits every connection.

        - ``accepted``, ``refused``: connections since the start.
        - ``open``: connections that are open now; of these, ``http`` and ``websockets``.
        - ``send_queued_bytes``: octets that handlers have sent and the kernel has not taken yet.
        - ``partial_bytes``: octets of requests and messages that are not complete yet and no handler has taken.
        - ``closed``: WebSockets that have been closed, by close code.
        """
        total: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
        closed: Counter[int] = Counter()
        for server in self.servers:
            counts = server.engine.counts
            closed.update(counts.pop("closed"))
            total.update(counts)
        return {**total, "closed": dict(closed)}

    def on_startup(self, function: _H) -> _H:
        """Decorator: registers a function to call before the application serves.

        Args:
            function: Takes no arguments; may be ``async def``.

        Returns:
            ``function``.

        Raises:
            TypeError: ``function`` is not callable.
        """
        require_function("on_startup", function)
        self.lifespan.startup.append(function)
        return function

    def on_shutdown(self, function: _H) -> _H:
        """Decorator: registers a function to call after the application has served.

        The function that was registered last is called first.

        Args:
            function: Takes no arguments; may be ``async def``.

        Returns:
            ``function``.

        Raises:
            TypeError: ``function`` is not callable.
        """
        require_function("on_shutdown", function)
        self.lifespan.shutdown.append(function)
        return function

    @overload
    def task(self, function: _H, /) -> _H: ...
    @overload
    def task(self, /, *, name: str | None = None, restart: bool = False) -> Callable[[_H], _H]: ...
    def task(self, function: Any = None, /, *, name: str | None = None, restart: bool = False) -> Any:
        """Decorator: registers an ``async def`` function without parameters that runs while the application serves.

        It begins after the start-up functions, in each worker, and is cancelled at the stop, once no handler runs any
        more and before the shutdown functions. If it fails, the exception is logged with its name. Under an ASGI
        server it begins with the lifespan.

        Args:
            function: The function, if the decorator is written without parentheses.
            name: The task's name. None: that of the function.
            restart: Whether to call it again when it fails, after a pause of 1 s that doubles up to 60 s.

        Returns:
            The function.

        Raises:
            TypeError: The function is not ``async def``.
        """

        def register(given: Any) -> Any:
            if not callable(given) or not is_async(given):
                raise TypeError(f"app.task: expected an 'async def' function, got {given!r}")
            self.tasks.append(server_tasks.AppTask(given, name or find_name(given), restart))
            return given

        return register if function is None else register(function)

    def spawn(self, coroutine: Coroutine[Any, Any, _T], *, name: str | None = None) -> asyncio.Task[_T]:
        """Starts a task that belongs to no connection, for example one that sends to every player, on the loop that
        serves.

        The application keeps the task alive. If the task fails, the application logs the exception with its traceback
        and the task's name. The task ends with the server: it is cancelled once no handler runs any more, before the
        shutdown functions. It has the context variables of start-up.

        Args:
            coroutine: What the task runs.
            name: The task's name. None: the name of the coroutine's function.

        Returns:
            The task.

        Raises:
            TypeError: ``coroutine`` is not a coroutine.
            RuntimeError: The running loop does not serve the application, or no loop runs in this thread. The text says
                what to do.
        """
        dispatcher = serving.get(None)
        servers = self.background if self._asgi is None else [*self.background, self._asgi.dispatcher.background]
        preferred = None if dispatcher is None else dispatcher.background
        return server_tasks.spawn(servers, preferred, coroutine, name)

    @overload
    def resolve(
        self, dependency: type[_T], connection: Request | WebSocketConnection | None = None
    ) -> AbstractAsyncContextManager[_T]: ...
    @overload
    def resolve(
        self,
        dependency: Callable[..., AsyncIterator[_T]] | Callable[..., Iterator[_T]] | Callable[..., Awaitable[_T]],
        connection: Request | WebSocketConnection | None = None,
    ) -> AbstractAsyncContextManager[_T]: ...
    @overload
    def resolve(
        self, dependency: Callable[..., _T], connection: Request | WebSocketConnection | None = None
    ) -> AbstractAsyncContextManager[_T]: ...
    def resolve(self, dependency: Any, connection: Any = None) -> AbstractAsyncContextManager[Any]:
        """``async with app.resolve(session) as db:`` runs a dependency, and what it depends on, for the block.

        A parameter ``Depends(session)`` of a WebSocket handler is held until the handler ends, perhaps for hours; this
        holds it for one message. Each dependency is called once for the block, and shares nothing with the handler's
        own. ``dependency_overrides`` applies. The rests of generators run at the end of the block, in reverse order; an
        exception that leaves the block is raised at their ``yield``.

        The signatures of the last 128 dependencies are remembered: pass a function that was defined once.

        Args:
            dependency: As for ``Depends``.
            connection: Whose path, query, headers and so on the dependencies take. None: they take none of these.

        Returns:
            An async context manager, to be entered once. Entering raises what a dependency raises, and
                RequestValidationError if the client's values are missing or wrong.

        Raises:
            TypeError: ``dependency`` is not callable, its signature is not possible, or it needs a connection and
                ``connection`` is None.
        """
        return self._resolver.resolve(dependency, connection)

    # ---- around the handlers ----

    def _add_middleware(self, middleware: Middleware, kinds: tuple[MiddlewareKind, ...]) -> None:
        self._hooks.add_middleware(middleware, kinds)

    def exception_handler(self, exc_class_or_status_code: ExceptionKey) -> Callable[[_H], _H]:
        """Decorator: registers ``def`` or ``async def handler(request, error)``, which answers exceptions of handlers.

        Its result is the response, as a handler's. The handler of the nearest class answers; of an HTTPException, that
        of its status before that of HTTPException. That of ``Exception`` or else of 500 answers what no other does;
        the exception is logged nevertheless.

        The handler of a status, or of HTTPException, also answers the engine's own refusals, such as 404, 405, 413 and
        426; ``error`` is then an HTTPException with ``status_code``, ``detail`` and ``headers``. A handler of a
        WebSocket that fails before ``accept()`` is refused with the response; the first argument is then the
        connection. If an exception handler fails, the response is a 500.

        Args:
            exc_class_or_status_code: A subclass of Exception, or a status from 400 to 599.

        Returns:
            A decorator that returns the function unchanged.

        Raises:
            TypeError: The key is neither, or the function does not take two arguments.
            ValueError: No refusal has the status.
            RuntimeError: The application has served.
        """

        def register(function: _H) -> _H:
            self.add_exception_handler(exc_class_or_status_code, function)
            return function

        return register

    def add_exception_handler(self, exc_class_or_status_code: ExceptionKey, handler: ExceptionFunction) -> None:
        """As ``exception_handler``, without a decorator."""
        self._hooks.add_exception_handler(exc_class_or_status_code, handler)

    # ---- routes ----

    def _register(self, registration: Registration) -> None:
        if registration.middleware:
            self._hooks.note_middleware_of_routes()
        self._routes.add(registration.below("", self._dependencies, ()))

    def include_router(
        self, router: Router, prefix: str = "", *, dependencies: Sequence[Any] = (), tags: Sequence[str] = ()
    ) -> None:
        """Adds the routes of a router to those of the application.

        Args:
            router: The router. It takes no more routes afterwards.
            prefix: A path that begins with "/" and does not end with one, to put before all paths of the router.
            dependencies: ``Depends(...)`` of what runs before every handler of the router.
            tags: More tags for every route, for documents.

        Raises:
            RouteError: A route can't be added. The text names its handler's file and line.
            ValueError: The prefix is not valid.
            TypeError: ``router`` is not a Router, or a dependency is not ``Depends(function)``.
            RuntimeError: The router has middleware, and the application has served.
        """
        for registration in router_routes(router, prefix, dependencies, tags):
            self._register(registration)

    def url_path_for(self, name: str, /, **path_params: Any) -> str:
        """Returns the path of a route, percent-encoded.

        Args:
            name: The route's name: ``name=`` of its decorator, or else the handler's.
            **path_params: A value for each parameter of the path.

        Raises:
            NoMatchFound: No route has that name and these parameters, or a value does not fit its converter.
        """
        return self._routes.url_path_for(name, path_params)

    def static(self, path: str, directory: str | os.PathLike[str], *, dot_files: bool = False) -> None:
        """Serves the files below ``directory`` at ``path``; for a directory, its index.html.

        Args:
            path: Where the files are served; a path without parameters.
            directory: The directory of the files.
            dot_files: Whether to serve names that begin with a dot, such as ``.env`` or ``.git/config``. Otherwise they
                get a 404; a ``.well-known`` in ``directory`` itself is always served.

        Raises:
            RouteError: The path or the directory is not valid, or the path has a handler already.
        """
        self._routes.add_files(path, directory, dot_files=dot_files)

    # ---- serving ----

    async def serve(
        self,
        host: str | Iterable[str] | None = None,
        port: int | None = None,
        *,
        uds: str | os.PathLike[str] | None = None,
        uds_mode: int = 0o666,
        fd: int | None = None,
        reuse_port: bool = False,
        access_log: bool | AccessLogFormat = False,
        on_listening: Callable[[Addresses], object] | None = None,
        ssl_certfile: Files | None = None,
        ssl_keyfile: Files | None = None,
        ssl_keyfile_password: str | None = None,
        ssl_ca_certs: File | None = None,
        ssl_cert_reqs: int | None = None,
        ssl_ciphers: str | None = None,
    ) -> None:
        """Serves as a guest of the running loop until cancelled, then stops gracefully.

        Prints nothing and leaves signals and logging alone. To go on with other work while serving, use ``serving()``:
        it returns when the server listens, or raises.

        The server listens on all that is given: with ``uds`` or ``fd``, on hosts only if ``host`` or ``port`` is given
        too. If none of the four is given, it takes the sockets that systemd has passed to this process (LISTEN_PID,
        LISTEN_FDS), if any.

        Args:
            host: A name or an address, or several; "" and "::" are every address, IPv4 and IPv6. None: PROAPI_HOST, or
                else 127.0.0.1.
            port: A number; 0 is any free port. None: PROAPI_PORT, or else 8000.
            uds: The path of a Unix socket, at most 107 octets; "@name" is a name in Linux' abstract namespace. A file
                that a dead server has left behind is replaced. The file is removed when the server stops.
            uds_mode: The permissions of that file.
            fd: The descriptor of a TCP or Unix socket that listens already. It stays open.
            reuse_port: Whether other processes of this user may listen on the same port.
            access_log: As for ``run``, but False is the default.
            on_listening: A function, async or not, that is called with the addresses when the server listens: a list of
                (host, port); a Unix socket is ("unix:/run/app.sock", 0).
            ssl_certfile: As for ``run``, like the other ``ssl_*``.
            ssl_keyfile: As for ``run``.
            ssl_keyfile_password: As for ``run``.
            ssl_ca_certs: As for ``run``.
            ssl_cert_reqs: As for ``run``.
            ssl_ciphers: As for ``run``.

        Raises:
            OSError: The address can't be listened on.
            ValueError: An argument is not valid, or a file of the certificates can't be used.
        """
        listen = read_listen(host, port, uds=uds, uds_mode=uds_mode, fd=fd, reuse_port=reuse_port)
        tls = read_tls_options(
            ssl_certfile, ssl_keyfile, ssl_keyfile_password, ssl_ca_certs, ssl_cert_reqs, ssl_ciphers
        )
        await self._serve(listen, access_log, tls, on_listening)

    async def _serve(
        self,
        listen: Listen,
        access_log: bool | AccessLogFormat,
        tls: TlsOptions | None,
        on_listening: Callable[[Addresses], object] | None,
    ) -> None:
        server = Server(self, read_access_log(access_log), tls)
        await server.serve(lambda: open_sockets(self, listen), on_listening=on_listening)

    def serving(
        self,
        host: str | Iterable[str] | None = None,
        port: int | None = None,
        *,
        uds: str | os.PathLike[str] | None = None,
        uds_mode: int = 0o666,
        fd: int | None = None,
        reuse_port: bool = False,
        access_log: bool | AccessLogFormat = False,
        ssl_certfile: Files | None = None,
        ssl_keyfile: Files | None = None,
        ssl_keyfile_password: str | None = None,
        ssl_ca_certs: File | None = None,
        ssl_cert_reqs: int | None = None,
        ssl_ciphers: str | None = None,
    ) -> Serving:
        """``async with app.serving(port=0) as server:`` serves in the running loop while the block runs.

        The block begins when the server listens; ``server.url``, ``server.port`` and ``server.addresses`` say where. At
        the end of the block the server stops gracefully; an exception raised in the block propagates. If the server
        ends before the block does, for example because the lifespan fails, the block is cancelled and the server's
        exception is raised.

        Args:
            host: As for ``serve``.
            port: As for ``serve``.
            uds: As for ``serve``.
            uds_mode: As for ``serve``.
            fd: As for ``serve``.
            reuse_port: As for ``serve``.
            access_log: As for ``serve``.
            ssl_certfile: As for ``run``, like the other ``ssl_*``.
            ssl_keyfile: As for ``run``.
            ssl_keyfile_password: As for ``run``.
            ssl_ca_certs: As for ``run``.
            ssl_cert_reqs: As for ``run``.
            ssl_ciphers: As for ``run``.

        Returns:
            An async context manager, to be entered once. Entering raises OSError if the address can't be listened on,
                or what a start-up function has raised.

        Raises:
            ValueError: One of the arguments is not valid.
        """
        read_access_log(access_log)
        listen = read_listen(host, port, uds=uds, uds_mode=uds_mode, fd=fd, reuse_port=reuse_port)
        tls = read_tls_options(
            ssl_certfile, ssl_keyfile, ssl_keyfile_password, ssl_ca_certs, ssl_cert_reqs, ssl_ciphers
        )
        return Serving(
            lambda on_listening: self._serve(listen, access_log, tls, on_listening), is_secure=tls is not None
        )

    def run(
        self,
        host: str | Iterable[str] | None = None,
        port: int | None = None,
        *,
        uds: str | os.PathLike[str] | None = None,
        uds_mode: int = 0o666,
        fd: int | None = None,
        reuse_port: bool = False,
        fast: bool = False,
        workers: int = 1,
        loop: Literal["asyncio", "uvloop"] = "asyncio",
        access_log: bool | AccessLogFormat | None = None,
        ssl_certfile: Files | None = None,
        ssl_keyfile: Files | None = None,
        ssl_keyfile_password: str | None = None,
        ssl_ca_certs: File | None = None,
        ssl_cert_reqs: int | None = None,
        ssl_ciphers: str | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        """Serves until Ctrl-C or SIGTERM.

        If handlers or threads still run after ``shutdown_timeout``, the process ends with status 0 and this call does
        not return.

        Args:
            host: As for ``serve``.
            port: As for ``serve``.
            uds: As for ``serve``.
            uds_mode: As for ``serve``.
            fd: As for ``serve``.
            reuse_port: As for ``serve``.
            fast: Whether the engine drives the event loop itself. Not with uvloop.
            workers: How many processes serve.
            loop: The event loop to serve on.
            access_log: Whether to log a line for each request and two for each WebSocket, at INFO of the logger
                ``proapi.access``. True or ``"common"``: in the Common Log Format. ``"json"``: a JSON object a line.
                None: what PROAPI_ACCESS_LOG says (``off``, ``common``, ``json``), or else ``"common"``.
            ssl_certfile: The PEM file of the certificate, followed by the intermediate ones: serves over TLS (https and
                wss). Of several files, the one whose names include the host that the client asks for (SNI) is used, or
                else the first. Files that change are loaded again, and all of them at SIGHUP; if they are not usable,
                the old certificates stay in use, and an ERROR line says why. None: the file in PROAPI_SSL_CERTFILE,
                with the key in PROAPI_SSL_KEYFILE, or else plain HTTP.
            ssl_keyfile: The PEM file of the certificate's private key; of several certificates, in the same order.
                None: the key is in the certificate's file.
            ssl_keyfile_password: The password of encrypted keys.
            ssl_ca_certs: The PEM file of the authorities that sign the certificates of clients.
            ssl_cert_reqs: Whether clients must present a certificate: ``ssl.CERT_NONE``, ``CERT_OPTIONAL`` or
                ``CERT_REQUIRED``. None: required if ``ssl_ca_certs`` is given. Handlers find it in
                ``client_certificate``.
            ssl_ciphers: The ciphers of TLS 1.2, in OpenSSL's notation. None: those with forward secrecy and
                authenticated encryption. TLS 1.3 has its own.
            **settings: As for ``configure``.

        Raises:
            SystemExit: An address is in use or an option is not valid: status 1, after one line on stderr.
            RuntimeError: A loop is already running in this thread.
        """
        run.refuse_running_loop()
        try:
            self.configure(**settings)
            listen = read_listen(host, port, uds=uds, uds_mode=uds_mode, fd=fd, reuse_port=reuse_port)
            tls = read_tls_options(
                ssl_certfile, ssl_keyfile, ssl_keyfile_password, ssl_ca_certs, ssl_cert_reqs, ssl_ciphers
            )
            options = read_options(listen, fast=fast, workers=workers, loop=loop, access_log=access_log, tls=tls)
        except ValueError as error:
            run.fail(str(error))
        run.run(self, options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI 3 interface, for other servers: ``uvicorn main:app``."""
        front = self._asgi
        if front is None or front.loop is not asyncio.get_running_loop():
            front = self._asgi = AsgiFront(self)
        await front.serve(scope, receive, send)
        if scope["type"] == "lifespan":  # a later lifespan starts afresh
            self._asgi = None
