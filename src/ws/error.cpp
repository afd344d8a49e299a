#include "ws/error.hpp"

#include <array>

#include "base/error_table.hpp"
#include "ws/close_code.hpp"

namespace proapi::ws {
namespace {

using Row = base::ErrorRow<ErrorCode, ErrorMeaning>;

// In the order of ErrorCode.
constexpr auto meanings = std::to_array<Row>({
    {ErrorCode::continuation_without_message,
     {close_code::protocol_error, "expected a new message, got a continuation frame, but no message has begun"}},
    {ErrorCode::message_within_message,
     {close_code::protocol_error,
      "expected a continuation of the unfinished message, got a new data frame of opcode {}"}},
    {ErrorCode::rsv_without_extension,
     {close_code::protocol_error, "expected RSV bits 0, since no extension was negotiated; got RSV {}"}},
    {ErrorCode::wrong_rsv,
     {close_code::protocol_error,
      "expected RSV bits 0, or {} on the first frame of a message; got RSV {} with opcode {}"}},
    {ErrorCode::unmasked_frame,
     {close_code::protocol_error, "expected a masked frame, since clients must mask; got an unmasked one"}},
    {ErrorCode::masked_frame,
     {close_code::protocol_error, "expected an unmasked frame, since servers must not mask; got a masked one"}},
    {ErrorCode::reserved_opcode,
     {close_code::protocol_error, "expected opcode 0, 1, 2, 8, 9 or 10, got the reserved opcode {}"}},
    {ErrorCode::fragmented_control,
     {close_code::protocol_error, "expected FIN on a control frame, got a fragment of opcode {}"}},
    {ErrorCode::close_of_one_octet,
     {close_code::protocol_error, "expected a Close without payload or with a code of 2 octets, got 1 octet"}},
    {ErrorCode::control_too_long,
     {close_code::protocol_error, "expected a control frame of at most 125 octets, got a longer one"}},
    {ErrorCode::long_form_of_length,
     {close_code::protocol_error, "expected the payload length in its shortest form, got a longer form"}},
    {ErrorCode::length_too_large,
     {close_code::protocol_error, "expected a payload length below 2^63, got its highest bit set"}},
    {ErrorCode::message_too_big,
     {close_code::message_too_big, "expected at most {} octets (max_message_size), got a frame of {} after {}"}},
    {ErrorCode::decoded_message_too_big,
     {close_code::message_too_big, "expected at most {} octets (max_message_size), got more after decoding"}},
    {ErrorCode::too_many_fragments,
     {close_code::policy_violation, "expected at most {} fragments in a message (max_fragments), got more"}},
    {ErrorCode::too_many_empty_fragments,
     {close_code::policy_violation,
      "expected at most {} empty fragments in a message (max_empty_fragments), got more"}},
    {ErrorCode::bad_encoding,
     {close_code::invalid_payload,
      "expected a payload as the negotiated extension encodes it, got something else after {} octets of the message"}},
    {ErrorCode::text_ends_in_character,
     {close_code::invalid_payload, "expected UTF-8 text, got {} octets that end inside a character"}},
    {ErrorCode::text_not_utf8, {close_code::invalid_payload, "expected UTF-8 text, got {} at octet {} of the message"}},
    {ErrorCode::bad_close_code,
     {close_code::protocol_error, "expected a close code of 1000-1003, 1007-1014 or 3000-4999, got {}"}},
    {ErrorCode::reason_not_utf8,
     {close_code::invalid_payload, "expected a UTF-8 close reason, got {} at octet {} of it"}},
    {ErrorCode::reason_ends_in_character,
     {close_code::invalid_payload, "expected a UTF-8 close reason, got {} octets that end inside a character"}},

    {ErrorCode::bad_method, {405, "expected method GET for a WebSocket handshake, got {}"}},
    {ErrorCode::http_1_0, {400, "expected HTTP/1.1 or higher for a WebSocket handshake, got HTTP/1.0"}},
    {ErrorCode::no_host, {400, "expected a Host field that names this server, got none or an empty one"}},
    {ErrorCode::no_upgrade, {400, "expected the token \"websocket\" in the Upgrade field, got none"}},
    {ErrorCode::no_connection_upgrade, {400, "expected the token \"upgrade\" in the Connection field, got none"}},
    {ErrorCode::has_body, {400, "expected a WebSocket handshake without a body, got one"}},
    {ErrorCode::bad_version, {426, "expected one Sec-WebSocket-Version of 13, got {}"}},
    {ErrorCode::not_one_key, {400, "expected one Sec-WebSocket-Key, got {}"}},
    {ErrorCode::bad_key, {400, "expected a Sec-WebSocket-Key of base64 for 16 octets, got {}"}},
    {ErrorCode::bad_subprotocol, {400, "expected tokens in Sec-WebSocket-Protocol, got {}"}},
    {ErrorCode::subprotocol_twice, {400, "expected each name in Sec-WebSocket-Protocol once, got {} twice"}},
    {ErrorCode::bad_extensions, {400, "expected extensions with parameters in Sec-WebSocket-Extensions, got {}"}},

    {ErrorCode::no_response_line_end, {0, "expected a response head, got no line end"}},
    {ErrorCode::bad_status_line, {0, "expected status line \"HTTP/1.1 101\", got {}"}},
    {ErrorCode::no_response_end, {0, "expected an empty line after the fields, got none"}},
    {ErrorCode::text_after_response, {0, "expected nothing after the empty line, got more"}},
    {ErrorCode::bad_response_field, {0, "expected a field \"name: value\", got {}"}},
    {ErrorCode::bad_upgrade, {0, "expected the field \"Upgrade: websocket\", got {}"}},
    {ErrorCode::no_upgrade_option, {0, "expected the token \"upgrade\" in Connection, got none"}},
    {ErrorCode::bad_accept, {0, "expected Sec-WebSocket-Accept {}, got {}"}},
    {ErrorCode::extension_not_offered, {0, "expected no extension, since none was offered; got one"}},
    {ErrorCode::bad_extension, {0, "expected an answer to the extension offered, {}, got {}"}},
    {ErrorCode::bad_chosen_subprotocol, {0, "expected at most one subprotocol, got {}"}},
});

static_assert(base::has_a_row_for_each(meanings, ErrorCode::bad_chosen_subprotocol));

}  // namespace

ErrorMeaning describe(ErrorCode error) noexcept {
    return meanings[static_cast<std::size_t>(error)].meaning;
}

Error make_error(ErrorCode code, std::initializer_list<std::string_view> values) {
    return {code, base::fill_in(describe(code).text, values)};
}

}  // namespace proapi::ws
