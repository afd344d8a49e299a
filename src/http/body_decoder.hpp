// Request bodies: Content-Length and chunked coding (RFC 9112 sections 6 and 7), bounded, in parts or whole. No I/O.
// Chunk extensions and trailers are parsed, bounded and dropped, never merged into the head.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "http/error.hpp"
#include "http/request_parser.hpp"

namespace proapi::http {

struct BodyLimits {
    std::uint64_t max_body_bytes = 1024 * 1024;  // beyond: 413, as soon as a length announces it
    std::size_t max_chunk_line_bytes = 256;      // size and extensions; beyond: 400. All extensions together:
                                                 // 16 KiB and twice the data; beyond: 400
    std::size_t max_trailer_bytes = 8 * 1024;    // beyond: 431
    std::size_t max_trailer_fields = 100;        // beyond: 431
};

class BodyDecoder {
public:
    BodyDecoder(const RequestHead& head, const BodyLimits& limits);

    // Takes octets of the body and returns how many it took. It stops at the end of the body: the rest belongs to the
    // next request.
    std::size_t feed(base::Bytes bytes);
    [[nodiscard]] ParseState state() const noexcept { return state_; }
    // Why decoding failed; `none` if it has not.
    [[nodiscard]] ErrorCode error() const noexcept { return error_; }
    [[nodiscard]] std::size_t buffered_bytes() const noexcept { return body_.size() + line_.size(); }
    // Returns what has arrived since the last call. If it is called only once, after completion, that is the whole
    // body.
    [[nodiscard]] std::string take_body() noexcept { return std::exchange(body_, {}); }

private:
    enum class Phase : std::uint8_t { length, chunk_line, chunk_data, chunk_end, trailer };
    void fail(ErrorCode error);
    // The take_...() functions remove what they take from the front of `input`.
    void make_room_for(std::size_t count);
    void take_data(std::string_view& input);
    void take_chunk_end(std::string_view& input);
    void take_chunk_line(std::string_view& input);
    void take_trailer_line(std::string_view& input);
    void begin_chunk(std::string_view line);

    BodyLimits limits_;
    ParseState state_ = ParseState::need_data;
    Phase phase_ = Phase::length;
    std::uint64_t remaining_ = 0;        // of the body, or of the current chunk
    std::uint64_t data_bytes_ = 0;       // of the body so far
    std::string line_;                   // the chunk or trailer line so far, without its LF
    std::uint64_t extension_bytes_ = 0;  // of all chunk lines
    std::size_t trailer_bytes_ = 0, trailer_fields_ = 0;
    std::string body_;
    ErrorCode error_ = ErrorCode::none;
};

}  // namespace proapi::http
