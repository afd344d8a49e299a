"""The compiled engine. Only ``proapi._core.binding`` imports it; everything here but ``WebSocketConnection`` is internal."""

from abc import ABCMeta
from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from typing import Any, Literal, Never, TypeVar, final, overload

from .app import ProAPI
from .datastructures import Client, Headers, QueryParams, State

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Pairs = list[tuple[str, str]]
_HeadersArgument = Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]]

class _Begun(Coroutine[Any, Any, _T_co], metaclass=ABCMeta):
    """Of what acts when it is called: may be left without being awaited. A type of its own, since mypy takes every
    Coroutine that nobody awaits for a mistake."""

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
    """Hands the engine what is written in Python. ``decode_json(data, type_or_None)`` raises ValueError on bad JSON."""

def may_hide_non_finite(json: bytes) -> bool:
    """Whether a number that JSON does not have may be among what msgspec has written: as a value it is null, as a key
    or a Decimal it is in words. True for many others, too."""

class Site:
    """Routes and settings, shared by every server of one application."""

    def __init__(self) -> None: ...
    def set(self, name: str, value: str) -> None:
        """Sets an application-wide setting; ValueError says what was expected. Times in seconds."""
    def check_settings(self) -> None:
        """After the last ``set``. ValueError: settings that contradict each other, here or in a route."""
    def effective_settings(self) -> dict[str, float]: ...
    def allowed_origins(self) -> list[str]: ...
    def allowed_hosts(self) -> list[str]: ...
    def add_route(self, method: str | None, pattern: str, settings: Mapping[str, str]) -> int:
        """Adds a route (``method`` None: a WebSocket's) and gives its number: 0, 1, 2, ... ValueError, and nothing was
        added: bad pattern, duplicate, bad setting. Route settings start from the application-wide ones of that moment's end: unset ones
        follow later changes of the site."""
    def add_files(self, pattern: str, directory: str, *, dot_files: bool) -> int:
        """Serves files below ``directory``; the pattern has at most one parameter, of kind ``path``. Names that begin with a
        dot only with ``dot_files``."""
    def add_response_headers(self, fields: _Pairs) -> None:
        """For every response that does not have them already. ValueError: a field that no response can have."""
    @staticmethod
    def security_headers() -> _Pairs: ...
    def find_route(self, method: str | None, pattern: str) -> int | None:
        """The number of the route that keeps this one from being added: same method, same shape of path."""
    @staticmethod
    def parse_pattern(pattern: str) -> list[tuple[str, str]]:
        """Names and converters ("str", "int", "float", "uuid", "path") of a pattern; ValueError where it is malformed."""

