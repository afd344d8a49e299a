// What help(WebSocketConnection) says; the first line of a method's is its signature for inspect. The stub
// python/proapi/_engine.pyi tells editors the same.
#pragma once

namespace proapi::bindings::docs {

inline constexpr const char* connection =
    R"(One WebSocket. Handlers receive it; it stays safe to keep, compare and hash after the connection has ended.

All members belong to the event loop's thread; from another one use ``loop.call_soon_threadsafe``. ``send_*``,
``accept`` and ``close`` act when they are called and give a coroutine that waits where there is something to wait for.)";

// ---- the handshake ----------------------------------------------------------------------------------------------

inline constexpr const char* accept = R"(accept($self, subprotocol=None, headers=None)
--

Completes the handshake. ``headers``: a mapping or pairs to send with it.

ValueError: a subprotocol that the client did not offer, or a header that the handshake can't carry.
WebSocketStateError: a second call. WebSocketDisconnect: the peer is gone.)";
inline constexpr const char* reject = R"(reject($self, status=403, body=b'', headers=None)
--

Refuses the handshake with an ordinary HTTP response, status 300 to 599; ``body`` is str or bytes.

WebSocketStateError: after accept(). ValueError: another status, or a header that HTTP does not allow.)";

// ---- the end ----------------------------------------------------------------------------------------------------

inline constexpr const char* close = R"(close($self, code=1000, reason=None)
--

Sends the close frame after everything sent before it; completes when the kernel has it all. A second call does
nothing; before accept() it is an HTTP 403. The closing handshake ends in the background, within ``close_timeout``.

ValueError: a code outside of 1000-1003, 1007-1014 and 3000-4999, or a reason of more than 123 octets of UTF-8; the
connection stays open.)";
inline constexpr const char* wait_closed = R"(wait_closed($self, /)
--

Waits until the connection is gone. Raises nothing of its own.)";

// ---- receiving --------------------------------------------------------------------------------------------------

inline constexpr const char* receive = R"(receive($self, /)
--

The next message, str or bytes, in order. It is taken when this is awaited; a cancelled receive has taken none.

WebSocketDisconnect: the connection has ended and no message is left. WebSocketStateError: before accept(), or while
another task receives.)";
inline constexpr const char* receive_text = R"(receive_text($self, /)
--

The next message as str. Errors as receive(), and WebSocketMessageError: it is binary; it stays as ``data`` of the
error and the next call gets the next one.)";
inline constexpr const char* receive_bytes = R"(receive_bytes($self, /)
--

The next message as bytes. Errors as receive(), and WebSocketMessageError: it is text; it stays as ``data`` of the
error and the next call gets the next one.)";
inline constexpr const char* receive_json = R"(receive_json($self, type=None)
--

The next message, text or binary, as JSON: dicts and lists, or with a ``type`` what msgspec makes of it, say a
dataclass.

Errors as receive(), and WebSocketMessageError: no JSON, or not of ``type``; the message stays as ``data`` of the
error.)";
inline constexpr const char* iter_text = R"(iter_text($self, /)
--

``async for`` over text messages; ends at close codes 1000, 1001 and 1005, else raises WebSocketDisconnect.
WebSocketMessageError: a binary message.)";
inline constexpr const char* iter_bytes = R"(iter_bytes($self, /)
--

``async for`` over binary messages; ends at close codes 1000, 1001 and 1005, else raises WebSocketDisconnect.
WebSocketMessageError: a text message.)";
inline constexpr const char* iter_json = R"(iter_json($self, type=None)
--

``async for`` over messages as receive_json() gives them; ends at close codes 1000, 1001 and 1005, else raises
WebSocketDisconnect.)";

// ---- sending ----------------------------------------------------------------------------------------------------

inline constexpr const char* send_text = R"(send_text($self, data)
--

Sends ``data``, a str, as one text message. Awaiting it waits while more than ``high_water`` octets are buffered; the
result is True, or False where the connection had ended and the sender is another task than its handler's.

TypeError: another type; nothing is sent. WebSocketStateError: before accept(). WebSocketDisconnect: the connection
has ended, in the task of its own handler.)";
inline constexpr const char* send_bytes = R"(send_bytes($self, data)
--

Sends ``data``, bytes, a bytearray or a memoryview, as one binary message. Waiting, result and errors as send_text().)";
inline constexpr const char* send_json = R"(send_json($self, data, mode='text')
--

Sends ``data`` as compact UTF-8 JSON, dataclasses and msgspec structures too; ``mode``: 'text' or 'binary' message.
Waiting and result as send_text().

Errors as send_text(), and ValueError: NaN, Infinity, a circular value or another mode; TypeError: a type that JSON
does not have.)";

// ---- attributes -------------------------------------------------------------------------------------------------

inline constexpr const char* path =
    "The path of the request, percent-decoded. Valid before accept() and after the end, like all that the request "
    "said.";
inline constexpr const char* path_params =
    "The path's parameters by name, converted as the route says: str, int, float or uuid.UUID.";
inline constexpr const char* query_params =
    "The query as a mapping, decoded; [] and get() give the last value of a name, getlist(name) all of them.";
inline constexpr const char* headers =
    "The request's headers as a mapping, names in any case; [] and get() give the last value of a name, getlist(name) "
    "all.";
inline constexpr const char* cookies = "The request's cookies by name.";
inline constexpr const char* subprotocols = "What the client offered, in its order of preference.";
inline constexpr const char* client =
    "Address and port of the peer, Client(host, port); None under an ASGI server that does not tell.";
inline constexpr const char* url = "The whole address: ws://host/path?query.";
inline constexpr const char* state =
    "Attributes of the application's own, as state.name = \"Ada\"; they live as long as this object.";
inline constexpr const char* user_data = "The older name of state, as a dict: state.name is user_data[\"name\"].";
inline constexpr const char* app = "The ProAPI that serves the connection.";
inline constexpr const char* accepted = "Whether accept() was called.";
inline constexpr const char* closed =
    "True from the moment no further message can be delivered: close frame sent or received, or connection lost.";
inline constexpr const char* close_code =
    "Why it ended; None while it is not closed. 1005: the peer gave no code; 1006: lost without a close frame.";
inline constexpr const char* close_reason = "The text beside close_code; None while it is not closed.";
inline constexpr const char* subprotocol = "The one that accept() chose, or None.";
inline constexpr const char* buffered_amount = "Octets that wait to be sent.";

}  // namespace proapi::bindings::docs
