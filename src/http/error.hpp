// What can be wrong with a message, a route or a response: one code per error and one table of texts. A text says what
// was expected and what arrived. Texts are built on demand, unless they quote what arrived.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace proapi::http {

enum class ErrorCode : std::uint8_t {
    none,  // a parser has not failed, or a check has found nothing

    // lines and fields (RFC 9112 sections 2.2 and 5)
    bare_lf,
    bare_cr,
    folded_line,
    no_colon,
    bad_field_name,
    control_in_field_value,

    // request lines (RFC 9112 section 3)
    request_line_too_long,
    head_too_long,
    too_many_fields,
    bad_request_line,
    bad_method,
    bad_version,
    unsupported_version,
    connect_method,
    bad_target_octet,
    fragment_in_target,
    asterisk_without_options,
    bad_target_form,
    bad_target_authority,

    // framing and other fields that affect the whole message (RFC 9112 sections 3.2 and 6, RFC 9110 section 10.1.1)
    several_hosts,
    no_host,
    bad_host,
    two_framings,
    coding_in_http_1_0,
    several_codings,
    bad_coding,
    unknown_coding,
    several_lengths,
    bad_length,
    unknown_expectation,

    // bodies (RFC 9112 section 7)
    body_too_long,
    no_chunk_end,
    chunk_line_too_long,
    chunk_size_too_long,
    bad_chunk_size,
    bad_chunk_extension,
    chunk_extensions_too_long,
    trailer_too_long,
    too_many_trailer_fields,

    // the coding of a body's content (RFC 9110 section 8.4)
    unknown_content_coding,
    bad_coded_content,
    short_coded_content,
    // parameters of a field's value (RFC 9110 section 5.6.6)
    bad_parameter_name,
    parameter_without_value,
    unclosed_quote,
    bad_parameter_value,
    text_after_quote,

    // forms (RFC 7578)
    unknown_form_type,
    too_many_form_fields,
    not_one_boundary,
    bad_boundary,
    no_first_boundary,
    no_last_boundary,
    too_many_parts,
    part_head_too_long,
    part_ends_in_head,
    too_many_part_fields,
    part_field_twice,
    no_disposition,
    not_form_data,
    no_part_name,
    part_name_twice,
    part_name_not_utf8,
    bad_extended_charset,
    bad_extended_value,
    filename_in_pieces,
    bad_part_type,
    bad_part_encoding,
    part_not_utf8,
    too_many_text_fields,
    too_many_files,
    too_much_text,

    // route patterns
    no_leading_slash,
    empty_segment,
    bad_parameter_identifier,
    unknown_converter,
    mixed_segment,
    query_in_pattern,
    bad_pattern_escape,
    parameter_twice,
    path_not_last,
    bad_route_method,
    route_twice,

    // responses of the application
    bad_status,
    bad_header_name,
    engine_header,
    bad_header_value,
};

// `status` is the status of the answer to the client, or 0 for mistakes of the application. Each "{}" in a text stands
// for a value.
struct ErrorMeaning {
    int status;
    std::string_view text;
};
[[nodiscard]] ErrorMeaning describe(ErrorCode code) noexcept;

struct Error {
    ErrorCode code;
    std::string text;
    [[nodiscard]] int status() const noexcept { return describe(code).status; }
};
// Replaces each "{}" of the code's text with the next of `values`.
[[nodiscard]] Error make_error(ErrorCode code, std::initializer_list<std::string_view> values = {});
// Returns the same error with `where` and a colon before its text: "part 3: expected ...".
[[nodiscard]] Error with_context(std::string_view where, Error error);

template <class T>
using Result = base::Result<T, Error>;

}  // namespace proapi::http
