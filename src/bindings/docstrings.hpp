// The docstrings of WebSocketConnection and its members. The first line of a method's docstring is its signature for
// inspect. The stub python/proapi/_engine.pyi has the same texts, for editors; tests/system/test_stubs.py compares
// them.
#pragma once

namespace proapi::bindings::docs {

inline constexpr const char* connection =
    R"(One WebSocket. Handlers receive it; it stays safe to keep, compare and hash after the connection has ended.

All members belong to the event loop's thread; use ``loop.call_soon_threadsafe`` from another thread. ``accept``,
``close``, ``reject`` and ``send_*`` act when they are called. Each returns a coroutine that waits if there is something
to wait for, and that need not be awaited.)";

// ---- the handshake ----------------------------------------------------------------------------------------------

inline constexpr const char* accept = R"(accept($self, subprotocol=None, headers=None)
--

Completes the handshake.

Args:
    subprotocol: One that the client offered. None: no subprotocol.
    headers: A mapping or pairs to send with the response.

Raises:
    ValueError: The client did not offer the subprotocol, or the handshake can't carry a header.
    WebSocketStateError: accept() was called before.
    WebSocketDisconnect: The handshake was refused, or the peer has disconnected.)";
inline constexpr const char* reject = R"(reject($self, status_code=403, body=b'', headers=None, **older)
--

Refuses the handshake with an ordinary HTTP response.

Args:
    status_code: 300 to 599.
    body: str or bytes.
    headers: A mapping or pairs to send with the response.
    **older: ``status``, the older name of ``status_code``.

Raises:
    ValueError: The status is out of range, or HTTP does not allow a header.
    WebSocketStateError: accept() was called before.
    WebSocketDisconnect: As for accept().)";

// ---- the end ----------------------------------------------------------------------------------------------------

inline constexpr const char* close = R"(close($self, code=1000, reason=None)
--

Sends the close frame after everything sent before it; completes when the kernel has taken all of it.

A second call does nothing. Before accept(), the response is a 403. The closing handshake ends in the background, within
``close_timeout``.

Args:
    code: 1000-1003, 1007-1014 or 3000-4999.
    reason: At most 123 octets of UTF-8; None is "".

Raises:
    ValueError: Another code or a longer reason. The connection stays open.)";
inline constexpr const char* wait_closed = R"(wait_closed($self, /)
--

Waits until the connection is gone, its closing handshake included. Raises nothing itself.)";

// ---- receiving --------------------------------------------------------------------------------------------------

inline constexpr const char* receive = R"(receive($self, /)
--

Returns the next message, str or bytes, in order.

The message is taken when this is awaited; a cancelled receive has taken no message.

Raises:
    WebSocketDisconnect: The connection has ended and no message is left.
    WebSocketStateError: accept() was not called yet, or another task is receiving.)";
inline constexpr const char* receive_text = R"(receive_text($self, /)
--

Returns the next message as str.

Raises:
    WebSocketMessageError: The message is binary. It is the error's ``data``; the next call gets the message after it.
    WebSocketDisconnect, WebSocketStateError: As for receive().)";
inline constexpr const char* receive_bytes = R"(receive_bytes($self, /)
--

Returns the next message as bytes.

Raises:
    WebSocketMessageError: The message is text. It is the error's ``data``; the next call gets the message after it.
    WebSocketDisconnect, WebSocketStateError: As for receive().)";
inline constexpr const char* receive_json = R"(receive_json($self, type=None)
--

Returns the next message, text or binary, parsed as JSON.

Args:
    type: What msgspec converts the JSON to, such as a dataclass. None: dicts and lists.

Raises:
    WebSocketMessageError: The message is not JSON, or not of ``type``. It is the error's ``data``; the next call gets
        the message after it.
    TypeError: JSON can't be converted to ``type`` at all.
    WebSocketDisconnect, WebSocketStateError: As for receive().)";
inline constexpr const char* iter_text = R"(iter_text($self, /)
--

