// Generated from contract/settings.json by scripts/generate_settings.py. Change the table, then run `make generate`.
#pragma once

#include <array>

#include "service/settings.hpp"

namespace proapi::service {

// Name, member, minimum and maximum of each number.
inline constexpr std::array websocket_limits{
    Limit{"max_message_size", &WebSocketSettings::max_message_size, 1, 4'294'967'296},
    Limit{"max_fragments", &WebSocketSettings::max_fragments, 1, 1'073'741'824},
    Limit{"max_empty_fragments", &WebSocketSettings::max_empty_fragments, 0, 1'073'741'824},
    Limit{"message_timeout", &WebSocketSettings::message_timeout, 0.001, 86'400},
    Limit{"receive_queue_messages", &WebSocketSettings::receive_queue_messages, 1, 1'048'576},
    Limit{"receive_queue_bytes", &WebSocketSettings::receive_queue_bytes, 1, 1'073'741'824},
    Limit{"high_water", &WebSocketSettings::high_water, 1, 1'073'741'824},
    Limit{"low_water", &WebSocketSettings::low_water, 0, 1'073'741'824},
    Limit{"max_buffered", &WebSocketSettings::max_buffered, 1, 4'294'967'296},
    Limit{"ping_interval", &WebSocketSettings::ping_interval, 0.01, 86'400},
    Limit{"ping_timeout", &WebSocketSettings::ping_timeout, 0.01, 86'400},
    Limit{"message_rate", &WebSocketSettings::message_rate, 0, 1'048'576},
    Limit{"message_burst", &WebSocketSettings::message_burst, 0, 1'048'576},
    Limit{"max_lifetime", &WebSocketSettings::max_lifetime, 0, 2'592'000},
    Limit{"compression_threshold", &WebSocketSettings::compression_threshold, 0, 1'073'741'824},
};

inline constexpr std::array http_limits{
    Limit{"max_body_size", &HttpSettings::max_body_size, 0, 1'099'511'627'776},
};

inline constexpr std::array server_limits{
    Limit{"write_timeout", &Settings::write_timeout, 0.01, 86'400},
    Limit{"max_request_line", &Settings::max_request_line, 64, 1'048'576},
    Limit{"max_head", &Settings::max_head, 256, 16'777'216},
    Limit{"max_fields", &Settings::max_fields, 1, 10'000},
    Limit{"min_body_rate", &Settings::min_body_rate, 0, 1'073'741'824},
    Limit{"body_grace", &Settings::body_grace, 0.01, 86'400},
    Limit{"head_timeout", &Settings::head_timeout, 0.01, 86'400},
    Limit{"accept_timeout", &Settings::accept_timeout, 0.01, 86'400},
    Limit{"keep_alive_timeout", &Settings::keep_alive_timeout, 0.01, 86'400},
    Limit{"close_timeout", &Settings::close_timeout, 0.01, 86'400},
    Limit{"shutdown_timeout", &Settings::shutdown_timeout, 0, 86'400},
    Limit{"max_connections", &Settings::max_connections, 0, 10'485'760},
    Limit{"max_connections_per_client", &Settings::max_connections_per_client, 0, 10'485'760},
    Limit{"backlog", &Settings::backlog, 1, 65'535},
    Limit{"compression_memory", &Settings::compression_memory, 0, 1'099'511'627'776},
};

// Older names, which are still accepted, and the settings that they stand for.
inline constexpr auto setting_aliases = std::to_array<SettingAlias>({
    {"max_body", "max_body_size"},
});

}  // namespace proapi::service
