"""``app.events``: JSON messages that are dispatched by their name to functions with typed parameters.

A message is a JSON object. One member is its name (``tag``), another may be an id to answer to, and the rest, or one
member (``data``), are the function's arguments. Knows no sockets: it reads and writes through a WebSocketConnection.
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, Literal, TypeVar, overload

import msgspec

from ._core import json
from ._core.annotations import find_annotations
from ._core.binding import WebSocketConnection
from ._core.body import Decode, is_json_type, make_decode
from ._core.conversion import InvalidValue
from ._core.faults import describe_json
from ._core.log import escape, logger
from ._core.names import find_name, find_place, is_async
from .errors import EventError, RouteError, WebSocketDisconnect, WebSocketMessageError

_H = TypeVar("_H", bound=Callable[..., Any])

_NO_ID = msgspec.UNSET
_MOST_IN_BATCH = 1000  # no other connection is served while messages without a function are refused
_read_batch = make_decode(Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=_MOST_IN_BATCH)])
_MOST_SHOWN = 100


class Events:
    """The messages of one WebSocket route: what ``@app.events`` makes of the function below it.

    ``@board.on("draw")`` registers what is called for a message of that name. The messages of a connection are handled
    one after the other, in order.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        tag: str = "type",
        data: str | None = None,
        id: str = "id",
        invalid: Literal["reply", "close"] = "reply",
        batch: bool = False,
    ) -> None:
        """Internal: ``app.events`` creates it.

        Raises:
            TypeError: The function is neither ``async def`` nor an async generator, or an argument is not valid.
        """
        if not (is_async(function) or inspect.isasyncgenfunction(function)):
            raise TypeError(
                f"expected an 'async def' function, with a yield or without, got {find_name(function)}, which is not"
            )
        if invalid not in ("reply", "close"):
            raise TypeError(f'events: expected "reply" or "close" as invalid, got {invalid!r}')
        names = [each for each in (tag, data, id) if each is not None]
        if not all(isinstance(each, str) for each in names) or len({*names}) < len(names):
            raise TypeError(f"events: expected different names of members for tag, data and id, got {names}")
        self._function = function
        self._invalid = invalid
        self._has_data = data is not None
        self._has_batches = batch
        self._handlers: dict[str, _Handler] = {}
        self._make_reply: Callable[[Any, Any], Any] = lambda id, result: {tag: "reply", "id": id, "result": result}
        self._make_error: Callable[[Any, EventError], Any] = functools.partial(_default_error, tag)
        fields: list[Any] = [("name", str), ("id", Any, _NO_ID)]
        renamed = {"name": tag, "id": id}
        if data is not None:
            fields.append(("data", msgspec.Raw, msgspec.Raw(b"{}")))
            renamed["data"] = data
        self._read_envelope = make_decode(msgspec.defstruct("Message", fields, rename=renamed))
        self.handler = self._make_handler()
        """The handler of the route, with the parameters of the function."""

    def _make_handler(self) -> Callable[..., Any]:
        @functools.wraps(self._function)
        async def handler(**arguments: Any) -> None:
            websocket = next(each for each in arguments.values() if isinstance(each, WebSocketConnection))
            await self._serve(websocket, arguments)

        return handler

    @overload
    def on(self, name: str, /) -> Callable[[_H], _H]: ...
    @overload
    def on(self, function: _H, /) -> _H: ...
    def on(self, name: Any, /) -> Any:
        """Decorator: registers an ``async def`` function for the messages of a name.

        Its parameters are the connection, if it takes one, and either one of a JSON type, which is the whole message
        (or its ``data``), or the members of the message by name. What it returns is the reply if the message has an id;
        otherwise it is dropped.

        Args:
            name: The name, or the function, whose own name it then is.

        Returns:
            The function, or a decorator that returns it.

        Raises:
            RouteError: The function's signature is not possible, or the name has a function already.
        """

        def register(function: _H, name: str) -> _H:
            try:
                if first := self._handlers.get(name):
                    raise ValueError(f"expected one function for each name, but this has one already: {first.place}")
                self._handlers[name] = _Handler(function)
            except (ValueError, TypeError) as error:
                raise RouteError(f"{find_place(function)}: message {name!r}: {error}") from None
            return function

        if callable(name):
            return register(name, name.__name__)
        return functools.partial(register, name=name)

    def reply(self, function: _H) -> _H:
        """Decorator: ``function(id, result)`` makes the message that answers one with an id, or None for no message.
        Without it: ``{"type": "reply", "id": id, "result": result}``."""
        self._make_reply = function
        return function

    def error(self, function: _H) -> _H:
        """Decorator: ``function(id, error)`` makes the message for an ``EventError``, or None for no message. Without
        it: ``{"type": "error", "id": id, "detail": ...}``. ``id`` is None if the message had none."""
        self._make_error = function
        return function

    # ---- serving ----

    async def _serve(self, websocket: WebSocketConnection, arguments: Mapping[str, Any]) -> None:
        disconnect = None
        async with self._connected(arguments):
            try:
                if not websocket.accepted:
                    await websocket.accept()
                async for message in websocket:
                    await self._handle(websocket, message)
            except WebSocketDisconnect as error:  # a usual end: what follows the yield runs without a `finally`
                disconnect = error
        if disconnect is not None:
            raise disconnect

    def _connected(self, arguments: Mapping[str, Any]) -> AbstractAsyncContextManager[Any]:
        if inspect.isasyncgenfunction(self._function):
            return asynccontextmanager(self._function)(**arguments)

        @asynccontextmanager
        async def call() -> AsyncIterator[None]:
            await self._function(**arguments)
            yield

        return call()

    async def _handle(self, websocket: WebSocketConnection, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        if self._has_batches and _is_array(data):
            answer: Any = await self._answer_batch(websocket, data)
        else:
            answer = await self._answer(websocket, data)
        if answer is not None:
            await websocket.send_json(answer)

    async def _answer_batch(self, websocket: WebSocketConnection, data: bytes) -> Any:
        """Returns the answers to all messages of an array that have one. An array that is empty, too long or not
        JSON is one message that is malformed."""
        try:
            messages = _read_batch(data)
        except InvalidValue as error:
            return self._refuse(None, _not_valid(error, data, "malformed"), data)
        answers = [await self._answer(websocket, bytes(each)) for each in messages]
        return [each for each in answers if each is not None] or None

    async def _answer(self, websocket: WebSocketConnection, data: bytes) -> Any:
        """Calls the function of a message. Returns the answer, or None."""
        try:
            envelope = self._read_envelope(data)
        except InvalidValue as error:
            return self._refuse(None, _not_valid(error, data, "malformed"), data)
        id = None if envelope.id is _NO_ID else envelope.id
        if isinstance(id, (dict, list)) and not json.can_be_nested(id):
            return self._refuse(None, EventError("expected an id that is not nested so deeply", kind="malformed"), data)
        handler = self._handlers.get(envelope.name)
        if handler is None:
            name = escape(envelope.name[:_MOST_SHOWN])
            text = f"expected one of {', '.join(self._handlers)}, got {name}"
            return self._refuse(id, EventError(text, kind="unknown"), data)
        given = bytes(envelope.data) if self._has_data else data
        try:
            arguments = handler.read(given)
        except InvalidValue as error:
            return self._refuse(id, _not_valid(error, given, "invalid"), data)
        return await self._call(websocket, handler, arguments, None if envelope.id is _NO_ID else (envelope.id,))

    def _refuse(self, id: Any, error: EventError, data: bytes) -> Any:
        if self._invalid == "close":
            raise WebSocketMessageError(str(error), data)
        return self._make_error(id, error)

    async def _call(
        self, websocket: WebSocketConnection, handler: "_Handler", arguments: dict[str, Any], id: tuple[Any] | None
    ) -> Any:
        if handler.connection is not None:
            arguments[handler.connection] = websocket
        try:
            result = await handler.function(**arguments)
        except EventError as error:
            return self._make_error(id and id[0], error)
        except WebSocketDisconnect:
            raise
        except Exception as error:
            if id is None:
                raise
            logger.error("%s: the message handler %s failed", escape(websocket.path), handler.name, exc_info=error)
            return self._make_error(id[0], EventError("internal error", kind="failed"))
        return None if id is None else self._make_reply(id[0], result)


def _default_error(tag: str, id: Any, error: EventError) -> dict[str, Any]:
    given = {} if id is None else {"id": id}
    return {tag: "error", **given, "detail": error.errors or str(error)}


def _not_valid(error: InvalidValue, data: bytes, kind: str) -> EventError:
    errors = describe_json(error, (), data)
    text = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'the message'}: {each['msg']}" for each in errors)
    return EventError(text, kind=kind, errors=errors)


