// Every limit of a server, with its default and its bounds: all finite, each settable by name. The table in
// settings.cpp is the one place where a limit's name, unit and range stand.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proapi::service {

using Duration = std::chrono::milliseconds;

[[nodiscard]] constexpr std::uint64_t milliseconds(Duration duration) noexcept {
    return static_cast<std::uint64_t>(duration.count());
}

// Those that each route may set for itself.
struct WebSocketSettings {
    std::uint64_t max_message_size = 1024 * 1024;
    std::uint64_t max_fragments = 131072;
    std::uint64_t max_empty_fragments = 1024;
    Duration message_timeout{60'000};
    std::uint64_t receive_queue_messages = 16;
    std::uint64_t receive_queue_bytes = 256 * 1024;
    std::uint64_t high_water = 64 * 1024;
    std::uint64_t low_water = 16 * 1024;
    std::uint64_t max_buffered = 1024 * 1024;
    Duration ping_interval{20'000};
    Duration ping_timeout{20'000};
    std::vector<std::string> allowed_origins;  // empty: same origin only; "*": any
};

struct Settings : WebSocketSettings {
    Duration write_timeout{30'000};
    std::uint64_t max_request_line = 8 * 1024;
    std::uint64_t max_head = 16 * 1024;
    std::uint64_t max_fields = 100;
    std::uint64_t max_body = 1024 * 1024;
    std::uint64_t min_body_rate = 1024;  // octets a second, once body_grace is over
    Duration body_grace{10'000};
    Duration head_timeout{10'000};
    Duration accept_timeout{30'000};
    Duration keep_alive_timeout{75'000};
    Duration close_timeout{5'000};
    Duration shutdown_timeout{8'000};
    std::uint64_t max_connections = 0;  // 0: what the descriptor limit allows, less a reserve
    std::uint64_t backlog = 1024;
    std::vector<std::string> allowed_hosts;  // empty: what check_host() (host_rule.hpp) makes of that; "*": any
};

enum class SettingScope : std::uint8_t { server, route };

// Sets one by name. Times are seconds, sizes octets; lists of origins and hosts are separated by commas. Gives what is
// wrong (unknown name, not a number, out of range, not of this scope), naming the setting; empty: set.
[[nodiscard]] std::string set_setting(Settings& settings, std::string_view name, std::string_view value);
[[nodiscard]] std::string set_setting(WebSocketSettings& settings, std::string_view name, std::string_view value);
// What is wrong between settings (low_water above high_water); empty: nothing.
[[nodiscard]] std::string check_settings(const WebSocketSettings& settings);
// Names and values of those that are numbers, times in seconds.
[[nodiscard]] std::vector<std::pair<std::string, double>> list_settings(const Settings& settings);

}  // namespace proapi::service
