"""Where the front ends are documented to differ: the one table of what is not asked of which of them, and why.

Under an ASGI server the application is the same, but HTTP parsing, the handshake, frames, timeouts and limits below the
application are that server's. A key is a test file or ``file::test``; a key that matches no test is an error.
"""

_SOCKETS = "bytes on the wire are the ASGI server's: its HTTP parser, its frames, its limits and timeouts"
_LIMITS = "the limit belongs to the engine's sockets"
_LOG = "which lines are shown is up to the ASGI server's configuration of logging"
_ITSELF = "run() is about the engine's own server"

ENGINE_ONLY: dict[str, str] = {
    "test_endings::test_the_peers_fault_is_one_line": _LOG,
    "test_frames": _SOCKETS,
    "test_http::test_absolute_form": "uvicorn takes the whole of an absolute target for the path",
    "test_http::test_a_client_that_ends_its_side": "uvicorn drops the connection when the client ends its side",
    "test_http::test_the_body_is_waited_for_only_where_it_is_read": _SOCKETS,
    "test_routes::test_a_websocket_handshake_on_an_http_route": "uvicorn treats every handshake as a WebSocket's",
    "test_routes::test_the_connection_field_of_426": "an ASGI application has no say in the field Connection",
    "test_handshake": _SOCKETS,
    "test_limits": _LIMITS,
    "test_modes": _ITSELF,
    "test_refusals": _SOCKETS,
}

# Under hypercorn a subset runs: that a second ASGI server works, not that it is a good one.
HYPERCORN: set[str] = set()