class _Handler:
    """The function for one name, and how its arguments are read."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """ValueError or TypeError: what was expected of the signature."""
        if not callable(function) or not is_async(function):
            raise TypeError(f"expected an 'async def' function, got {function!r}")
        self.function = function
        self.name = find_name(function)
        self.place = find_place(function)
        annotations = find_annotations(function)
        parameters = dict(inspect.signature(function).parameters)
        for parameter in parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise ValueError(f"expected parameters that can be passed by name, but {parameter.name!r} can't be")
        self.connection = next(
            (
                name
                for name in parameters
                if annotations.get(name) is WebSocketConnection or (name == "websocket" and name not in annotations)
            ),
            None,
        )
        members = [each for each in parameters.values() if each.name != self.connection]
        for each in members:
            if each.name not in annotations:
                raise ValueError(f"expected an annotation at {each.name!r}, such as {each.name}: str")
        self._whole = None
        self._decode_positions: Decode | None = None
        if len(members) == 1 and is_json_type(annotations[members[0].name]):
            self._whole = members[0].name
            self._decode: Decode = make_decode(annotations[self._whole])
        else:
            self._decode = make_decode(_make_members(members, annotations))
            positional = [each for each in members if each.kind is each.POSITIONAL_OR_KEYWORD]
            self._decode_positions = make_decode(_make_members(positional, annotations, by_position=True))

    def read(self, data: bytes) -> dict[str, Any]:
        """Returns the arguments; those in an array by position. InvalidValue: the message does not have them."""
        decode = self._decode
        if self._decode_positions is not None and _is_array(data):
            decode = self._decode_positions
        value = decode(data)
        if self._whole is not None:
            return {self._whole: value}
        return {name: getattr(value, name) for name in value.__struct_fields__}


def _make_members(
    members: list[inspect.Parameter], annotations: Mapping[str, Any], *, by_position: bool = False
) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for each in members:
        if each.default is each.empty:
            fields.append((each.name, annotations[each.name]))
        else:
            fields.append((each.name, annotations[each.name], each.default))
    return msgspec.defstruct("Message", fields, kw_only=True, array_like=by_position, forbid_unknown_fields=by_position)


def _is_array(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
