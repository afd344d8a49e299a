// Strict line ends and field lines (RFC 9112 sections 2.2, 5.1 and 5.2): bare CR, bare LF, obs-fold and white space
// before the colon are refused, because attacks have used each of them to make two recipients read one message
// differently.
#include "http/line.hpp"

#include <algorithm>

#include "http/headers.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

// field-vchar, SP or HTAB. obs-text (0x80 and above) is accepted on input, other controls are not.
constexpr bool is_field_octet(char c) noexcept {
    const auto octet = static_cast<unsigned char>(c);
    return octet == '\t' || (octet >= 0x20 && octet != 0x7f);
}

}  // namespace

ErrorCode strip_line_end(std::string_view& line) noexcept {
    // RFC 9112 section 2.2: a recipient MAY accept a lone LF as a line end; this parser does not.
    if (line.empty() || line.back() != '\r') return ErrorCode::bare_lf;
    line.remove_suffix(1);
    return line.find('\r') == std::string_view::npos ? ErrorCode::none : ErrorCode::bare_cr;
}

base::Result<FieldLine, ErrorCode> parse_field_line(std::string_view line) noexcept {
    if (!line.empty() && is_space(line.front())) return ErrorCode::folded_line;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return ErrorCode::no_colon;
    const std::string_view name = line.substr(0, colon);
    // RFC 9112 section 5.1: white space between name and colon MUST be refused. is_token() rejects it.
    if (!is_token(name)) return ErrorCode::bad_field_name;
    const std::string_view value = trim(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), is_field_octet)) return ErrorCode::control_in_field_value;
    return FieldLine{name, value};
}

}  // namespace proapi::http
