// A request together with what the server knows of it: the same for an HTTP exchange and a WebSocket's handshake,
// whether it came over our own socket or through another server.
#pragma once

#include <string>

#include "base/address.hpp"
#include "http/request.hpp"
#include "http/router.hpp"

namespace proapi::service {

struct RequestInfo {
    http::RequestHead head;
    http::Match match;
    base::Address client;
    bool secure = false;  // over TLS
};

// The URL that the client asked for: scheme, host and target. `websocket` chooses ws/wss or http/https.
enum class UrlKind : std::uint8_t { http, websocket };
[[nodiscard]] std::string url_of(const RequestInfo& request, UrlKind kind);

}  // namespace proapi::service
