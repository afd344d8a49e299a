"""The compiled engine. Only ``proapi._core.binding`` imports it; everything but ``WebSocketConnection`` is internal."""

from abc import ABCMeta
from asyncio import Future, Task
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from typing import Any, Literal, Never, TypeVar, Unpack, final, overload

from .app import ProAPI
from .datastructures import Client, Headers, QueryParams, State
from .errors import OlderStatus

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Pairs = list[tuple[str, str]]
_HeadersArgument = Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]]
_HandlerEnd = Literal["returned", "disconnected", "wrong_kind", "wrong_content", "stopped", "failed"]

class _Begun(Coroutine[Any, Any, _T_co], metaclass=ABCMeta):
    """The result of a call that acts at once and need not be awaited.

    A type of its own, because mypy reports every Coroutine that is not awaited.
    """

version: str

def register(
    *,
    headers_type: type[Headers],
    query_params_type: type[QueryParams],
    client_type: type[Client],
    state_type: type[State],
    disconnect_error: type[Exception],
    state_error: type[Exception],
    message_error: type[Exception],
    encode_json: Callable[[Any], bytes],
    decode_json: Callable[[Any, Any], Any],
    is_own_task: Callable[[WebSocketConnection], bool],
    done_future: Future[None],
) -> None:
    """Passes the package's Python types and functions to the engine, once.

    ``decode_json(data, type_or_None)`` raises ValueError for invalid JSON.
    """

def may_hide_non_finite(json: bytes) -> bool:
    """Whether msgspec may have written this JSON for a value that contains NaN or an infinity.

    msgspec writes null for such a number, and a word if it is a key or a Decimal. Also true for much other JSON.
    """

class Cors:
    """The rules of CORS. ValueError: an option can't have its value."""

    def __init__(
        self,
        *,
        allow_origins: Sequence[str],
        matches_origin: Callable[[str], object] | None,
        allow_methods: Sequence[str],
        allow_headers: Sequence[str],
        expose_headers: Sequence[str],
        max_age_s: int,
        allow_credentials: bool,
        allow_private_network: bool,
    ) -> None:
        """``matches_origin`` is asked about origins that are not listed; None is no."""
    @property
    def websocket_origins(self) -> list[str]:
        """What ``allowed_origins`` is if the application does not set it."""

class Site:
    """Routes and settings, shared by every server of one application."""

    def __init__(self) -> None: ...
    def set(self, name: str, value: str) -> None:
        """Sets an application-wide setting; times in seconds. ValueError says what was expected."""
    def check_settings(self) -> None:
        """Call after the last ``set``. ValueError: settings contradict each other, here or in a route."""
    def effective_settings(self) -> dict[str, float]: ...
    def allowed_origins(self) -> list[str]: ...
    def allowed_hosts(self) -> list[str]: ...
    def trusted_proxies(self) -> list[str]: ...
    def proxy_protocol(self) -> bool: ...
    def add_route(
        self, method: str | None, pattern: str, settings: Mapping[str, str], *, whole_body: bool = ...
    ) -> int:
        """Adds a route (``method`` None: a WebSocket route) and returns its number: 0, 1, 2, ...

        With ``whole_body`` the handler is called when the request's body is whole, otherwise as soon as its head has
        arrived.

        Settings that the route leaves unset follow the application's, later changes included. ValueError: the pattern
        or a setting is not valid, or the route exists already. Nothing was added then.
        """
    def add_files(self, pattern: str, directory: str, *, dot_files: bool) -> int:
        """Serves the files below ``directory``.

        The pattern has at most one parameter, of kind ``path``. Names that begin with a dot need ``dot_files``.
        """
    def add_response_headers(self, fields: _Pairs) -> None:
        """Adds fields to every response that does not have them. ValueError: a response can't contain one of them."""
    def answer_refusals(self, statuses: Sequence[int]) -> None:
        """From now on the application answers refusals with these statuses, 400 to 599, in the engine's place, in
        addition to those of earlier calls."""
    def pass_files_to_application(self) -> None:
        """From now on requests for files are passed to the application, which responds with ``find_file``."""
    def find_file(self, request: RequestInfo) -> FoundFile:
        """Returns what a request that matched a route of files is answered with."""
    def add_cors(self, cors: Cors) -> None:
        """Applies the rules to every response. Call it once."""
    @staticmethod
    def security_headers() -> _Pairs: ...
    def find_route(self, method: str | None, pattern: str) -> int | None:
        """Returns the number of the existing route with the same method and the same shape of path, or None."""
    @staticmethod
    def parse_pattern(pattern: str) -> list[tuple[str, str]]:
        """Returns names and converters ("str", "int", "float", "uuid", "path"). ValueError: the pattern is
        malformed."""

