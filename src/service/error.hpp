// Why the framework refused a call of the application: one code per reason and one table of texts. Each front end maps
// the kind of a code to an exception type in a table of its own.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace proapi::service {

enum class ErrorKind : std::uint8_t {
    state,       // WebSocketStateError: called in the wrong state
    value,       // ValueError / std::invalid_argument: an argument that no protocol allows
    disconnect,  // WebSocketDisconnect: the connection has ended
};

enum class ErrorCode : std::uint8_t {
    // a WebSocket
    disconnected,
    already_accepted,
    sent_before_accept,
    received_before_accept,
    another_receiver,
    subprotocol_not_offered,
    bad_handshake_headers,
    handshake_header,
    bad_rejection_status,
    bad_rejection,
    bad_close_code,
    close_reason_too_long,
    close_reason_not_utf8,

    // a request's body and the response
    client_has_gone,
    body_failed,
    response_already_started,
    bad_response,
    no_open_response,
    body_out_of_place,
    body_too_long,
    body_too_short,

    // the Host rule
    foreign_host,
    foreign_host_on_loopback,

    // CORS
    bad_cors_origin,
    bad_cors_method,
    bad_cors_header,
    cors_exposes_any_with_credentials,
    bad_cors_max_age,

    // settings and directories
    unknown_setting,
    setting_of_the_application,
    setting_not_of_http,
    setting_not_of_websockets,
    not_seconds_in_range,
    not_a_whole_number_in_range,
    bad_origin,
    bad_host,
    bad_compression,
    bad_rate_action,
    bad_network,
    not_a_switch,
    low_water_above_high_water,
    high_water_above_max_buffered,
    proxy_protocol_of_nobody,
    not_a_directory,
    no_openat2,
};

// Each "{}" in a text stands for a value.
struct ErrorMeaning {
    ErrorKind kind;
    std::string_view text;
};
[[nodiscard]] ErrorMeaning describe(ErrorCode code) noexcept;

struct Error {
    ErrorCode code;
    std::string text;
    [[nodiscard]] ErrorKind kind() const noexcept { return describe(code).kind; }
};
// Replaces each "{}" of the code's text with the next of `values`.
[[nodiscard]] Error make_error(ErrorCode code, std::initializer_list<std::string_view> values = {});

template <class T>
using Result = base::Result<T, Error>;

}  // namespace proapi::service
