// Request heads of HTTP/1.1, strictly (RFC 9112 sections 2-6): octets in, one head or one refusal out. No I/O.
// Linear in its input however the input is cut. What is ambiguous is refused: two lengths, a length and a transfer
// coding, bare CR or LF, obs-fold, white space before the colon. A refusal always ends the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "http/error.hpp"
#include "http/request.hpp"

namespace proapi::http {

struct HeadLimits {
    std::size_t max_request_line_bytes = 8 * 1024;  // beyond: 414
    std::size_t max_head_bytes = 16 * 1024;         // beyond: 431
    std::size_t max_fields = 100;                   // beyond: 431
};

enum class ParseState : std::uint8_t { need_data, complete, failed };

class RequestParser {
public:
    explicit RequestParser(const HeadLimits& limits) noexcept : limits_(limits) {}

    // Takes octets of the head; gives how many it took. It stops at the head's end: the rest is the body's.
    // After `complete`, call take_head() before the next feed(); after `failed` nothing more is taken.
    std::size_t feed(base::Bytes bytes);
    [[nodiscard]] ParseState state() const noexcept { return state_; }
    // Why it has failed; `none` if it has not.
    [[nodiscard]] ErrorCode error() const noexcept { return error_; }
    // Whether an octet of the next head has come (decides between idle keep-alive and head_timeout).
    [[nodiscard]] bool has_begun() const noexcept { return !buffer_.empty() || state_ != ParseState::need_data; }
    [[nodiscard]] std::size_t buffered_bytes() const noexcept { return buffer_.size(); }
    // The finished head; the parser is ready for the next request.
    [[nodiscard]] RequestHead take_head();

private:
    void fail(ErrorCode error);
    void take_line();
    void take_request_line(std::string_view line);
    void take_field_line(std::string_view line);
    void finish();
    [[nodiscard]] bool settle_host();
    [[nodiscard]] bool settle_framing();
    [[nodiscard]] bool settle_expectation();

    HeadLimits limits_;
    ParseState state_ = ParseState::need_data;
    std::string buffer_;               // the head so far; empty while nothing of it has come
    std::size_t line_start_ = 0;       // where in buffer_ the current line begins
    bool in_fields_ = false;           // past the request line
    bool skipped_blank_line_ = false;  // the one tolerated before the request line
    std::size_t fields_seen_ = 0;
    RequestHead head_;
    ErrorCode error_ = ErrorCode::none;
};

}  // namespace proapi::http