class FoundFile:
    """The answer to a request for a file: the file, a part of it, or text. It is sent once."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> _Pairs: ...
    @property
    def text(self) -> str:
        """The line that says why there is no file; "" if there is one."""
    @property
    def fault(self) -> str | None:
        """Why a file that may exist could not be opened."""

class RequestInfo:
    """A request, as a handler's ``Request`` reads it."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def path_params(self) -> dict[str, Any]: ...
    @property
    def headers(self) -> _Pairs: ...
    @property
    def query_params(self) -> _Pairs: ...
    @property
    def cookies(self) -> dict[str, str]: ...
    @property
    def client(self) -> Client | None: ...
    @property
    def client_certificate(self) -> str | None: ...
    @property
    def url(self) -> str: ...
    @property
    def body(self) -> bytes | None:
        """The whole body. None: it was not whole when the handler was called, and nobody has set it yet."""
    @body.setter
    def body(self, body: bytes) -> None: ...
    def take_body(self) -> bytes | None:
        """Returns ``body``, which is None afterwards."""
    @property
    def is_body_read(self) -> bool:
        """Whether ``body`` was asked for."""
    is_streamed: bool
    """Set by the ``Request`` whose ``stream()`` takes the body."""
    def parse_form(self, body: bytes, max_text: int) -> tuple[int, str, _Pairs]:
        """Parses an application/x-www-form-urlencoded body of at most ``max_text`` octets.

        Returns the status and text of the refusal (0 and "" if there is none), and the fields.
        """
    def read_form(self, max_fields: int, max_files: int, max_text: int) -> tuple[int, str, FormReader | None]:
        """Returns the status and text of a refusal (0 and "" if there is none), and what reads the body if it is
        multipart/form-data."""

class FormReader:
    """Reads a multipart/form-data body as it arrives."""

    def feed(
        self, octets: bytes, is_last: bool
    ) -> tuple[int, str, list[tuple[str, str] | tuple[str, str, str] | bytes | None]]:
        """Returns the status and text of a refusal (0 and "" if there is none), and what was read: (name, value) of a
        text field; or, of a file, (name, filename, content type), its octets in pieces, and None."""

class Exchange:
    """One HTTP request over the engine's own socket, and its response."""

    @property
    def request(self) -> RequestInfo: ...
    @property
    def refusal(self) -> tuple[int, str, _Pairs] | None:
        """Status, text and fields of what the engine would answer, if the application did not answer in its place."""
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def client_left(self) -> bool:
        """Whether the client has disconnected or ended its side. If it has only ended its side, it may still read."""
    def on_end(self, callback: Callable[[], object] | None) -> None:
        """Calls the callback once when the client disconnects, or soon if it has already. Replaces an earlier one."""
    def read_body(self) -> Awaitable[bytes | None]:
        """Waits for the next part of the request's body.

        The first call asks the client for the body. None: nothing more comes, because the body is whole or has failed
        (``body_refusal``), or because the client has left.
        """
    @property
    def is_body_whole(self) -> bool: ...
    @property
    def body_refusal(self) -> tuple[int, str] | None:
        """Status and text of the answer to a body that has failed."""
    def end_with_client(self) -> None:
        """From now on the exchange ends when the client ends its side. A stream without a length does so anyway."""
    def respond(self, status: int, headers: _Pairs, body: bytes) -> None:
        """Sends a whole response. ValueError: a header would break the framing."""
    def respond_with_file(self, status: int, headers: _Pairs, path: bytes) -> None:
        """Sends a file as the response. OSError: the file can't be opened."""
    def respond_with_found(self, status: int, headers: _Pairs, file: FoundFile) -> None: ...
    def start(self, status: int, headers: _Pairs, content_length: int | None) -> None: ...
    def write(self, data: bytes) -> Awaitable[bool]:
        """Writes a part of the body; waits while the outgoing buffer is above high water. Returns False if the client
        has disconnected."""
    def flush(self) -> Awaitable[None]:
        """Completes in the loop's next turn: what there is of the response has been written by then, or waits in the
        outgoing buffer."""
    def finish(self) -> None: ...
    def fail(self, *, stopping: bool = ...) -> None:
        """Sends a 500 if nothing was sent yet, or a 503 if ``stopping``; else cuts the connection.

        Does nothing on a finished exchange.
        """

