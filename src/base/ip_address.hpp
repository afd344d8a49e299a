// Parses IP addresses in their standard notation (RFC 4291 section 2.2, RFC 6943 section 3.1.1). Does not resolve
// names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace proapi::base {

// In network order.
using Ipv4Address = std::array<std::uint8_t, 4>;
using Ipv6Address = std::array<std::uint8_t, 16>;

// Four decimal numbers without leading zeros. Returns nullopt for anything else.
[[nodiscard]] std::optional<Ipv4Address> parse_ipv4(std::string_view text) noexcept;
// Groups of hexadecimal digits, at most one "::", optionally an IPv4 address at the end; no zone, no brackets. Returns
// nullopt for anything else.
[[nodiscard]] std::optional<Ipv6Address> parse_ipv6(std::string_view text) noexcept;

}  // namespace proapi::base
