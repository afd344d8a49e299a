// What can be wrong with a connection: one code per error and one table of texts. A text says what was expected and
// what arrived.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace proapi::ws {

enum class ErrorCode : std::uint8_t {
    // Frames of a peer that breaks a rule (RFC 6455 sections 5, 7.4 and 8.1). The connection fails with a close code.
    continuation_without_message,
    message_within_message,
    rsv_without_extension,
    wrong_rsv,
    unmasked_frame,
    masked_frame,
    reserved_opcode,
    fragmented_control,
    close_of_one_octet,
    control_too_long,
    long_form_of_length,
    length_too_large,
    message_too_big,
    decoded_message_too_big,
    too_many_fragments,
    too_many_empty_fragments,
    bad_encoding,
    text_ends_in_character,
    text_not_utf8,
    bad_close_code,
    reason_not_utf8,
    reason_ends_in_character,

    // Handshake requests (section 4.2.1), refused with an HTTP status.
    bad_method,
    http_1_0,
    no_host,
    no_upgrade,
    no_connection_upgrade,
    has_body,
    bad_version,
    not_one_key,
    bad_key,
    bad_subprotocol,
    subprotocol_twice,
    bad_extensions,

    // Responses to a handshake (section 4.1); the client gives up.
    no_response_line_end,
    bad_status_line,
    no_response_end,
    text_after_response,
    bad_response_field,
    bad_upgrade,
    no_upgrade_option,
    bad_accept,
    extension_not_offered,
    bad_extension,
    bad_chosen_subprotocol,
};

// `code` is a close code, an HTTP status or 0, depending on the group. Each "{}" in a text stands for a value.
struct ErrorMeaning {
    std::uint16_t code;
    std::string_view text;
};
[[nodiscard]] ErrorMeaning describe(ErrorCode error) noexcept;

struct Error {
    ErrorCode code;
    std::string text;
};
// Replaces each "{}" of the code's text with the next of `values`.
[[nodiscard]] Error make_error(ErrorCode code, std::initializer_list<std::string_view> values = {});

template <class T>
using Result = base::Result<T, Error>;

}  // namespace proapi::ws