class AsgiService:
    """The engine's service of one application on one event loop of another server (ASGI)."""

    def __init__(self, site: Site, log: Callable[[int, str], object]) -> None:
        """``log`` takes a level of ``logging`` and a line, and must limit how many lines peers can cause."""

class AsgiExchange:
    """An HTTP request or a WebSocket handshake that came through another server (ASGI), and its response."""

    def __init__(self, service: AsgiService, scope: MutableMapping[str, Any]) -> None:
        """Opens the exchange.

        Afterwards there are messages to send, or a ``route`` or ``websocket`` to serve, or the exchange takes its body.
        KeyError, TypeError: not an ASGI scope.
        """
    @property
    def takes_body(self) -> bool:
        """Whether to call ``feed``; ask again after each call."""
    def feed(self, part: bytes, more: bool) -> None: ...
    @property
    def must_wait_for_body(self) -> bool:
        """Asks for a body that the handler reads in parts. Whether to call ``feed`` or ``decode_body`` before there is
        a part."""
    def take_body_part(self) -> bytes | None:
        """Returns what was fed since the last call. None: nothing, and nothing more comes."""
    @property
    def is_body_whole(self) -> bool: ...
    @property
    def body_refusal(self) -> tuple[int, str] | None: ...
    @property
    def wants_to_decode(self) -> bool:
        """Whether to call ``decode_body``, because the body has a coding; ask again after each call."""
    def decode_body(self) -> None: ...
    def encode_file(self, part: bytes, is_last: bool) -> bytes:
        """Returns what to send for a part of the response's file, which may be nothing."""
    def end(self) -> None:
        """Call when the client has disconnected."""
    @property
    def route(self) -> int | None:
        """The number of the route whose handler must respond, or None. With a ``refusal`` it is the number after the
        last route's."""
    @property
    def websocket(self) -> WebSocketBridge | None: ...
    def take_messages(self) -> list[Any]:
        """Returns the ASGI messages to send now.

        A tuple stands for a file and ends the response: an open descriptor, which the caller must close, an offset and
        a length.
        """
    @property
    def request(self) -> RequestInfo: ...
    @property
    def refusal(self) -> tuple[int, str, _Pairs] | None:
        """Status, text and fields of what the engine would answer, if the application did not answer in its place."""
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    def respond(self, status: int, headers: _Pairs, body: bytes) -> None: ...
    def respond_with_file(self, status: int, headers: _Pairs, path: bytes) -> None: ...
    def respond_with_found(self, status: int, headers: _Pairs, file: FoundFile) -> None: ...
    def start(self, status: int, headers: _Pairs, content_length: int | None) -> None: ...
    def put(self, data: bytes) -> None:
        """Adds a part of the body to what ``take_messages`` returns."""
    def finish(self) -> None: ...
    def fail(self, *, stopping: bool = ...) -> None: ...

