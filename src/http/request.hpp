// What a request says: the head as the parser gives it. Path and query stay as they came; decoding is `url`'s.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/headers.hpp"

namespace proapi::http {

// How the body is delimited (RFC 9112 section 6).
enum class BodyFraming : std::uint8_t { none, content_length, chunked };

struct RequestHead {
    std::string method;     // as it came: methods are case-sensitive
    std::string target;     // the request target, as it came
    std::string raw_path;   // of origin- and absolute-form, still percent-encoded; "*" for OPTIONS *
    std::string query;      // after "?", without it, still encoded
    int minor_version = 1;  // HTTP/1.<minor>: 0 or 1
    Headers headers;
    std::string host;  // the Host field, or the authority of an absolute-form target; validated, maybe empty (1.0)
    BodyFraming framing = BodyFraming::none;
    std::uint64_t content_length = 0;  // where framing is content_length
    bool keep_alive = true;            // what the client asks, by version and Connection
    bool expects_continue = false;     // Expect: 100-continue from a 1.1 client that announces a body
};

}  // namespace proapi::http
