// The rate at which one client may send messages, by the settings of its route: `message_rate` and `message_burst`.
#pragma once

#include <string>

#include "base/token_bucket.hpp"
#include "service/settings.hpp"

namespace proapi::service {

[[nodiscard]] constexpr bool limits_message_rate(const WebSocketSettings& settings) noexcept {
    return settings.message_rate > 0;
}

[[nodiscard]] constexpr std::uint64_t find_message_burst(const WebSocketSettings& settings) noexcept {
    return settings.message_burst > 0 ? settings.message_burst : settings.message_rate;
}

// Only if limits_message_rate(). One message takes one token, whatever its size and its number of fragments.
[[nodiscard]] inline base::TokenBucket make_message_bucket(const WebSocketSettings& settings) noexcept {
    return {settings.message_rate, find_message_burst(settings)};
}

// The reason with which a connection is closed whose client has sent more.
[[nodiscard]] inline std::string describe_message_rate(const WebSocketSettings& settings) {
    return "expected at most " + std::to_string(settings.message_rate) + " messages a second (message_rate), " +
           std::to_string(find_message_burst(settings)) + " at once (message_burst)";
}

}  // namespace proapi::service