class RequestInfo:
    """A request, as a handler's ``Request`` looks at it."""

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
    def url(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    def parse_form(self) -> tuple[int, str, _Pairs]:
        """Status and text of the refusal, 0 and "" where there is none, and the text fields of the body, which is
        application/x-www-form-urlencoded or multipart/form-data."""
    def parse_files(self) -> tuple[int, str, list[tuple[str, str, str, bytes]]]:
        """As ``parse_form``, with the files: name, filename, content type and data."""

class Exchange:
    """One HTTP request over the engine's own socket, and the response to it."""

    @property
    def request(self) -> RequestInfo: ...
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def client_left(self) -> bool:
        """The client is gone, or has ended its side: whether it still reads can't be told."""
    def on_end(self, callback: Callable[[], object] | None) -> None:
        """Calls it, in place of an earlier one, once the client is gone; soon, where it is already."""
    def end_with_client(self) -> None:
        """From now on the end of the client's side is the exchange's end; a stream without a length does so by itself."""
    def respond(self, status: int, headers: _Pairs, body: bytes) -> None:
        """A whole response. ValueError: a header that would break the framing."""
    def respond_with_file(self, status: int, headers: _Pairs, path: bytes) -> None:
        """OSError where the file can't be opened."""
    def start(self, status: int, headers: _Pairs, content_length: int | None) -> None: ...
    def write(self, data: bytes) -> Awaitable[bool]:
        """Waits while the outgoing buffer is above high water. False: the client is gone."""
    def finish(self) -> None: ...
    def fail(self) -> None:
        """500 where nothing was sent yet, else the connection is cut. Does nothing on a finished exchange."""

class AsgiService:
    """What is served by an application on one event loop of another server (ASGI)."""

    def __init__(self, site: Site, log: Callable[[int, str], object]) -> None:
        """``log`` gets a level of ``logging`` and a line, and bounds what peers can cause."""

class AsgiExchange:
    """A request that came through another server (ASGI), or a WebSocket's handshake, and the response to it."""

    def __init__(self, service: AsgiService, scope: MutableMapping[str, Any]) -> None:
        """Opens it. Afterwards there are messages to send, or its ``route`` or ``websocket``, or it takes its body.
        KeyError, TypeError: no ASGI scope."""
    @property
    def takes_body(self) -> bool:
        """Whether ``feed`` is to be called, until it does not any more."""
    def feed(self, part: bytes, more: bool) -> None: ...
    def end(self) -> None:
        """The client is gone."""
    @property
    def route(self) -> int | None:
        """Whose handler is to respond."""
    @property
    def websocket(self) -> WebSocketBridge | None: ...
    def take_messages(self) -> list[Any]:
        """Those of ASGI to send now. A tuple is a file, which ends the response: an open descriptor, which the caller
        closes, an offset and a length."""
    @property
    def request(self) -> RequestInfo: ...
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    def respond(self, status: int, headers: _Pairs, body: bytes) -> None: ...
    def respond_with_file(self, status: int, headers: _Pairs, path: bytes) -> None: ...
    def start(self, status: int, headers: _Pairs, content_length: int | None) -> None: ...
    def put(self, data: bytes) -> None:
        """A part of the body, for ``take_messages``."""
    def finish(self) -> None: ...
    def fail(self) -> None: ...

@final
class WebSocketConnection:
    """One WebSocket. Handlers receive it; it stays safe to keep, compare and hash after the connection has ended.

    All members belong to the event loop's thread; from another one use ``loop.call_soon_threadsafe``. ``send_*``,
    ``accept`` and ``close`` act when they are called and give a coroutine that waits where there is something to
    wait for.
    """

    def __init__(self, never: Never, /) -> None:
        """Applications get it, and make none."""
    @property
    def path(self) -> str:
        """The path of the request, percent-decoded. Valid before accept() and after the end, like all that the request
        said."""
    @property
    def path_params(self) -> dict[str, Any]:
        """The path's parameters by name, converted as the route says: str, int, float or uuid.UUID."""
    @property
    def query_params(self) -> QueryParams:
        """The query as a mapping, decoded; [] and get() give the last value of a name, getlist(name) all of them."""
    @property
    def headers(self) -> Headers:
        """The request's headers as a mapping, names in any case; [] and get() give the last value of a name,
        getlist(name) all."""
    @property
    def cookies(self) -> dict[str, str]:
        """The request's cookies by name."""
    @property
    def subprotocols(self) -> list[str]:
        """What the client offered, in its order of preference."""
    @property
    def client(self) -> Client | None:
        """Address and port of the peer, Client(host, port); None under an ASGI server that does not tell."""
    @property
    def url(self) -> str:
        """The whole address: ws://host/path?query."""
    @property
    def app(self) -> ProAPI:
        """The ProAPI that serves the connection."""
    _app: ProAPI
    @property
    def state(self) -> State:
        """Attributes of the application's own, as state.name = "Ada"; they live as long as this object."""
    @property
    def user_data(self) -> dict[Any, Any]:
        """The older name of state, as a dict: state.name is user_data["name"]."""
    @property
    def accepted(self) -> bool:
        """Whether accept() was called."""
    @property
    def closed(self) -> bool:
        """True from the moment no further message can be delivered: close frame sent or received, or connection lost."""
    @property
    def close_code(self) -> int | None:
        """Why it ended; None while it is not closed. 1005: the peer gave no code; 1006: lost without a close frame."""
    @property
    def close_reason(self) -> str | None:
        """The text beside close_code; None while it is not closed."""
    @property
    def subprotocol(self) -> str | None:
        """The one that accept() chose, or None."""
    @property
    def _is_abandoned(self) -> bool:
        """The connection is gone, and its handler has not asked for it since."""
    @property
    def buffered_amount(self) -> int:
        """Octets that wait to be sent."""
    def accept(self, subprotocol: str | None = None, headers: _HeadersArgument | None = None) -> _Begun[None]:
        """Completes the handshake. ``headers``: a mapping or pairs to send with it.

        ValueError: a subprotocol that the client did not offer, or a header that the handshake can't carry.
        WebSocketStateError: a second call. WebSocketDisconnect: the peer is gone.
        """
    def close(self, code: int = 1000, reason: str | None = None) -> _Begun[None]:
        """Sends the close frame after everything sent before it; completes when the kernel has it all. A second call
        does nothing; before accept() it is an HTTP 403. The closing handshake ends in the background, within
        ``close_timeout``.

        ValueError: a code outside of 1000-1003, 1007-1014 and 3000-4999, or a reason of more than 123 octets of
        UTF-8; the connection stays open.
        """
    def reject(
        self,
        status: int = 403,
        body: str | bytes = b"",
        headers: _HeadersArgument | None = None,
    ) -> _Begun[None]:
        """Refuses the handshake with an ordinary HTTP response, status 300 to 599; ``body`` is str or bytes.

        WebSocketStateError: after accept(). ValueError: another status, or a header that HTTP does not allow.
        """
    def _on_disconnect(self, callback: Callable[[], object]) -> None:
        """Calls it, in place of an earlier one, when the connection is closed by anything but its handler's own task;
        from the event loop, with no handler running. Not where it is closed already."""
    def wait_closed(self) -> Coroutine[Any, Any, None]:
        """Waits until the connection is gone. Raises nothing of its own."""
    def receive(self) -> Coroutine[Any, Any, str | bytes]:
        """The next message, str or bytes, in order. It is taken when this is awaited; a cancelled receive has taken
        none.

        WebSocketDisconnect: the connection has ended and no message is left. WebSocketStateError: before accept(),
        or while another task receives.
        """
    def receive_text(self) -> Coroutine[Any, Any, str]:
        """The next message as str. Errors as receive(), and WebSocketMessageError: it is binary; it stays as ``data``
        of the error and the next call gets the next one."""
    def receive_bytes(self) -> Coroutine[Any, Any, bytes]:
        """The next message as bytes. Errors as receive(), and WebSocketMessageError: it is text; it stays as ``data``
        of the error and the next call gets the next one."""
    @overload
    def receive_json(self) -> Coroutine[Any, Any, Any]:
        """The next message, text or binary, as JSON: dicts and lists, or with a ``type`` what msgspec makes of it, say
        a dataclass.

        Errors as receive(), and WebSocketMessageError: no JSON, or not of ``type``; the message stays as ``data``
        of the error.
        """
    @overload
    def receive_json(self, type: type[_T]) -> Coroutine[Any, Any, _T]: ...
    @overload
    def receive_json(self, type: Any) -> Coroutine[Any, Any, Any]: ...
    def send_text(self, data: str) -> _Begun[bool]:
        """Sends ``data``, a str, as one text message. Awaiting it waits while more than ``high_water`` octets are
        buffered; the result is True, or False where the connection had ended and the sender is another task than its
        handler's.

        TypeError: another type; nothing is sent. WebSocketStateError: before accept(). WebSocketDisconnect: the
        connection has ended, in the task of its own handler.
        """
    def send_bytes(self, data: bytes | bytearray | memoryview) -> _Begun[bool]:
        """Sends ``data``, bytes, a bytearray or a memoryview, as one binary message. Waiting, result and errors as
        send_text()."""
    def send_json(self, data: Any, mode: Literal["text", "binary"] = "text") -> _Begun[bool]:
        """Sends ``data`` as compact UTF-8 JSON, dataclasses and msgspec structures too; ``mode``: 'text' or 'binary'
        message. Waiting and result as send_text().

        Errors as send_text(), and ValueError: NaN, Infinity, a circular value or another mode; TypeError: a type
        that JSON does not have.
        """
    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """``async for message in websocket``: str and bytes as they come; ends at close codes 1000, 1001 and 1005,
        else raises WebSocketDisconnect."""
    def iter_text(self) -> AsyncIterator[str]:
        """``async for`` over text messages; ends at close codes 1000, 1001 and 1005, else raises WebSocketDisconnect.
        WebSocketMessageError: a binary message."""
    def iter_bytes(self) -> AsyncIterator[bytes]:
        """``async for`` over binary messages; ends at close codes 1000, 1001 and 1005, else raises
        WebSocketDisconnect. WebSocketMessageError: a text message."""
    @overload
    def iter_json(self) -> AsyncIterator[Any]:
        """``async for`` over messages as receive_json() gives them; ends at close codes 1000, 1001 and 1005, else
        raises WebSocketDisconnect."""
    @overload
    def iter_json(self, type: type[_T]) -> AsyncIterator[_T]: ...
    @overload
    def iter_json(self, type: Any) -> AsyncIterator[Any]: ...

class WebSocketBridge:
    """The transport of a WebSocket whose frames another server reads and writes (ASGI). ``AsgiExchange`` makes it.

    Handlers step the server's ``receive`` and ``send`` through it; the rest is for a pump. Nothing here steps a task of
    its own accord but ``notify()``.
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
        """``schedule`` is called when ``notify()`` must run soon from the event loop itself (``loop.call_soon``), and
        when there is something for the pump. ``can_respond``: the server sends HTTP responses to handshakes."""
    @property
    def is_watched(self) -> bool:
        """Whether the pump is to begin reading."""
    @property
    def is_reading(self) -> bool:
        """Whether a receive of the handler's does, which began before the pump."""
    def begin_pumping(self) -> None:
        """From now on messages come by ``feed`` alone."""
    def end_pumping(self) -> bool:
        """After ``feed``. True: the handler receives again, and reads by itself from now on."""
    def is_neglected(self) -> bool:
        """Whether the handler has received nothing since this was asked last: nobody would see the peer's end."""
    @property
    def wants_messages(self) -> bool: ...
    def feed(self, message: MutableMapping[str, Any]) -> bool:
        """False: it was the last."""
    def end(self, code: int, reason: str) -> None:
        """The connection is gone, if that is not known yet."""
    def next_output(self) -> Any:
        """What to do next: a message to send, or a ``send()`` that was begun, as (coroutine, what it has yielded). None:
        nothing. What it gave before counts as buffered until then."""
    @property
    def has_closed(self) -> bool:
        """This side's last message was given."""
    def notify(self) -> None: ...
    @property
    def has_ended(self) -> bool: ...
    @property
    def failure(self) -> Exception | None:
        """What the server's ``receive`` has raised for a handler."""

class Engine:
    """Sockets and protocols on the thread of one event loop.

    ``on_websocket(connection, route)`` and ``on_request(exchange, route)`` are called from ``poll`` or ``select``;
    ``log(level, line)`` takes logging's level numbers.
    """

    def __init__(
        self,
        site: Site,
        on_websocket: Callable[[WebSocketConnection, int], object],
        on_request: Callable[[Exchange, int], object],
        log: Callable[[int, str], None],
    ) -> None: ...
    def log_access(self, format: Literal["common", "json"], write: Callable[[str], object]) -> None:
        """Every request and WebSocket from now on is a line."""
    def listen(self, host: str, port: int, *, share_port: bool) -> None:
        """OSError with one line that says what is wrong and what to change."""
    @property
    def addresses(self) -> list[tuple[str, int]]: ...
    @property
    def counts(self) -> dict[str, Any]:
        """See ProAPI.counts."""
    def stop(self, on_stopped: Callable[[], object]) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None:
        """Gives every descriptor back; nothing but ``poll`` and ``abort``, which then do nothing, may be called
        afterwards. RuntimeError inside of ``poll`` or ``select``."""
    # Guest of a running loop: add_reader(fileno(), poll).
    def fileno(self) -> int: ...
    def poll(self) -> None:
        """RuntimeError where a handler has run the loop inside of itself; once for each ``poll`` that it interrupts."""
    def set_outside_work(self, callback: Callable[[], object] | None) -> None:
        """``callback`` is called (at most once until the next poll) when ``poll`` should be called soon: loop.call_soon."""
    # Host: the selector of an asyncio loop.
    def watch(self, fd: int, events: int, known: bool) -> None: ...
    def select(self, timeout: float | None, ready: Sequence[Any], loop: Any) -> list[tuple[int, int]]:
        """Turns until ``ready`` is not empty, a watched descriptor is ready, the loop is stopping or ``timeout`` is over."""

class WebSocketMachine:
    """The sans-I/O RFC 6455 machine, for tests: ``contract/ws`` is replayed through it."""

    def __init__(self, role: Literal["server", "client"], **limits: int) -> None: ...
    def feed(self, data: bytes) -> list[tuple[str, str, int, bytes]]:
        """(kind, opcode, code, payload) of each event in order."""
    def send_close(self, code: int, reason: str) -> None: ...
    def take_output(self) -> bytes: ...

def parse_request(
    data: bytes, splits: Sequence[int], limits: Mapping[str, int] = ...
) -> tuple[str, int, dict[str, Any]]:
    """The HTTP head parser, for tests: ("complete" | "need_data" | "failed", status, head)."""

def decode_body(
    data: bytes, splits: Sequence[int], content_length: int | None, limits: Mapping[str, int] = ...
) -> tuple[str, int, bytes, int]:
    """The decoder of request bodies, for tests; ``content_length`` None: chunked. (state, status, body, octets taken)."""

def answer_handshake(data: bytes, splits: Sequence[int]) -> tuple[int, Any, list[str]]:
    """The opening handshake's server side, for tests: (0, ...) for an ordinary request, (101, head, subprotocols offered),
    or (status, fields, []) of the refusal."""

def check_accept_response(head: str, key: str) -> str | None:
    """The client side: what is wrong with that answer, or None."""
