// Response heads, written (RFC 9112 section 4, RFC 9110 section 15), and chunks of a streamed body.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/error.hpp"
#include "http/headers.hpp"

namespace proapi::http {

// The standard phrase, "Unknown" for codes without one.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
// 1xx, 204 and 304 have no body and no Content-Length of their own making (RFC 9110 section 6.4.1).
[[nodiscard]] bool status_has_body(int status) noexcept;

struct ResponseHead {
    int status = 200;
    Headers headers;
    std::optional<std::uint64_t> content_length;  // none: chunked to a 1.1 client, until close to a 1.0 client
    bool keep_alive = true;
    int minor_version = 1;  // the request's
    // How long a connection that is kept is, announced in whole seconds; below one: not said.
    std::chrono::milliseconds keep_alive_timeout{0};
};

// Checks what an application put into a response. Fails for a status outside 200-599, a field name or value that would
// break the framing or is not ASCII, and a field that the engine writes itself: Connection, Content-Length,
// Transfer-Encoding, Date.
[[nodiscard]] Result<void> check_response(int status, const Headers& headers);

// The head with its final empty line: status line, Date (`date` is an IMF-fixdate; empty: none), the caller's fields,
// framing, Keep-Alive (RFC 2068 section 19.7.1.1) where a connection is kept for a known time, and one Connection
// field: the options of the caller's own, `upgrade` beside an Upgrade field, `keep-alive` beside Keep-Alive and to
// a 1.0 client whose connection is kept, `close` where it is not. Framing and Date among the caller's are left out.
[[nodiscard]] std::string write_response_head(const ResponseHead& head, std::string_view date);

// Whether a streamed body to this client goes in chunks.
[[nodiscard]] constexpr bool streams_in_chunks(const ResponseHead& head) noexcept {
    return !head.content_length && head.minor_version >= 1;
}
// "1a\r\n": what stands before a chunk of that size (> 0). "\r\n" follows the chunk; "0\r\n\r\n" ends the body.
[[nodiscard]] std::string chunk_prefix(std::size_t size_bytes);
inline constexpr std::string_view chunk_suffix = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

// IMF-fixdate of RFC 9110 section 5.6.7 for seconds since the epoch; and back (all three forms), nothing if invalid.
[[nodiscard]] std::string format_date(std::int64_t unix_seconds);
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text) noexcept;

// "text/html; charset=utf-8" for "index.html": by the ending, application/octet-stream where it is unknown.
[[nodiscard]] std::string_view guess_content_type(std::string_view file_name) noexcept;

}  // namespace proapi::http
