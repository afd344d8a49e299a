// A request together with what the server knows about it. HTTP exchanges and WebSocket handshakes use the same form,
// whether the request arrived on the engine's own socket or through another server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "http/request.hpp"
#include "http/router.hpp"

namespace proapi::service {

// Who can connect to a server: only programs on its own machine, or others too. A Unix socket counts as the network:
// its clients are proxies, not browsers.
enum class Reach : std::uint8_t { loopback, network };

enum class RequestKind : std::uint8_t {
    http,
    handshake,          // asks for a WebSocket; not validated yet
    checked_handshake,  // the same, but the server in front has validated it (RFC 6455 section 4.2.1)
};

struct RequestInfo {
    http::RequestHead head;
    http::Match match;  // filled by Service::open()
    base::Address client;
    std::uint32_t mount_bytes = 0;  // of the mount prefix in the raw path; the application's routes begin after it
    Reach reach = Reach::network;   // of the server that received the request
    RequestKind kind = RequestKind::http;
    bool secure = false;  // over TLS
    // Host is what a trusted proxy says; the request has passed the Host rule with the one that it came with.
    bool is_host_forwarded = false;
    std::shared_ptr<const std::string> client_certificate = nullptr;  // as PEM; null: none was presented

    // The path to match against the routes, still percent-encoded. A view into head.target.
    [[nodiscard]] std::string_view route_path() const noexcept { return head.raw_path().substr(mount_bytes); }
};

// Returns the URL that the client asked for: scheme, host and target. `websocket` selects ws/wss instead of http/https.
enum class UrlKind : std::uint8_t { http, websocket };
[[nodiscard]] std::string make_url(const RequestInfo& request, UrlKind kind);

}  // namespace proapi::service
