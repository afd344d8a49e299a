// Which proxies a server believes: a list of addresses, of networks (CIDR blocks, RFC 4632 section 3.1 and RFC 4291
// section 2.3), and the word "unix". Does not know what a proxy says; see real_client.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.hpp"

namespace proapi::service {

// The addresses that begin with the first `prefix_bits` bits of `first`. IPv4 networks hold IPv4 addresses only, in any
// notation ("::ffff:10.0.0.1" is 10.0.0.1), and IPv6 networks hold IPv6 addresses only.
struct Network {
    base::IpAddress first;
    unsigned prefix_bits;

    [[nodiscard]] bool contains(const base::IpAddress& address) const noexcept;
};

// Reads "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". Returns nullopt for anything else, and if the address has bits
// beyond the prefix ("10.0.0.1/8"), because it is then unclear which of the two was meant.
[[nodiscard]] std::optional<Network> read_network(std::string_view text) noexcept;

// Whether `text` can be in a list of trusted networks: what read_network() accepts, or "unix".
[[nodiscard]] bool is_trusted_network(std::string_view text) noexcept;

class TrustedNetworks {
public:
    // Each item satisfies is_trusted_network(); others are ignored.
    explicit TrustedNetworks(const std::vector<std::string>& items);

    // Whether the list has the word "unix".
    [[nodiscard]] bool trusts_unix() const noexcept { return trusts_unix_; }
    [[nodiscard]] bool empty() const noexcept { return networks_.empty() && !trusts_unix_; }
    // `host` is the address of a socket's peer, as text. A text that is not an
    // address is not trusted. Linear in the number of networks.
    [[nodiscard]] bool contains(std::string_view host) const noexcept;
    [[nodiscard]] bool contains(const base::IpAddress& address) const noexcept;

private:
    std::vector<Network> networks_;
    bool trusts_unix_ = false;
};

}  // namespace proapi::service
