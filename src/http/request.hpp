// The head of a request, as the parser returns it. Path and query are not decoded; see http/url.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/headers.hpp"

namespace proapi::http {

// How the body is delimited (RFC 9112 section 6).
enum class BodyFraming : std::uint8_t { none, content_length, chunked };

// A WebSocket keeps its head as long as it lives, so nothing is stored that can be found again in the text.
struct RequestHead {
    std::string method;  // as received: methods are case-sensitive
    std::string target;  // the request target, as received
    Headers headers;
    std::uint64_t content_length = 0;  // if framing is content_length
    std::uint8_t minor_version = 1;    // HTTP/1.<minor>: 0 or 1
    BodyFraming framing = BodyFraming::none;
    bool keep_alive = true;         // what the client asks for, by version and Connection
    bool expects_continue = false;  // Expect: 100-continue from a 1.1 client that announces a body

    // The path of origin- and absolute-form, still percent-encoded; "*" for OPTIONS *. A view into `target`, or a
    // constant.
    [[nodiscard]] std::string_view raw_path() const noexcept;
    // What follows "?", still encoded. A view into `target`.
    [[nodiscard]] std::string_view query() const noexcept;
    // The authority of an absolute-form target, else the Host field; valid, or empty in HTTP/1.0. A view into either.
    [[nodiscard]] std::string_view host() const noexcept;
};

}  // namespace proapi::http
