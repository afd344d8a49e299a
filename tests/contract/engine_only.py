"""The documented differences between front ends: the one table of the tests that some of them are not asked, and why.

Under an ASGI server the application is the same, but that server does the HTTP parsing, the handshake, the frames, and
the timeouts and limits below the application. A key is a test file or ``file::test``; a key that matches no test is an
error.
"""

_SOCKETS = "bytes on the wire are the ASGI server's: its HTTP parser, its frames, its limits and timeouts"
_LIMITS = "the limit belongs to the engine's sockets"
_LOG = "which lines are shown is up to the ASGI server's configuration of logging"
_LIMITS_BY_OPTION = "an ASGI server passes the contract application no options"
_ITSELF = "run() is about the engine's own server"

ENGINE_ONLY: dict[str, str] = {
    "test_access_log": _LOG,
    "test_backpressure::test_a_paused_peer_that_is_lost": _SOCKETS,
    "test_backpressure::test_a_peer_that_stops_reading_at_the_end_is_dropped": _LIMITS_BY_OPTION,
    "test_backpressure::test_a_slow_reader_of_the_last_answer": _LIMITS_BY_OPTION,
    "test_backpressure::test_a_slow_reader_of_the_last_messages": _LIMITS_BY_OPTION,
    "test_backpressure::test_answers_that_nobody_reads": _SOCKETS,
    "test_closing::test_close_that_waits_ends_with_the_connection": _LIMITS_BY_OPTION,
    "test_closing::test_close_waits_until_the_kernel_has_it_all": _LIMITS_BY_OPTION,
    "test_endings::test_lines_about_peers_faults_are_limited": _LOG,
    "test_endings::test_lines_that_were_left_out_are_counted_though_nothing_more_comes": _LOG,
    "test_endings::test_the_peers_fault_is_one_line": _LOG,
    "test_endings::test_what_was_received_before_the_servers_own_close_is_still_given": _LIMITS_BY_OPTION,
    "test_compressed_responses": _LIMITS_BY_OPTION,
    "test_compression": _SOCKETS,
    "test_deflate_offers": _SOCKETS,
    "test_fairness": _SOCKETS,
    "test_frames": _SOCKETS,
    "test_files::test_ten_thousand_ranges": _LIMITS,
    "test_http::test_absolute_form": "uvicorn takes the whole of an absolute target for the path",
    "test_http::test_a_client_that_ends_its_side": "uvicorn drops the connection when the client ends its side",
    "test_http::test_an_answer_before_one_that_fails": _SOCKETS,
    "test_http::test_the_body_is_waited_for_only_where_it_is_read": _SOCKETS,
    "test_routes::test_a_websocket_handshake_on_an_http_route": "uvicorn treats every handshake as a WebSocket's",
    "test_routes::test_the_connection_field_of_426": "an ASGI application has no say in the field Connection",
    "test_handshake": _SOCKETS,
    "test_hosts::test_a_refusal_is_logged_with_what_to_change": _LOG,
    "test_hosts::test_absolute_form": "uvicorn takes the whole of an absolute target for the path",
    "test_hosts::test_allowed_hosts": _LIMITS_BY_OPTION,
    "test_hosts::test_allowed_hosts_beyond_loopback": _LIMITS_BY_OPTION,
    "test_hosts::test_any_host": _LIMITS_BY_OPTION,
    "test_hosts::test_beyond_loopback_any_host_is_served": _LIMITS_BY_OPTION,
    "test_hosts::test_hosts_of_listed_origins": _LIMITS_BY_OPTION,
    "test_hosts::test_http_1_0_needs_no_host": _SOCKETS,
    "test_hosts::test_in_every_worker": _ITSELF,
    "test_hosts::test_on_any_loopback_address": _LIMITS_BY_OPTION,
    "test_hosts::test_what_follows_a_refused_request_is_not_served": _SOCKETS,
    "test_limits": _LIMITS,
    "test_listening": _ITSELF,
    "test_time_limits": _LIMITS,
    "test_tls": "the ASGI server does the TLS",
    "test_log": _LOG,
    "test_modes": _ITSELF,
    "test_origin::test_a_refusal_is_logged_with_what_to_change": _LOG,
    "test_origin::test_a_route_has_allowed_origins_of_its_own": _LIMITS_BY_OPTION,
    "test_origin::test_allowed_origins": _LIMITS_BY_OPTION,
    "test_origin::test_any_origin": _LIMITS_BY_OPTION,
    "test_origin::test_local_pages_of_a_server_on_any_loopback_address": _LIMITS_BY_OPTION,
    "test_origin::test_local_pages_of_a_server_that_others_reach": _LIMITS_BY_OPTION,
    "test_origin::test_local_pages_where_origins_are_listed": _LIMITS_BY_OPTION,
    "test_origin::test_origins_of_other_schemes": _LIMITS_BY_OPTION,
    "test_origin::test_the_exception_for_development_is_logged_once": _LOG,
    "test_origin::test_what_follows_a_refused_handshake_is_no_request": _SOCKETS,
    "test_pipelining": _SOCKETS,
    "test_real_client": _LIMITS_BY_OPTION,
    "test_refusals": _SOCKETS,
    "test_request_bodies": _SOCKETS,
    "test_streams::test_octets_behind_a_stream_do_not_hide_its_clients_end": _SOCKETS,
    "test_streams::test_every_connection_is_given_back": "connections are counted by whoever has them",
    "test_stats": "connections and what they hold are the ASGI server's",
}

# Hypercorn runs a subset: enough to show that a second ASGI server works. It does not check Hypercorn itself, which
# reports no close code.
HYPERCORN: set[str] = {
    "test_attributes::test_attributes_before_accept_and_after_close",
    "test_clients",
    "test_closing::test_everything_sent_before_close_arrives_first",
    "test_concurrency::test_many_senders",
    "test_endings::test_the_handler_fails",
    "test_endings::test_the_handler_returns",
    "test_files::test_files_while_sync_handlers_hold_every_thread",
    "test_http::test_204_and_304_have_no_body_though_the_handler_gives_one",
    "test_http::test_request",
    "test_http::test_statuses",
    "test_http::test_stream",
    "test_opening::test_accept_with_headers",
    "test_opening::test_accept_with_subprotocol",
    "test_opening::test_headers_as_octets",
    "test_receiving::test_another_kind_of_message",
    "test_receiving::test_receive_kinds",
    "test_routes::test_http_routes",
    "test_routes::test_websocket_routes",
    "test_sending::test_send_kinds",
}
