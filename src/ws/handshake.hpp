// The opening handshake: every check that a server must make (RFC 6455 section 4.2), the subprotocols, the extension
// (section 9.1) and the 101 response; also a client's request and its check of the response (section 4.1), for tests
// and tools.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.hpp"
#include "http/response.hpp"
#include "ws/error.hpp"
#include "ws/extension.hpp"

namespace proapi::ws {

// Why a handshake is refused, and how to answer it.
struct HandshakeError : Error {
    http::Headers headers = {};  // Allow, Sec-WebSocket-Version, Connection: close
    // 400, 405 or 426.
    [[nodiscard]] int status() const noexcept { return describe(code).code; }
};

// Views into the request's head.
struct HandshakeRequest {
    std::string_view key;
    std::vector<std::string_view> subprotocols;  // as offered, in the client's order
};

// Whether the request asks for the WebSocket protocol: `Upgrade` contains the token "websocket", in any case.
[[nodiscard]] bool is_upgrade_request(const http::RequestHead& head) noexcept;

// Checks everything of section 4.2.1: method GET, HTTP/1.1, Host, Upgrade, Connection, key, version, no body; and the
// grammar of the offered subprotocols and extensions.
[[nodiscard]] base::Result<HandshakeRequest, HandshakeError> read_handshake(const http::RequestHead& head);

// For a request that read_handshake() has accepted: its Sec-WebSocket-Key, and the subprotocols that it offers.
[[nodiscard]] std::string_view find_key(const http::RequestHead& head) noexcept;
[[nodiscard]] std::vector<std::string_view> list_subprotocols(const http::RequestHead& head);
// For such a request: the agreement on the first of its offers that `extension` accepts; nullopt if it accepts none.
[[nodiscard]] std::optional<Extension::Agreement> accept_extension(const http::RequestHead& head,
                                                                   const Extension& extension);

// Returns the base64 of the SHA-1 of the key and the GUID (sections 4.2.2, 5.4).
[[nodiscard]] std::string accept_value(std::string_view key);

// Returns the whole 101 head with its final empty line. An empty `subprotocol` means none. `extra` must contain valid
// fields, and none that the handshake writes itself. `extension` is the agreed answer; empty means none.
[[nodiscard]] std::string write_accept_response(std::string_view key, std::string_view subprotocol,
                                                const http::Headers& extra, std::string_view extension = {});

// Client: writes the request head, and checks the response to it. `offered` is the extension that the client offers, or
// null.
[[nodiscard]] std::string write_handshake_request(std::string_view host, std::string_view target, std::string_view key,
                                                  std::span<const std::string> subprotocols,
                                                  const Extension* offered = nullptr);
[[nodiscard]] Result<void> check_accept_response(std::string_view head, std::string_view key,
                                                 const Extension* offered = nullptr);
// For a response that has passed the check: the agreement; nullopt if the server has declined the offer.
[[nodiscard]] std::optional<Extension::Agreement> confirm_extension(std::string_view head, const Extension& offered);

}  // namespace proapi::ws
