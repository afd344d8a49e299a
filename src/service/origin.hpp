// Which web pages may open a WebSocket: the Origin rule (RFC 6455 section 10.2), a defence against cross-site
// hijacking. The Host rule (host_rule.hpp) has already checked that the server answers for the host. CORS (cors.hpp)
// reads and compares origins with the same functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.hpp"
#include "service/host_rule.hpp"
#include "service/settings.hpp"

namespace proapi::service {

// Reads an origin as browsers write it (RFC 6454 section 6.2): "null", or scheme://host[:port]. Returns a view into
// `text` without one trailing slash and without the scheme's default port, or nullopt if `text` is not an origin.
// Schemes other than http and https may have an empty host ("file://").
[[nodiscard]] std::optional<std::string_view> read_origin(std::string_view text);

// Whether `list`, which holds origins as read_origin() returns them or "*", has `origin`, which is of the same form.
[[nodiscard]] bool is_listed_origin(const std::vector<std::string>& list, std::string_view origin);

enum class OriginVerdict : std::uint8_t {
    passes,
    passes_in_development,  // because of the development exception only: logged
    refused,
};

// A handshake passes if it has no Origin (not a browser), if its origin is in the route's allowed_origins ("*": any),
// or if its origin is the request's own host, by http or https. In development, "null" (sent by pages opened from a
// file) and loopback pages of any port also pass. Development means: neither the route nor the application lists an
// origin, only programs on its own machine can reach the server, Host is a loopback name, and no field indicates a
// proxy.
[[nodiscard]] OriginVerdict judge_origin(const http::RequestHead& head, const WebSocketSettings& route,
                                         const Settings& application, Reach reach);

// The log line for a refused origin, and for one that passed in development. Both name the setting.
[[nodiscard]] std::string describe_refused_origin(const http::RequestHead& head);
[[nodiscard]] std::string describe_development(const http::RequestHead& head);

}  // namespace proapi::service
