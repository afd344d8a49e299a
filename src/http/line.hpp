// Shared by request heads, chunk lines and trailers: lines that end with CRLF, and field lines (RFC 9112 sections 2.2
// and 5). Internal to the `http` layer.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/error.hpp"

namespace proapi::http {

// Whether a line has more than `limit` octets before its CRLF. `line` is what has arrived of it so far, without the LF.
// A CR at the end may belong to the line end, so the result becomes true at the same octet however the input is cut.
[[nodiscard]] constexpr bool exceeds(std::string_view line, std::size_t limit) noexcept {
    return line.size() > limit && (line.size() - limit > 1 || line.back() != '\r');
}

// Removes the CR from a line whose LF has arrived.
[[nodiscard]] ErrorCode strip_line_end(std::string_view& line) noexcept;

struct FieldLine {
    std::string_view name, value;  // views of the line; the value is trimmed
};

// Parses a field line without its CRLF (RFC 9112 section 5).
[[nodiscard]] base::Result<FieldLine, ErrorCode> parse_field_line(std::string_view line) noexcept;

}  // namespace proapi::http
