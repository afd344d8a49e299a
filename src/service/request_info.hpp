// A request together with what the server knows of it: the same for an HTTP exchange and a WebSocket's handshake,
// whether it came over our own socket or through another server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "http/request.hpp"
#include "http/router.hpp"

namespace proapi::service {

// Who can connect to a server: programs of its own machine alone, or others too.
enum class Reach : std::uint8_t { loopback, network };

enum class RequestKind : std::uint8_t {
    http,
    handshake,          // asks for a WebSocket; nothing of that was checked yet
    checked_handshake,  // the same; the other server that it came through has checked it (RFC 6455 section 4.2.1)
};

struct RequestInfo {
    http::RequestHead head;
    http::Match match;  // filled by Service::open()
    base::Address client;
    std::uint32_t mount_bytes = 0;  // of the raw path: where the application is mounted; its routes begin behind
    Reach reach = Reach::network;   // of the server that it came to
    RequestKind kind = RequestKind::http;
    bool secure = false;  // over TLS

    // What is matched against the routes, still percent-encoded. A view into head.target.
    [[nodiscard]] std::string_view route_path() const noexcept { return head.raw_path().substr(mount_bytes); }
};

// The URL that the client asked for: scheme, host and target. `websocket` chooses ws/wss or http/https.
enum class UrlKind : std::uint8_t { http, websocket };
[[nodiscard]] std::string make_url(const RequestInfo& request, UrlKind kind);

}  // namespace proapi::service