Iterates over text messages with ``async for``; ends at close codes 1000, 1001 and 1005.

Raises:
    WebSocketDisconnect: The connection has ended with another code.
    WebSocketMessageError: A message is binary.)";
inline constexpr const char* iter_bytes = R"(iter_bytes($self, /)
--

Iterates over binary messages with ``async for``; ends at close codes 1000, 1001 and 1005.

Raises:
    WebSocketDisconnect: The connection has ended with another code.
    WebSocketMessageError: A message is text.)";
inline constexpr const char* iter_json = R"(iter_json($self, type=None)
--

Iterates over messages, parsed as by receive_json(), with ``async for``; ends at close codes 1000, 1001 and 1005.

Args:
    type: As for receive_json().

Raises:
    WebSocketDisconnect: The connection has ended with another code.
    WebSocketMessageError: As for receive_json().)";

// ---- sending ----------------------------------------------------------------------------------------------------

inline constexpr const char* send_text = R"(send_text($self, data, *, compress=True)
--

Sends one text message.

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
    WebSocketDisconnect: The connection has ended, and the sender is the task of its own handler.)";
inline constexpr const char* send_bytes = R"(send_bytes($self, data, *, compress=True)
--

Sends one binary message. Waits, returns and raises as send_text().

Args:
    data: bytes, a bytearray or a memoryview.
    compress: As for send_text().)";
inline constexpr const char* send_json = R"(send_json($self, data, mode='text', *, compress=True)
--

Sends a value as one message of compact UTF-8 JSON. Waits and returns as send_text().

Args:
    data: What msgspec encodes, such as dataclasses and msgspec structures.
    mode: Whether to send a 'text' or a 'binary' message.
    compress: As for send_text().

Raises:
    ValueError: NaN, Infinity, a circular value or another mode.
    TypeError: JSON can't hold the value.
    WebSocketStateError, WebSocketDisconnect: As for send_text().)";

// ---- attributes -------------------------------------------------------------------------------------------------

inline constexpr const char* path =
    "The request's path, percent-decoded. Like everything about the request, it is valid before accept() and after "
    "the end.";
inline constexpr const char* path_params =
    "The path's parameters by name, converted as the route says: str, int, float or uuid.UUID.";
inline constexpr const char* query_params =
    "The query as a mapping, decoded; [] and get() return the last value of a name, getlist(name) all of them.";
inline constexpr const char* headers =
    "The request's headers as a mapping, names in any case; [] and get() return the last value of a name, "
    "getlist(name) all of them.";
inline constexpr const char* cookies = "The request's cookies by name.";
inline constexpr const char* subprotocols = "The subprotocols that the client offered, in its order of preference.";
inline constexpr const char* client =
    "Client(host, port): the peer, or whom a trusted proxy names (port 0: it names none). None for a Unix socket's "
    "peer, and under an ASGI server that does not report them.";
inline constexpr const char* client_certificate =
    "The certificate that the client has proved to own, as PEM; None if it presented none (ssl_cert_reqs).";
inline constexpr const char* url = "The whole URL: ws://host/path?query.";
inline constexpr const char* state =
    "The application's own attributes, such as state.name = \"Ada\"; they live as long as this object.";
inline constexpr const char* user_data = "The older name of state, as a dict: state.name is user_data[\"name\"].";
inline constexpr const char* app = "The ProAPI that serves the connection.";
inline constexpr const char* accepted = "Whether accept() was called.";
inline constexpr const char* closed =
    "True from the moment no further message can be delivered: close frame sent or received, or connection lost.";
inline constexpr const char* close_code =
    "Why the connection ended; None while it is not closed. 1005: the peer sent no code; 1006: lost without a close "
    "frame.";
inline constexpr const char* close_reason =
    "The text that came with close_code; None while the connection is not closed.";
inline constexpr const char* subprotocol = "The subprotocol that accept() chose, or None.";
inline constexpr const char* buffered_amount = "How many octets wait to be sent.";

}  // namespace proapi::bindings::docs
