// Addresses in the kernel's structures, and name resolution.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

namespace proapi::net {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    // An IPv4 client of an IPv6 socket has its IPv4 address, a client over a Unix socket the host "unix".
    [[nodiscard]] base::Address address() const;
    // Whether it is "::", every address of this machine.
    [[nodiscard]] bool is_any_ipv6() const noexcept;
    [[nodiscard]] SocketAddress with_port(std::uint16_t port) const;
};

// Resolves `host` to at least one address to listen on. Fails with a code of getaddrinfo(), whose message() is the text
// of gai_strerror(). Blocks while the system's resolver works.
[[nodiscard]] base::Result<std::vector<SocketAddress>, std::error_code> resolve(const std::string& host,
                                                                                std::uint16_t port);

}  // namespace proapi::net
