// Which web pages may open a WebSocket: the Origin rule (RFC 6455 section 10.2), against cross-site hijacking.
// That the host itself is the server's own is the Host rule's to see (host_rule.hpp), before.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/request.hpp"
#include "service/host_rule.hpp"
#include "service/settings.hpp"

namespace proapi::service {

// An origin as browsers write it (RFC 6454 section 6.2): "null", or scheme://host[:port] without the port that is the
// scheme's own. One slash behind it, and that port, are left out of what is returned, a view into `text`. Another
// scheme than http and https may have no host ("file://"). Nothing where it is none.
[[nodiscard]] std::optional<std::string_view> read_origin(std::string_view text);

enum class OriginVerdict : std::uint8_t {
    passes,
    passes_in_development,  // by the exception alone: worth a line in the log
    refused,
};

// Passes: no Origin (not a browser); an origin in the route's allowed_origins ("*": any); the request's own host, by
// http or https. In development: "null", which pages opened from a file send, and loopback pages of any port, while
// neither the route nor the application lists an origin, only its own machine reaches the server, Host is a loopback
// name, and no field tells of a proxy.
[[nodiscard]] OriginVerdict judge_origin(const http::RequestHead& head, const WebSocketSettings& route,
                                         const Settings& application, Reach reach);

// The log's line about either, naming the setting.
[[nodiscard]] std::string describe_refused_origin(const http::RequestHead& head);
[[nodiscard]] std::string describe_development(const http::RequestHead& head);

}  // namespace proapi::service
