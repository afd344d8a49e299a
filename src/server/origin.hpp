// Which web pages may open a WebSocket: the Origin rule (RFC 6455 section 10.2), against cross-site hijacking.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/request.hpp"

namespace proapi::server {

// Whether a browser may write it so: "null", or scheme://host[:port] with nothing behind it (RFC 6454 section 6.2).
[[nodiscard]] bool is_origin(std::string_view text);

// Passes: no Origin (not a browser); an origin in `allowed` ("*": any); the request's own host; and, while the host is
// a loopback name and no field tells of a proxy (Forwarded, X-Forwarded-*, X-Real-IP, Via), loopback pages of any port
// and "null". Gives what to log where it does not pass, naming the setting; empty: it passes.
[[nodiscard]] std::string check_origin(const http::RequestHead& head, const std::vector<std::string>& allowed);

}  // namespace proapi::server
