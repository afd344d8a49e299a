// What a request says: the head as the parser gives it. Path and query stay as they came; decoding is `url`'s.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/headers.hpp"

namespace proapi::http {

// How the body is delimited (RFC 9112 section 6).
enum class BodyFraming : std::uint8_t { none, content_length, chunked };

// A WebSocket keeps its head for as long as it lives, so what can be found in the text again is not kept beside it.
struct RequestHead {
    std::string method;  // as it came: methods are case-sensitive
    std::string target;  // the request target, as it came
    Headers headers;
    std::uint64_t content_length = 0;  // where framing is content_length
    std::uint8_t minor_version = 1;    // HTTP/1.<minor>: 0 or 1
    BodyFraming framing = BodyFraming::none;
    bool keep_alive = true;         // what the client asks, by version and Connection
    bool expects_continue = false;  // Expect: 100-continue from a 1.1 client that announces a body

    // Of origin- and absolute-form, still percent-encoded; "*" for OPTIONS *. A view into `target`, or a constant.
    [[nodiscard]] std::string_view raw_path() const noexcept;
    // After "?", without it, still encoded. A view into `target`.
    [[nodiscard]] std::string_view query() const noexcept;
    // The authority of an absolute-form target, else the Host field; validated, maybe empty (1.0). A view into either.
    [[nodiscard]] std::string_view host() const noexcept;
};

}  // namespace proapi::http