@final
class WebSocketConnection:
    """One WebSocket. Handlers receive it; it stays safe to keep, compare and hash after the connection has ended.

    All members belong to the event loop's thread; use ``loop.call_soon_threadsafe`` from another thread. ``accept``,
    ``close``, ``reject`` and ``send_*`` act when they are called. Each returns a coroutine that waits if there is
    something to wait for, and that need not be awaited.
    """

    def __init__(self, never: Never, /) -> None:
        """Internal: only the engine creates connections."""
    @property
    def path(self) -> str:
        """The request's path, percent-decoded. Like everything about the request, it is valid before accept() and after
        the end."""
    @property
    def path_params(self) -> dict[str, Any]:
        """The path's parameters by name, converted as the route says: str, int, float or uuid.UUID."""
    @property
    def query_params(self) -> QueryParams:
        """The query as a mapping, decoded; [] and get() return the last value of a name, getlist(name) all of them."""
    @property
    def headers(self) -> Headers:
        """The request's headers as a mapping, names in any case; [] and get() return the last value of a name,
        getlist(name) all of them."""
    @property
    def cookies(self) -> dict[str, str]:
        """The request's cookies by name."""
    @property
    def subprotocols(self) -> list[str]:
        """The subprotocols that the client offered, in its order of preference."""
    @property
    def client(self) -> Client | None:
        """Client(host, port): the peer, or whom a trusted proxy names (port 0: it names none). None for a Unix
        socket's peer, and under an ASGI server that does not report them."""
    @property
    def client_certificate(self) -> str | None:
        """The certificate that the client has proved to own, as PEM; None if it presented none (ssl_cert_reqs)."""
    @property
    def url(self) -> str:
        """The whole URL: ws://host/path?query."""
    @property
    def session(self) -> dict[str, Any]:
        """The session that the handshake's cookie has; changes of it are not kept. RuntimeError: the application has no
        SessionMiddleware."""
    def spawn(self, coroutine: Coroutine[Any, Any, _T], *, name: str | None = None) -> Task[_T]:
        """Starts a task that ends with the connection: it is cancelled when the connection has ended or its handler has.

        The application keeps the task alive and logs its failure; WebSocketDisconnect is none.

        Args:
            coroutine: What the task runs.
            name: The task's name. None: the name of the coroutine's function.

        Returns:
            The task.

        Raises:
            TypeError: ``coroutine`` is not a coroutine.
            WebSocketDisconnect: The connection has ended.
            RuntimeError: Called from a thread or a loop that does not serve the connection.
        """
    @property
    def app(self) -> ProAPI:
        """The ProAPI that serves the connection."""
    _app: ProAPI
    @property
    def state(self) -> State:
        """The application's own attributes, such as state.name = "Ada"; they live as long as this object."""
    @property
    def user_data(self) -> dict[Any, Any]:
        """The older name of state, as a dict: state.name is user_data["name"]."""
    @property
    def accepted(self) -> bool:
        """Whether accept() was called."""
    @property
    def closed(self) -> bool:
        """True from the moment no further message can be delivered: close frame sent or received, or connection
        lost."""
    @property
    def close_code(self) -> int | None:
        """Why the connection ended; None while it is not closed. 1005: the peer sent no code; 1006: lost without a
        close frame."""
    @property
    def close_reason(self) -> str | None:
        """The text that came with close_code; None while the connection is not closed."""
    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that accept() chose, or None."""
    @property
    def _is_abandoned(self) -> bool:
        """Whether the connection has ended without the handler's knowledge."""
    @property
    def buffered_amount(self) -> int:
        """How many octets wait to be sent."""
    def accept(self, subprotocol: str | None = None, headers: _HeadersArgument | None = None) -> _Begun[None]:
        """Completes the handshake.

        Args:
            subprotocol: One that the client offered. None: no subprotocol.
            headers: A mapping or pairs to send with the response.

        Raises:
            ValueError: The client did not offer the subprotocol, or the handshake can't carry a header.
            WebSocketStateError: accept() was called before.
            WebSocketDisconnect: The handshake was refused, or the peer has disconnected.
        """
    def close(self, code: int = 1000, reason: str | None = None) -> _Begun[None]:
        """Sends the close frame after everything sent before it; completes when the kernel has taken all of it.

        A second call does nothing. Before accept(), the response is a 403. The closing handshake ends in the
        background, within ``close_timeout``.

        Args:
            code: 1000-1003, 1007-1014 or 3000-4999.
            reason: At most 123 octets of UTF-8; None is "".

        Raises:
            ValueError: Another code or a longer reason. The connection stays open.
        """
    def reject(
        self,
        status_code: int = 403,
        body: str | bytes = b"",
        headers: _HeadersArgument | None = None,
        **older: Unpack[OlderStatus],
    ) -> _Begun[None]:
        """Refuses the handshake with an ordinary HTTP response.

        Args:
            status_code: 300 to 599.
            body: str or bytes.
            headers: A mapping or pairs to send with the response.
            **older: ``status``, the older name of ``status_code``.

        Raises:
            ValueError: The status is out of range, or HTTP does not allow a header.
            WebSocketStateError: accept() was called before.
            WebSocketDisconnect: As for accept().
        """
    def _end(self, end: _HandlerEnd, handler: str, error: str) -> str | None:
        """Ends the connection by how its handler ended, unless it is closed already.

        Args:
            end: How the handler ended; the close code and its reason, or the status, follow from it.
            handler: The name of the handler, for the log.
            error: Why a message was refused, for the log.

        Returns:
            The line to log at INFO. A peer can cause it at will.
        """
    def _on_disconnect(self, callback: Callable[[], object]) -> None:
        """Calls the callback when anything but the handler's own task closes the connection. Replaces an earlier one.

        The call comes from the event loop, with no handler running. Does nothing if the connection is closed already.
        """
    def wait_closed(self) -> Coroutine[Any, Any, None]:
        """Waits until the connection is gone, its closing handshake included. Raises nothing itself."""
    def receive(self) -> Coroutine[Any, Any, str | bytes]:
        """Returns the next message, str or bytes, in order.

        The message is taken when this is awaited; a cancelled receive has taken no message.

        Raises:
            WebSocketDisconnect: The connection has ended and no message is left.
            WebSocketStateError: accept() was not called yet, or another task is receiving.
        """
    def receive_text(self) -> Coroutine[Any, Any, str]:
        """Returns the next message as str.

        Raises:
            WebSocketMessageError: The message is binary. It is the error's ``data``; the next call gets the message
                after it.
            WebSocketDisconnect, WebSocketStateError: As for receive().
        """
    def receive_bytes(self) -> Coroutine[Any, Any, bytes]:
        """Returns the next message as bytes.

        Raises:
            WebSocketMessageError: The message is text. It is the error's ``data``; the next call gets the message after
                it.
            WebSocketDisconnect, WebSocketStateError: As for receive().
        """
    @overload
    def receive_json(self) -> Coroutine[Any, Any, Any]:
        """Returns the next message, text or binary, parsed as JSON.

        Args:
            type: What msgspec converts the JSON to, such as a dataclass. None: dicts and lists.

        Raises:
            WebSocketMessageError: The message is not JSON, or not of ``type``. It is the error's ``data``; the next
                call gets the message after it.
            TypeError: JSON can't be converted to ``type`` at all.
            WebSocketDisconnect, WebSocketStateError: As for receive().
        """
    @overload
    def receive_json(self, type: type[_T]) -> Coroutine[Any, Any, _T]: ...
    @overload
    def receive_json(self, type: Any) -> Coroutine[Any, Any, Any]: ...
    def send_text(self, data: str, *, compress: bool = True) -> _Begun[bool]:
        """Sends one text message.

        Awaiting it waits while more than ``high_water`` octets are buffered, until ``low_water`` is reached.

        Args:
            data: A str.
            compress: False to send the message uncompressed, whatever the route's ``compression`` is. For secrets: the
                size of a compressed message reveals what it repeats.

        Returns:
            True; False if the connection had ended and the sender is not the task of the connection's own handler.

        Raises:
            TypeError: ``data`` is of another type; nothing is sent.
            WebSocketStateError: accept() was not called yet.
            WebSocketDisconnect: The connection has ended, and the sender is the task of its own handler.
        """
    def send_bytes(self, data: bytes | bytearray | memoryview, *, compress: bool = True) -> _Begun[bool]:
        """Sends one binary message. Waits, returns and raises as send_text().

        Args:
            data: bytes, a bytearray or a memoryview.
            compress: As for send_text().
        """
    def send_json(self, data: Any, mode: Literal["text", "binary"] = "text", *, compress: bool = True) -> _Begun[bool]:
        """Sends a value as one message of compact UTF-8 JSON. Waits and returns as send_text().

        Args:
            data: What msgspec encodes, such as dataclasses and msgspec structures.
            mode: Whether to send a 'text' or a 'binary' message.
            compress: As for send_text().

        Raises:
            ValueError: NaN, Infinity, a circular value or another mode.
            TypeError: JSON can't hold the value.
            WebSocketStateError, WebSocketDisconnect: As for send_text().
        """
    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """``async for message in websocket``: str and bytes in order.

        Ends at close codes 1000, 1001 and 1005; raises WebSocketDisconnect at others.
        """
    def iter_text(self) -> AsyncIterator[str]:
        """Iterates over text messages with ``async for``; ends at close codes 1000, 1001 and 1005.

        Raises:
            WebSocketDisconnect: The connection has ended with another code.
            WebSocketMessageError: A message is binary.
        """
    def iter_bytes(self) -> AsyncIterator[bytes]:
        """Iterates over binary messages with ``async for``; ends at close codes 1000, 1001 and 1005.

        Raises:
            WebSocketDisconnect: The connection has ended with another code.
            WebSocketMessageError: A message is text.
        """
    @overload
    def iter_json(self) -> AsyncIterator[Any]:
        """Iterates over messages, parsed as by receive_json(), with ``async for``; ends at close codes 1000, 1001 and
        1005.

        Args:
            type: As for receive_json().

        Raises:
            WebSocketDisconnect: The connection has ended with another code.
            WebSocketMessageError: As for receive_json().
        """
    @overload
    def iter_json(self, type: type[_T]) -> AsyncIterator[_T]: ...
    @overload
    def iter_json(self, type: Any) -> AsyncIterator[Any]: ...

