// IP addresses in their standard notation (RFC 4291 section 2.2, RFC 6943 section 3.1.1). Nothing is resolved.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace proapi::base {

// In network order.
using Ipv4Address = std::array<std::uint8_t, 4>;
using Ipv6Address = std::array<std::uint8_t, 16>;

// Four decimal numbers; none has a zero before it. Nothing where `text` is anything else.
[[nodiscard]] std::optional<Ipv4Address> parse_ipv4(std::string_view text) noexcept;
// Groups of hexadecimal digits, at most one "::", perhaps an IPv4 address at the end; no zone, no brackets. Nothing
// where `text` is anything else.
[[nodiscard]] std::optional<Ipv6Address> parse_ipv6(std::string_view text) noexcept;

}  // namespace proapi::base
