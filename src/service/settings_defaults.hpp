// Generated from contract/settings.json by scripts/generate_settings.py. Change the table, then run `make generate`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "service/compression.hpp"
#include "service/rate_action.hpp"

namespace proapi::service {

// The settings that a WebSocket route may set for itself.
struct WebSocketSettings {
    // Size of one received message.
    // Default 1 MiB. Range 1 to 4 GiB. Beyond it: close 1009; the reason names the setting.
    std::uint64_t max_message_size = 1'048'576;

    // Fragments of one received message.
    // Default 131,072. Range 1 to 2^30. Beyond it: close 1008; the reason names the setting.
    std::uint64_t max_fragments = 131'072;

    // Fragments without payload in one received message.
    // Default 1,024. Range 0 to 2^30. Beyond it: close 1008; the reason names the setting.
    std::uint64_t max_empty_fragments = 1024;

    // How long a received message may take, from its first octet to its last.
    // Default 60 s. Range 1 ms to a day. Beyond it: close 1008; the reason names the setting.
    std::chrono::milliseconds message_timeout{60'000};

    // Received messages that wait for the handler.
    // Default 16. Range 1 to 2^20. Beyond it: reading from that socket pauses.
    std::uint64_t receive_queue_messages = 16;

    // Octets of received messages that wait for the handler.
    // Default 256 KiB. Range 1 to 1 GiB. Beyond it: reading from that socket pauses.
    std::uint64_t receive_queue_bytes = 262'144;

    // Octets that may wait to be sent to a peer before its senders wait. At most `max_buffered`.
    // Default 64 KiB. Range 1 to 1 GiB. Beyond it: awaited sends wait.
    std::uint64_t high_water = 65'536;

    // Octets that may still wait to be sent to a peer when its senders resume. At most `high_water`.
    // Default 16 KiB. Range 0 to 1 GiB. Beyond it: senders that wait keep waiting.
    std::uint64_t low_water = 16'384;

    // Octets that may wait to be sent to a peer, including those of waiting senders. At least `high_water`.
    // Default 1 MiB. Range 1 to 4 GiB. Beyond it: close 1008, "slow consumer"; one message may exceed it.
    std::uint64_t max_buffered = 1'048'576;

    // How long a peer may stay silent.
    // Default 20 s. Range 10 ms to a day. Beyond it: a ping is sent.
    std::chrono::milliseconds ping_interval{20'000};

    // How long after a ping a peer may neither send anything nor take anything that was sent to it.
    // Default 20 s. Range 10 ms to a day. Beyond it: connection lost, 1006, "ping timeout".
    std::chrono::milliseconds ping_timeout{20'000};

    // Messages a second that a client may send on one connection, on average.
    // Default 0: no limit. Range 0 to 2^20. Beyond it: as `message_rate_action` says.
    std::uint64_t message_rate = 0;

    // Messages that a client may send at once, after a time in which it has sent less than `message_rate`.
    // Default 0: as many as `message_rate`. Range 0 to 2^20. Beyond it: as `message_rate_action` says.
    std::uint64_t message_burst = 0;

    // What happens when a client sends more than `message_rate` and `message_burst` allow.
    // Default `"pause"`. Beyond it: reading from that socket pauses; if it is `"close"`: close 1008, and the reason
    // names `message_rate`.
    RateAction message_rate_action = RateAction::pause;

    // How long a WebSocket may stay open after it was accepted; up to a tenth less, so that not all close at once.
    // Default 0: no limit. Range 0 to 30 days. Beyond it: close 1001; the reason names the setting.
    std::chrono::milliseconds max_lifetime{0};

    // How messages are compressed (permessage-deflate) for clients that support it.
    // Default none. Otherwise: other clients get them as they are.
    Compression compression = Compression::none;

    // Size from which a message is compressed, if `compression` says so, or the body of a response, if `compress` does.
    // The application's own value counts for responses.
    // Default 1 KiB. Range 0 to 1 GiB. Beyond it: compressed.
    std::uint64_t compression_threshold = 1024;

    // Origins of web pages that may open a WebSocket, in addition to the server's own.
    // Default none. Others: 403.
    std::vector<std::string> allowed_origins;
};

// The settings that an HTTP route may set for itself.
struct HttpSettings {
    // Size of a request's body.
    // Default 1 MiB. Range 0 to 1,024 GiB. Beyond it: 413.
    std::uint64_t max_body_size = 1'048'576;
};

// The settings of an application. Those that it inherits are the defaults of its routes.
struct Settings : WebSocketSettings, HttpSettings {
    // How long sending to a peer may make no progress.
    // Default 30 s. Range 10 ms to a day. Beyond it: connection lost, 1006. If reading a file takes longer, its
    // response is cut.
    std::chrono::milliseconds write_timeout{30'000};

    // Length of a request line.
    // Default 8 KiB. Range 64 to 1 MiB. Beyond it: 414.
    std::uint64_t max_request_line = 8192;

    // Size of a request's head: request line and header fields.
    // Default 16 KiB. Range 256 to 16 MiB. Beyond it: 431.
    std::uint64_t max_head = 16'384;

    // Header fields of a request.
    // Default 100. Range 1 to 10,000. Beyond it: 431.
    std::uint64_t max_fields = 100;

    // The slowest rate of a request's body, as an average over each `body_grace`.
    // Default 1,024 a second. Range 0 to 2^30. Below it: 408.
    std::uint64_t min_body_rate = 1024;

    // How long a request's body may arrive more slowly than `min_body_rate`.
    // Default 10 s. Range 10 ms to a day. Beyond it: `min_body_rate` is checked.
    std::chrono::milliseconds body_grace{10'000};

    // How long a request's head may take from its first octet; for a connection's first request, from the opening of
    // the connection.
    // Default 10 s. Range 10 ms to a day. Beyond it: 408.
    std::chrono::milliseconds head_timeout{10'000};

    // How long a WebSocket handler may take to accept or reject.
    // Default 30 s. Range 10 ms to a day. Beyond it: 503.
    std::chrono::milliseconds accept_timeout{30'000};

    // How long an HTTP connection may be idle after the client has received its last response.
    // Default 75 s. Range 10 ms to a day. Beyond it: closed, a second later than responses say (`Keep-Alive:
    // timeout=75`).
    std::chrono::milliseconds keep_alive_timeout{75'000};

    // How long a peer that has received everything may take to end its side.
    // Default 5 s. Range 10 ms to a day. Beyond it: TCP is closed.
    std::chrono::milliseconds close_timeout{5000};

    // How long handlers may take to end after the server begins to stop.
    // Default 8 s. Range 0 to a day. Beyond it: handlers are cancelled.
    std::chrono::milliseconds shutdown_timeout{8000};

    // Open connections. The workers of a C++ process share the limit.
    // Default 0: the descriptor limit less a reserve of 64. Range 0 to 10 * 2^20. Beyond it: the connection that has
    // been idle longest is closed in favour of the new one; if none is idle, the new connection gets a 503.
    std::uint64_t max_connections = 0;

    // Open connections of one client: of an IPv4 address, or of an IPv6 network of 64 bits. The workers of a C++
    // process share the limit.
    // Default 0: no limit. Range 0 to 10 * 2^20. Beyond it: 503.
    std::uint64_t max_connections_per_client = 0;

    // Connections that the kernel holds until they are accepted.
    // Default 1,024. Range 1 to 65,535. Beyond it: the kernel decides.
    std::uint64_t backlog = 1024;

    // Memory that the connections with `compression="dedicated"`, and the responses that `compress` compresses part by
    // part, use together.
    // Default 64 MiB. Range 0 to 1,024 GiB. Beyond it: new connections compress as with "shared", new responses are not
    // compressed.
    std::uint64_t compression_memory = 67'108'864;

    // Hosts that the server answers for, in addition to loopback names and the hosts of listed origins.
    // Default none. Others: 421.
    std::vector<std::string> allowed_hosts;

    // Proxies that are believed when they say who the client is: addresses, networks such as `10.0.0.0/8`, and `unix`.
    // Default none. Others: not believed; the client is the peer.
    std::vector<std::string> trusted_proxies;

    // Whether every connection of a trusted proxy must begin with a header of the PROXY protocol, version 1 or 2.
    // Default off. Without it: the connection is closed.
    bool proxy_protocol = false;

    // Whether the bodies of responses are compressed for clients that accept it: with zstd, br or gzip.
    // Default off. Without it: they are sent as they are.
    bool compress = false;
};

}  // namespace proapi::service
