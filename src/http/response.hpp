// Writes response heads (RFC 9112 section 4, RFC 9110 section 15).
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

// Returns the standard phrase, or "Unknown" for codes without one.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
// 1xx, 204 and 304 have no body, and no Content-Length on that account (RFC 9110 section 6.4.1).
[[nodiscard]] bool status_has_body(int status) noexcept;

struct ResponseHead {
    int status = 200;
    Headers headers;
    std::optional<std::uint64_t> content_length;  // nullopt: chunked for a 1.1 client, until close for a 1.0 client
    bool keep_alive = true;
    int minor_version = 1;  // the request's
    // How long an idle connection is kept. Announced in whole seconds, and not at all below one second.
    std::chrono::milliseconds keep_alive_timeout{0};
};

// Checks what an application has put into a response. Fails for a status outside 200-599, for a field name or value
// that would break the framing or is not ASCII, and for fields that the engine writes itself: Connection,
// Content-Length, Transfer-Encoding, Date.
[[nodiscard]] Result<void> check_response(int status, const Headers& headers);

// Returns the head with its final empty line: status line, Date (`date` is an IMF-fixdate; empty: no Date), the
// caller's fields, framing, Keep-Alive (RFC 2068 section 19.7.1.1) if the connection is kept for a known time, and one
// Connection field. Connection contains the options of the caller's own Connection fields, `upgrade` with an Upgrade
// field, `keep-alive` with Keep-Alive and for a 1.0 client whose connection is kept, and `close` if the connection is
// not kept. The caller's framing fields and Date are left out.
[[nodiscard]] std::string write_response_head(const ResponseHead& head, std::string_view date);

// Whether a streamed body is sent to this client in chunks.
[[nodiscard]] constexpr bool streams_in_chunks(const ResponseHead& head) noexcept {
    return !head.content_length && head.minor_version >= 1;
}

// Writes seconds since the epoch as IMF-fixdate (RFC 9110 section 5.6.7). parse_date() accepts all three forms and
// returns nullopt if the text is invalid.
[[nodiscard]] std::string format_date(std::int64_t unix_seconds);
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text) noexcept;

// Returns "text/html; charset=utf-8" for "index.html", by the extension; application/octet-stream if it is unknown.
[[nodiscard]] std::string_view guess_content_type(std::string_view file_name) noexcept;

}  // namespace proapi::http
