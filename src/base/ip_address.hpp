// Parses and writes IP addresses in their standard notation (RFC 4291 section 2.2, RFC 6943 section 3.1.1, RFC 5952).
// Does not resolve names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
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

// An address of either family. An IPv4 address is held in its IPv4-mapped form, ::ffff:a.b.c.d (RFC 4291 section
// 2.5.5.2), so that an IPv4 peer is the same address whatever the family of the socket that it came to.
class IpAddress {
public:
    static constexpr unsigned bits = 128, mapped_prefix_bits = 96;

    explicit IpAddress(const Ipv4Address& address) noexcept;
    explicit IpAddress(const Ipv6Address& address) noexcept : octets_(address) {}

    [[nodiscard]] bool is_ipv4() const noexcept;
    [[nodiscard]] const Ipv6Address& octets() const noexcept { return octets_; }
    friend bool operator==(const IpAddress&, const IpAddress&) = default;

private:
    Ipv6Address octets_;
};

// What parse_ipv4() or parse_ipv6() accepts.
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text) noexcept;
// "192.0.2.1", "2001:db8::1": one text for each address (RFC 5952 section 4). An IPv4-mapped address is written as
// IPv4.
[[nodiscard]] std::string to_string(const IpAddress& address);

}  // namespace proapi::base
