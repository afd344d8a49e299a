// How an application is run, and its settings by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace proapi {

// Names and values of limits, such as {"max_message_size", "65536"}: times in seconds, sizes in octets.
using Settings = std::vector<std::pair<std::string, std::string>>;

// A line for each request and two for each WebSocket, by spdlog's logger "proapi.access" (stderr, unless the
// application has registered one of that name before). common: the Common Log Format; json: an object a line.
enum class AccessLog : std::uint8_t { off, common, json };

struct RunOptions {
    // None: PROAPI_HOST in the environment, or "127.0.0.1".
    std::optional<std::string> host = std::nullopt;
    // None: PROAPI_PORT in the environment, or 8000. 0: one that is free.
    std::optional<int> port = std::nullopt;
    // Python's fast mode; C++ is always in it.
    bool fast = false;
    // Threads, each with a loop of its own; a connection stays on the one that accepted it. With more than one,
    // handlers run in parallel, and what they share needs a lock.
    int workers = 1;
    // None: PROAPI_ACCESS_LOG in the environment (off, common, json), or off.
    std::optional<AccessLog> access_log = std::nullopt;
};

// What one worker has done and is doing.
struct Statistics {
    std::uint64_t accepted = 0, refused = 0;        // sockets
    std::uint64_t connections = 0, websockets = 0;  // open now
    std::uint64_t http = 0;                         // of the connections, those that are no WebSockets
    std::uint64_t tasks = 0;                        // handlers and spawned tasks that run now
    std::uint64_t dropped = 0;                      // sends to ended connections
    std::uint64_t send_queued_bytes = 0;            // sent by handlers, not taken by the kernel yet
    std::uint64_t partial_bytes = 0;                // of requests and messages that have begun and not ended
    std::map<std::uint16_t, std::uint64_t> closed;  // WebSockets, by close code
    std::vector<std::pair<std::string, double>> limits;
};
// Of the worker that runs the caller. Throws std::logic_error outside of a handler or task.
[[nodiscard]] Statistics statistics();

}  // namespace proapi
