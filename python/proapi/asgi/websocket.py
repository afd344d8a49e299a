"""A WebSocket over an ASGI server.

The engine's connection object steps the server's ``receive`` and ``send`` itself, in the handler's task. The pump here
does the rest: the handshake and the close, a ``send`` that has to wait, and reading: for a handler that does something
else, so that the peer's end is noticed, and on a route with ``message_rate``, which the pump waits for.
"""

import asyncio
import weakref
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from .._core.binding import AsgiExchange, WebSocketBridge
from .exchange import HttpExchange, Message, Receive, Send

if TYPE_CHECKING:
    from .front import AsgiFront

_ABNORMAL = 1006
_LOOK_S = 0.5


async def serve_websocket(front: "AsgiFront", scope: Message, receive: Receive, send: Send) -> None:
    """Serves one WebSocket, from the handshake to the end of the connection and of its handler."""
    await receive()  # websocket.connect
    can_respond = "websocket.http.response" in (scope.get("extensions") or {})
    send_refusal = _refuser(send, can_respond=can_respond)
    if front.dispatcher.is_hooked:  # the application may answer refusals
        exchange: AsgiExchange = HttpExchange(front, scope, _as_http(receive), send_refusal)
    else:
        exchange = AsgiExchange(front.service, scope)
    if isinstance(exchange, HttpExchange) and exchange.refusal is not None:
        await _answer_refusal(front, exchange)
    elif (bridge := exchange.websocket) is None:
        for message in exchange.take_messages():
            await send_refusal(message)
    else:
        tokens = front.enter_context()
        try:
            await Pump(front, bridge, receive, send, can_respond=can_respond).run()
        finally:
            front.leave_context(tokens)


class Pump:
    def __init__(
        self, front: "AsgiFront", bridge: WebSocketBridge, receive: Receive, send: Send, *, can_respond: bool
    ) -> None:
        self._front = front
        self._bridge = bridge
        self._receive = receive
        self._send = send
        self._reader: asyncio.Task[None] | None = None
        self._turn_is_due = False
        self._news_out, self._news_in = asyncio.Event(), asyncio.Event()
        self._close_timeout = front.app.limits["close_timeout"]
        # Weak, so that bridge and pump don't keep each other alive.
        schedule = weakref.WeakMethod(self._schedule)
        bridge.begin(receive, send, lambda: (call := schedule()) and call(), can_respond=can_respond)

    async def run(self) -> None:
        bridge = self._bridge
        handler = self._front.dispatcher.open_websocket(bridge.connection, bridge.route, copy_context())
        self._front.pumps.add(self)
        try:
            if await self._write() and bridge.connection.accepted:
                # This side has closed first: wait for the peer's close frame.
                await asyncio.wait({self._start_reading()}, timeout=self._close_timeout)
            bridge.end(_ABNORMAL, "")
            await asyncio.wait({handler})
        finally:
            self._front.pumps.remove(self)
            bridge.end(_ABNORMAL, "")
            handler.cancel()
            if self._reader is not None:
                self._reader.cancel()
        if self._reader is not None and self._reader.done() and not self._reader.cancelled():
            self._reader.result()  # raises what receive() has raised, to the server
        if bridge.failure is not None:
            raise bridge.failure

    def _schedule(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self._front.loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Lets the bridge step waiting tasks, with no handler on the stack."""
        self._turn_is_due = False
        self._bridge.notify()
        if self._bridge.is_watched:
            self._start_reading()
        self._news_out.set()
        self._news_in.set()

    def _start_reading(self) -> "asyncio.Task[None]":
        if self._reader is None:
            self._bridge.begin_pumping()
            self._reader = asyncio.ensure_future(self._read())
            self._reader.add_done_callback(self._on_read)
        return self._reader

    def _on_read(self, reader: "asyncio.Task[None]") -> None:
        if reader is self._reader:  # the reader has not handed over to the handler
            self._bridge.end(_ABNORMAL, "")

    def look(self) -> None:
        """Starts reading if the handler has done something else for long, and ends a connection that has become too
        old. Called now and then."""
        self._bridge.check_lifetime()
        if self._bridge.is_neglected():
            self._start_reading()

    async def _read(self) -> None:
        bridge = self._bridge
        while not bridge.has_ended:
            if not bridge.is_reading and (bridge.wants_messages or bridge.connection.closed):
                if (pause_s := bridge.pause_s) > 0:
                    await asyncio.sleep(pause_s)
                elif not bridge.feed(await self._receive()):
                    return
                elif bridge.end_pumping():
                    self._reader = None
                    return
            else:
                self._news_in.clear()
                await self._news_in.wait()

    async def _write(self) -> bool:
        """Sends until this side has closed (True) or the connection has ended (False)."""
        bridge = self._bridge
        try:
            while not bridge.has_ended:
                self._news_out.clear()
                while output := bridge.next_output():
                    await (_Rest(*output) if isinstance(output, tuple) else self._send(output))
                    if bridge.has_closed:
                        return True
                await self._news_out.wait()
        except OSError:
            bridge.end(_ABNORMAL, "")
        return False


class Pumps:
    """The pumps of one event loop, which share a timer: a timer for each would cost every idle connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pumps: set[Pump] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, pump: Pump) -> None:
        self._pumps.add(pump)
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_S, self._look)

    def remove(self, pump: Pump) -> None:
        self._pumps.discard(pump)
        if not self._pumps and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._loop.call_later(_LOOK_S, self._look)
        for pump in tuple(self._pumps):
            pump.look()


class _Rest:
    """The rest of a coroutine that was stepped once: what it has yielded, and what follows."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], yielded: object) -> None:
        self._coroutine = coroutine
        self._yielded = yielded

    def __await__(self) -> Generator[object, Any, None]:
        yielded = self._yielded
        while True:
            try:
                try:
                    value = yield yielded
                except BaseException as error:
                    yielded = self._coroutine.throw(error)
                else:
                    yielded = self._coroutine.send(value)
            except StopIteration:
                return


def _refuser(send: Send, *, can_respond: bool) -> Send:
    """Returns what takes the messages of an HTTP response and refuses the handshake with it, if the server can send
    one, else with the server's own 403."""

    async def refuse(message: Message) -> None:
        if can_respond:
            await send({**message, "type": f"websocket.{message['type']}"})
        elif message["type"] == "http.response.start":
            await send({"type": "websocket.close"})

    return refuse


def _as_http(receive: Receive) -> Receive:
    """Returns what an exchange receives instead of the events of a WebSocket: only the disconnect may come."""

    async def receive_http() -> Message:
        await receive()
        return {"type": "http.disconnect"}

    return receive_http


async def _answer_refusal(front: "AsgiFront", exchange: HttpExchange) -> None:
    """Lets the application answer in the engine's place."""
    route = exchange.route
    assert route is not None
    tokens = front.enter_context()
    try:
        await front.dispatcher.respond(exchange, route)
        await exchange.flush()
    finally:
        front.leave_context(tokens)
        exchange.close()