class WebSocketBridge:
    """The transport of a WebSocket whose frames another server reads and writes (ASGI). ``AsgiExchange`` creates it.

    Handlers step the server's ``receive`` and ``send`` through it; the other members are for a pump. Only ``notify()``
    steps waiting tasks.
    """

    @property
    def connection(self) -> WebSocketConnection: ...
    @property
    def route(self) -> int: ...
    def begin(
        self,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
        schedule: Callable[[], object],
        *,
        can_respond: bool,
    ) -> None:
        """Connects the bridge to the server.

        ``schedule`` is called when ``notify()`` must run soon from the event loop itself (``loop.call_soon``), and when
        there is something for the pump to do. ``can_respond``: the server can send HTTP responses to handshakes.
        """
    @property
    def is_watched(self) -> bool:
        """Whether the pump should begin to read."""
    @property
    def is_reading(self) -> bool:
        """Whether a receive of the handler, begun before the pump, is reading."""
    def begin_pumping(self) -> None:
        """From now on messages come through ``feed`` alone."""
    def end_pumping(self) -> bool:
        """Call after ``feed``. Returns True if the handler is receiving again and reads by itself from now on."""
    def is_neglected(self) -> bool:
        """Whether the handler has received nothing since the last call, so that it would not notice a disconnect."""
    @property
    def wants_messages(self) -> bool:
        """Whether the queue of received messages has room."""
    def feed(self, message: MutableMapping[str, Any]) -> bool:
        """Passes on a message of the server. Returns False if it was the last."""
    def end(self, code: int, reason: str) -> None:
        """Ends the connection, unless its end is known already."""
    @property
    def pause_s(self) -> float:
        """In how many seconds ``message_rate`` allows to receive the next message; 0: now."""
    def check_lifetime(self) -> None:
        """Closes a connection that has reached ``max_lifetime``."""
    def next_output(self) -> Any:
        """Returns what to do next: a message to send, a ``send()`` that has begun, or None if there is nothing.

        A ``send()`` is (coroutine, what it has yielded). What the last call returned counts as buffered until this
        call.
        """
    @property
    def has_closed(self) -> bool:
        """Whether ``next_output`` has returned this side's last message."""
    def notify(self) -> None: ...
    @property
    def has_ended(self) -> bool: ...
    @property
    def failure(self) -> Exception | None:
        """The exception that the server's ``receive`` has raised for a handler."""

