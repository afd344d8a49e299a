// Every refusal that the engine answers with by itself: its status and its words, once for all carriers and both
// languages. (A head or a body that can't be parsed says itself what is wrong: http::Failure.)
#pragma once

#include <cstdint>
#include <string_view>

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

// `text` is one line without its end.
struct RefusalText {
    int status;
    std::string_view text;
};
[[nodiscard]] RefusalText describe(Refusal refusal) noexcept;

}  // namespace proapi::service
