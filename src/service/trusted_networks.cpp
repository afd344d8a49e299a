#include "service/trusted_networks.hpp"

#include <algorithm>
#include <charconv>

namespace proapi::service {

namespace {

constexpr std::string_view unix_sockets = "unix";

// Whether the two have the same first `count` bits.
[[nodiscard]] bool share_prefix(const base::Ipv6Address& one, const base::Ipv6Address& other, unsigned count) noexcept {
    const unsigned whole = count / 8, rest = count % 8;
    if (!std::equal(one.begin(), one.begin() + whole, other.begin())) return false;
    return rest == 0 || (one[whole] ^ other[whole]) >> (8 - rest) == 0;
}

[[nodiscard]] bool has_bits_after(const base::Ipv6Address& octets, unsigned prefix_bits) noexcept {
    for (unsigned bit = prefix_bits; bit < base::IpAddress::bits; ++bit)
        if ((octets[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
    return false;
}

// Reads a decimal number without leading zeros.
[[nodiscard]] std::optional<unsigned> read_prefix(std::string_view text) noexcept {
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (error != std::errc{} || end != text.data() + text.size() || (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    return bits;
}

}  // namespace

bool Network::contains(const base::IpAddress& address) const noexcept {
    return address.is_ipv4() == first.is_ipv4() && share_prefix(first.octets(), address.octets(), prefix_bits);
}

std::optional<Network> read_network(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const std::string_view address_text = text.substr(0, slash);
    const auto address = base::parse_ip(address_text);
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return Network{*address, base::IpAddress::bits};
    const unsigned before = base::parse_ipv4(address_text) ? base::IpAddress::mapped_prefix_bits : 0;
    const auto bits = read_prefix(text.substr(slash + 1));
    if (!bits || *bits > base::IpAddress::bits - before || has_bits_after(address->octets(), before + *bits))
        return std::nullopt;
    return Network{*address, before + *bits};
}

bool is_trusted_network(std::string_view text) noexcept {
    return text == unix_sockets || read_network(text).has_value();
}

TrustedNetworks::TrustedNetworks(const std::vector<std::string>& items) {
    for (const std::string& item : items) {
        if (item == unix_sockets) trusts_unix_ = true;
        if (const auto network = read_network(item)) networks_.push_back(*network);
    }
}

bool TrustedNetworks::contains(std::string_view host) const noexcept {
    const auto address = base::parse_ip(host);
    return address && contains(*address);
}

bool TrustedNetworks::contains(const base::IpAddress& address) const noexcept {
    return std::ranges::any_of(networks_, [&](const Network& network) { return network.contains(address); });
}

}  // namespace proapi::service
