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

    [[nodiscard]] base::Address address() const;
    [[nodiscard]] SocketAddress with_port(std::uint16_t port) const;
};

// The addresses that `host` names, for listening: at least one. Fails with a code of getaddrinfo(), whose message() is
// gai_strerror()'s. Blocks while it asks the system's resolver.
[[nodiscard]] base::Result<std::vector<SocketAddress>, std::error_code> resolve(const std::string& host,
                                                                                std::uint16_t port);

}  // namespace proapi::net
