// Every refusal that the engine answers with by itself: its status and its words, once for all carriers and both
// languages. (Those of a head or a body that can't be parsed are in http/error.hpp.)
#pragma once

#include <cstdint>

#include "http/error.hpp"

namespace proapi::service {

enum class Refusal : std::uint8_t {
    bad_path,
    plain_port,
    client_does_not_wait,
    foreign_origin,
    not_found,
    no_such_file,
    wrong_method,
    head_timeout,
    slow_body,
    file_has_changed,
    range_beyond_file,
    misdirected,
    websocket_only,
    internal_error,
    stopping,
    accept_timeout,
    file_unavailable,
};

// The status and one line without its end; those of a message that can't be parsed are http::describe()'s.
using RefusalText = http::ErrorMeaning;
[[nodiscard]] RefusalText describe(Refusal refusal) noexcept;

}  // namespace proapi::service