class TlsOptions:
    """Files and rules of TLS; each certificate is its file and its key's, or "" if that is the same."""

    def __init__(
        self,
        *,
        certificates: list[tuple[str, str]],
        keyfile_password: str,
        ca_certs: str,
        cert_reqs: int,
        ciphers: str,
    ) -> None: ...
    def check(self) -> None:
        """Loads the files once. ValueError: one line says which file or option is wrong."""

class ListeningSockets:
    """Everything that a server listens on, shared by its workers.

    OSError: one line says what can't be listened on, and what to change.
    """

    def __init__(
        self,
        *,
        hosts: Sequence[str],
        port: int,
        uds: str,
        uds_mode: int,
        fds: Sequence[int],
        reuse_port: bool,
        backlog: int,
        workers: int,
    ) -> None: ...
    @property
    def addresses(self) -> list[tuple[str, int]]: ...
    def keep_from_children(self) -> None:
        """For a worker: children that it forks from now on have no copies of the sockets."""
    def close(self) -> None:
        """Closes what no worker has taken. Only ``addresses`` and ``remove_file`` may be used afterwards."""
    def remove_file(self) -> None:
        """Removes the Unix socket's file, if it is still this socket's, in the process that made it."""

class Engine:
    """Sockets and protocols on the thread of one event loop.

    ``on_websocket(connection, route)`` and ``on_request(exchange, route)`` are called from ``poll`` or ``select``.
    The route of an exchange with a ``refusal`` is the number after the last route's.
    ``log(level, line)`` takes the level numbers of ``logging``.
    """

    def __init__(
        self,
        site: Site,
        on_websocket: Callable[[WebSocketConnection, int], object],
        on_request: Callable[[Exchange, int], object],
        log: Callable[[int, str], None],
    ) -> None: ...
    def log_access(self, format: Literal["common", "json"], write: Callable[[str], object]) -> None:
        """Calls ``write`` with a line for every request and WebSocket from now on."""
    def use_tls(self, options: TlsOptions) -> None:
        """Serves over TLS. Called before ``listen``. ValueError: as for ``TlsOptions.check``."""
    def reload_certificates(self) -> None:
        """Loads the files again in the next turn; logs what is wrong with them and keeps the old ones, if they can't be
        used. May be called from a signal handler, and does nothing after ``close``."""
    def listen(self, sockets: ListeningSockets) -> None:
        """Accepts from one worker's share of these sockets. OSError: one line says what is wrong and what to
        change."""
    @property
    def addresses(self) -> list[tuple[str, int]]: ...
    @property
    def counts(self) -> dict[str, Any]:
        """See ProAPI.counts."""
    def stop(self, on_stopped: Callable[[], object]) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None:
        """Closes every descriptor. Afterwards only ``poll`` and ``abort`` may be called, which then do nothing.

        RuntimeError: called inside of ``poll`` or ``select``.
        """
    # As a guest of a running loop: add_reader(fileno(), poll).
    def fileno(self) -> int: ...
    def poll(self) -> None:
        """RuntimeError: a handler has run the event loop inside itself; raised once for each ``poll`` that is
        interrupted."""
    def set_outside_work(self, callback: Callable[[], object] | None) -> None:
        """Sets a callback that must schedule ``poll``, as by loop.call_soon; None removes it.

        It is called when there is work outside of ``poll``, at most once before the next ``poll``.
        """
    # As the host: the selector of an asyncio loop.
    def watch(self, fd: int, events: int, known: bool) -> None: ...
    def select(self, timeout: float | None, ready: Sequence[Any], loop: Any) -> list[tuple[int, int]]:
        """Runs turns until ``ready`` is not empty, a descriptor is ready, the loop is stopping or ``timeout`` is
        over."""

