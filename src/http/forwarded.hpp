// What proxies say about those who called them: the elements of Forwarded (RFC 7239) and the members of
// X-Forwarded-For, -Proto and -Host. Each of them may be invented by a client: service/real_client.hpp decides which
// ones are believed. Linear in the size of the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"

namespace proapi::http {

// Who called a proxy (RFC 7239 section 6).
struct ForwardedNode {
    std::optional<base::IpAddress> address;  // nullopt: "unknown", or a name that hides it, such as "_hidden"
    std::uint16_t port = 0;                  // 0: not named, or hidden
};

// Reads the value of for=, without its quotes: "192.0.2.43", "192.0.2.43:47011", "[2001:db8::1]:4711", "unknown",
// "_gazonk". Returns nullopt for anything else.
[[nodiscard]] std::optional<ForwardedNode> parse_forwarded_node(std::string_view text) noexcept;

// Reads a member of X-Forwarded-For, which no RFC defines: the same, or an IPv6 address without brackets.
[[nodiscard]] std::optional<ForwardedNode> parse_x_forwarded_for(std::string_view text) noexcept;

// One element of Forwarded: what one proxy says. An empty string: not named.
struct ForwardedElement {
    std::optional<ForwardedNode> client;  // for=
    std::string proto, host;              // as written, not checked
};

// Reads an element as split_list() returns it, such as `for="[2001:db8::1]";proto=https`. Other parameters are ignored.
// Returns nullopt if the element breaks the grammar of RFC 7239 section 4, if for= is not a node, or if for=, proto= or
// host= occurs twice.
[[nodiscard]] std::optional<ForwardedElement> parse_forwarded_element(std::string_view element);

// Whether a scheme means TLS: true for https and wss, false for http and ws (some proxies name those for handshakes),
// in any case; nullopt for anything else.
[[nodiscard]] std::optional<bool> is_secure_scheme(std::string_view scheme) noexcept;

// Returns what commas separate, trimmed and without empty members. Unlike split_list(), quotes have no meaning: a
// quote that a client sends must not swallow the comma that a proxy adds after it.
[[nodiscard]] std::vector<std::string_view> split_at_commas(std::string_view text);

}  // namespace proapi::http
