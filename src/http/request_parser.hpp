// A strict parser for request heads of HTTP/1.1 (RFC 9112 sections 2-6): takes octets, returns one head or one refusal.
// No I/O. Linear in its input however the input is cut. Ambiguous heads are refused: two lengths, a length and a
// transfer coding, bare CR or LF, obs-fold, white space before the colon. A refusal always ends the connection.
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

    // Takes octets of the head and returns how many it took. It stops at the end of the head: the rest belongs to the
    // body. After `complete`, call take_head() before the next feed(). After `failed`, it takes nothing more.
    std::size_t feed(base::Bytes bytes);
    [[nodiscard]] ParseState state() const noexcept { return state_; }
    // Why parsing failed; `none` if it has not.
    [[nodiscard]] ErrorCode error() const noexcept { return error_; }
    // Whether an octet of the next head has arrived (decides between idle keep-alive and head_timeout).
    [[nodiscard]] bool has_begun() const noexcept { return !buffer_.empty() || state_ != ParseState::need_data; }
    [[nodiscard]] std::size_t buffered_bytes() const noexcept { return buffer_.size(); }
    // Returns the complete head and prepares the parser for the next request.
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
    std::string buffer_;               // the head so far; empty until its first octet arrives
    std::size_t line_start_ = 0;       // position of the current line in buffer_
    bool in_fields_ = false;           // after the request line
    bool skipped_blank_line_ = false;  // the one allowed before the request line
    std::size_t fields_seen_ = 0;
    RequestHead head_;
    ErrorCode error_ = ErrorCode::none;
};

}  // namespace proapi::http