class WebSocketMachine:
    """The sans-I/O RFC 6455 machine, for tests that replay ``contract/ws`` through it."""

    def __init__(self, role: Literal["server", "client"], **limits: int) -> None: ...
    def feed(self, data: bytes) -> list[tuple[str, str, int, bytes]]:
        """Returns (kind, opcode, code, payload) of each event in order."""
    def send_close(self, code: int, reason: str) -> None: ...
    def take_output(self) -> bytes: ...

def parse_request(
    data: bytes, splits: Sequence[int], limits: Mapping[str, int] = ...
) -> tuple[str, int, dict[str, Any]]:
    """Runs the HTTP head parser, for tests. Returns ("complete" | "need_data" | "failed", status, head)."""

def decode_body(
    data: bytes, splits: Sequence[int], content_length: int | None, limits: Mapping[str, int] = ...
) -> tuple[str, int, bytes, int]:
    """Runs the decoder of request bodies, for tests. ``content_length`` None: chunked.

    Returns (state, status, body, octets taken).
    """

def answer_handshake(data: bytes, splits: Sequence[int]) -> tuple[int, Any, list[str]]:
    """Runs the server's side of the opening handshake, for tests.

    Returns (0, ...) for an ordinary request, (101, head, subprotocols offered), or (status, fields, []) for a refusal.
    """

def check_accept_response(head: str, key: str) -> str | None:
    """Runs the client's check of a handshake response, for tests. Returns what is wrong, or None."""
