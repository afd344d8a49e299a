// Line ends and field lines, strictly (RFC 9112 sections 2.2, 5.1 and 5.2): bare CR, bare LF, obs-fold and white space
// before the colon are refused, since two readers of one message have been made to differ over each of them.
#include "http/line.hpp"

#include <algorithm>

#include "http/headers.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

// field-vchar, SP or HTAB: obs-text (0x80 and above) may come in, other controls may not.
constexpr bool is_field_octet(char c) noexcept {
    const auto octet = static_cast<unsigned char>(c);
    return octet == '\t' || (octet >= 0x20 && octet != 0x7f);
}

}  // namespace

ErrorCode strip_line_end(std::string_view& line) noexcept {
    // RFC 9112 section 2.2 lets a recipient take a lone LF for a line end; this one declines (MAY).
    if (line.empty() || line.back() != '\r') return ErrorCode::bare_lf;
    line.remove_suffix(1);
    return line.find('\r') == std::string_view::npos ? ErrorCode::none : ErrorCode::bare_cr;
}

base::Result<FieldLine, ErrorCode> parse_field_line(std::string_view line) noexcept {
    if (!line.empty() && is_space(line.front())) return ErrorCode::folded_line;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return ErrorCode::no_colon;
    const std::string_view name = line.substr(0, colon);
    // RFC 9112 section 5.1: white space between name and colon MUST be refused; it is no token character.
    if (!is_token(name)) return ErrorCode::bad_field_name;
    const std::string_view value = trim(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), is_field_octet)) return ErrorCode::control_in_field_value;
    return FieldLine{name, value};
}

}  // namespace proapi::http
