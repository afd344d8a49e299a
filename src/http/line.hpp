// What request heads, chunk lines and trailers share: lines that end with CRLF, and the field line
// (RFC 9112 sections 2.2 and 5). A piece of the `http` layer's inside; nothing outside it needs these.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/error.hpp"

namespace proapi::http {

// Whether a line has more than `limit` octets before its CRLF. `line` is what came of it so far without the LF: a CR
// at the end may be the line end's, so that the answer turns true at the same octet however the input is cut.
[[nodiscard]] constexpr bool exceeds(std::string_view line, std::size_t limit) noexcept {
    return line.size() > limit && (line.size() - limit > 1 || line.back() != '\r');
}

// Takes the CR off a line whose LF has come.
[[nodiscard]] ErrorCode strip_line_end(std::string_view& line) noexcept;

struct FieldLine {
    std::string_view name, value;  // views of the line; the value without white space around it
};

// A field line without its CRLF (RFC 9112 section 5).
[[nodiscard]] base::Result<FieldLine, ErrorCode> parse_field_line(std::string_view line) noexcept;

}  // namespace proapi::http
