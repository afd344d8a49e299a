// Every refusal that the engine answers by itself: one status and one text, shared by all carriers and both languages.
// (Refusals of a head or a body that can't be parsed are in http/error.hpp.)
#pragma once

#include <cstdint>

#include "http/error.hpp"

namespace proapi::service {

enum class Refusal : std::uint8_t {
    bad_path,
    bad_forwarded_host,
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
    too_many_of_client,
    file_unavailable,
};

// The status and one line without its line end. http::describe() has those of messages that can't be parsed.
using RefusalText = http::ErrorMeaning;
[[nodiscard]] RefusalText describe(Refusal refusal) noexcept;

}  // namespace proapi::service
