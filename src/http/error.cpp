#include "http/error.hpp"

#include <array>
#include <utility>

#include "base/error_table.hpp"

namespace proapi::http {
namespace {

using Row = base::ErrorRow<ErrorCode, ErrorMeaning>;

// In the order of ErrorCode.
constexpr auto meanings = std::to_array<Row>({
    {ErrorCode::none, {0, "no error"}},

    {ErrorCode::bare_lf, {400, "expected CRLF at the end of a line, got a bare LF"}},
    {ErrorCode::bare_cr, {400, "expected CRLF at the end of a line, got a bare CR"}},
    {ErrorCode::folded_line, {400, "expected a field name, got white space: folded lines are not accepted"}},
    {ErrorCode::no_colon, {400, "expected \"name: value\", got a field line without a colon"}},
    {ErrorCode::bad_field_name,
     {400, "expected a token before the colon of a field line, got other characters or none"}},
    {ErrorCode::control_in_field_value, {400, "expected no control character in a field value, got one"}},

    {ErrorCode::request_line_too_long, {414, "the request line is longer than max_request_line"}},
    {ErrorCode::head_too_long, {431, "the request head is longer than max_head"}},
    {ErrorCode::too_many_fields, {431, "the request has more fields than max_fields"}},
    {ErrorCode::bad_request_line, {400, "expected \"method SP target SP version\" as request line"}},
    {ErrorCode::bad_method, {400, "expected a token as method, got other characters or none"}},
    {ErrorCode::bad_version, {400, "expected HTTP/1.1 as version, got something else"}},
    {ErrorCode::unsupported_version, {505, "expected HTTP/1.1 or HTTP/1.0, got another major version"}},
    {ErrorCode::connect_method, {501, "CONNECT is for proxies; this is an origin server"}},
    {ErrorCode::bad_target_octet,
     {400, "expected visible ASCII in the request target, got a control or non-ASCII character"}},
    {ErrorCode::fragment_in_target, {400, "expected no fragment in the request target, got \"#\""}},
    {ErrorCode::asterisk_without_options, {400, "expected \"*\" as request target with OPTIONS only"}},
    {ErrorCode::bad_target_form, {400, R"(expected a request target that begins with "/", "http://" or "https://")"}},
    {ErrorCode::bad_target_authority,
     {400, "expected host or host:port in the request target, without user information"}},

    {ErrorCode::several_hosts, {400, "expected one Host field, got several"}},
    {ErrorCode::no_host, {400, "expected a Host field, got none"}},
    {ErrorCode::bad_host, {400, "expected host or host:port as Host, got something else"}},
    {ErrorCode::two_framings, {400, "expected Content-Length or Transfer-Encoding, got both"}},
    {ErrorCode::coding_in_http_1_0, {400, "expected no Transfer-Encoding in HTTP/1.0, got one"}},
    {ErrorCode::several_codings, {400, "expected one Transfer-Encoding field, got several"}},
    {ErrorCode::bad_coding, {400, "expected chunked as only transfer coding"}},
    {ErrorCode::unknown_coding, {501, "expected chunked as only transfer coding"}},
    {ErrorCode::several_lengths, {400, "expected one Content-Length field, got several"}},
    {ErrorCode::bad_length, {400, "expected digits as Content-Length, below 2^64"}},
    {ErrorCode::unknown_expectation, {417, "expected 100-continue as Expect, got something else"}},

    {ErrorCode::body_too_long, {413, "the request body is longer than max_body_size"}},
    {ErrorCode::no_chunk_end, {400, "expected CRLF after the data of a chunk, got something else"}},
    {ErrorCode::chunk_line_too_long, {400, "the size and extensions of a chunk take too many octets"}},
    {ErrorCode::chunk_size_too_long, {400, "expected at most 16 digits as chunk size, got more"}},
    {ErrorCode::bad_chunk_size, {400, "expected hexadecimal digits as chunk size, got something else"}},
    {ErrorCode::bad_chunk_extension,
     {400, "expected chunk extensions or the line's end after the chunk size, got something else"}},
    {ErrorCode::chunk_extensions_too_long, {400, "the chunk extensions are longer than the data allows for"}},
    {ErrorCode::trailer_too_long, {431, "the trailer section has too many octets"}},
    {ErrorCode::too_many_trailer_fields, {431, "the trailer section has too many fields"}},

    {ErrorCode::unknown_content_coding,
     {415, "expected one Content-Encoding of those in Accept-Encoding, got another or several"}},
    {ErrorCode::bad_coded_content,
     {400, "expected a body in the coding that Content-Encoding names, got other octets"}},
    {ErrorCode::short_coded_content, {400, "the body ends before the end of what Content-Encoding says it contains"}},

    {ErrorCode::bad_parameter_name, {400, "expected a token as the name of a parameter, got something else"}},
    {ErrorCode::parameter_without_value, {400, "expected name=value, got a parameter without an equals sign"}},
    {ErrorCode::unclosed_quote, {400, "expected a closing quote in a parameter, got none"}},
    {ErrorCode::bad_parameter_value, {400, "expected a token or a quoted string in a parameter, got neither"}},
    {ErrorCode::text_after_quote, {400, "expected a semicolon after a quoted string, got something else"}},

    {ErrorCode::unknown_form_type, {415, "expected application/x-www-form-urlencoded or multipart/form-data, got {}"}},
    {ErrorCode::too_many_form_fields, {400, "expected a form of at most {} fields, got {}"}},
    {ErrorCode::not_one_boundary, {400, "expected one boundary, got {}"}},
    {ErrorCode::bad_boundary, {400, "expected a boundary of 1 to 70 characters of ASCII, the last no space, got {}"}},
    {ErrorCode::no_first_boundary, {400, "expected a line of two hyphens and the boundary, got none"}},
    {ErrorCode::no_last_boundary, {400, "expected a last line of two hyphens, the boundary and two hyphens, got none"}},
    {ErrorCode::too_many_parts, {400, "expected at most {} parts, got more"}},
    {ErrorCode::part_head_too_long, {400, "expected fields of at most {} octets, got more"}},
    {ErrorCode::part_ends_in_head, {400, "expected CRLF after a field, got the end of the part"}},
    {ErrorCode::too_many_part_fields, {400, "expected at most {} fields, got more"}},
    {ErrorCode::part_field_twice, {400, "expected one {}, got two"}},
    {ErrorCode::no_disposition, {400, "expected a Content-Disposition, got none"}},
    {ErrorCode::not_form_data, {400, "expected the Content-Disposition form-data, got {}"}},
    {ErrorCode::no_part_name, {400, "expected a name in Content-Disposition, got none"}},
    {ErrorCode::part_name_twice, {400, "expected one {} in Content-Disposition, got two"}},
    {ErrorCode::part_name_not_utf8, {400, "expected a {} in UTF-8, got {}"}},
    {ErrorCode::bad_extended_charset, {400, "expected a {} that begins with UTF-8'' or ISO-8859-1'', got {}"}},
    {ErrorCode::bad_extended_value, {400, "expected a {} of percent-encoded {}, got {}"}},
    {ErrorCode::filename_in_pieces, {400, "expected a filename or filename* in one piece, got {}"}},
    {ErrorCode::bad_part_type, {400, "expected a Content-Type in ASCII, got {}"}},
    {ErrorCode::bad_part_encoding, {400, "expected the Content-Transfer-Encoding 7bit, 8bit or binary, got {}"}},
    {ErrorCode::part_not_utf8, {400, "expected a text in UTF-8, got other octets"}},
    {ErrorCode::too_many_text_fields, {400, "expected at most {} text fields (max_fields), got more"}},
    {ErrorCode::too_many_files, {400, "expected at most {} files (max_files), got more"}},
    {ErrorCode::too_much_text,
     {413, "expected at most {} octets in all text fields together (max_part_size), got more"}},

    {ErrorCode::no_leading_slash, {0, "expected a path that begins with \"/\", got {}"}},
    {ErrorCode::empty_segment, {0, "expected no empty segment before the last, got {}"}},
    {ErrorCode::bad_parameter_identifier,
     {0, "expected a letter, then letters, digits or _ as parameter name, got {}"}},
    {ErrorCode::unknown_converter, {0, "expected int, float, uuid, path or str as converter, got {}"}},
    {ErrorCode::mixed_segment, {0, "expected a segment to be text or one {parameter}, got {}"}},
    {ErrorCode::query_in_pattern, {0, "expected a path without query or fragment, got {}"}},
    {ErrorCode::bad_pattern_escape, {0, "expected valid percent-encoded UTF-8 without NUL, got {}"}},
    {ErrorCode::parameter_twice, {0, "expected each parameter name once, got {} twice"}},
    {ErrorCode::path_not_last, {0, "expected {{}:path} as last segment, since it takes the rest of the path"}},
    {ErrorCode::bad_route_method, {0, "expected a token as method, got {}"}},
    {ErrorCode::route_twice, {0, "expected one {} route for {}, got a second"}},

    {ErrorCode::bad_status, {0, "expected a status from 200 to 599, got {}"}},
    {ErrorCode::bad_header_name, {0, "expected a token as header name, got other characters or none"}},
    {ErrorCode::engine_header, {0, "the header {} is written by the server itself"}},
    {ErrorCode::bad_header_value,
     {0,
      "expected visible ASCII, inner spaces and tabs as value of the header {}, got another character or white space "
      "at an end"}},
});

static_assert(base::has_a_row_for_each(meanings, ErrorCode::bad_header_value));

}  // namespace

ErrorMeaning describe(ErrorCode code) noexcept {
    return meanings[static_cast<std::size_t>(code)].meaning;
}

Error make_error(ErrorCode code, std::initializer_list<std::string_view> values) {
    return {code, base::fill_in(describe(code).text, values)};
}

Error with_context(std::string_view where, Error error) {
    error.text.insert(0, std::string(where) + ": ");
    return error;
}

}  // namespace proapi::http
