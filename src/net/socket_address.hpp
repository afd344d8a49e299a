// Addresses as the kernel's structures have them, and what a name stands for.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace proapi::net {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] base::Address address() const;
    [[nodiscard]] SocketAddress with_port(std::uint16_t port) const;
};

// What `host` names, for listening; empty with `error` filled where it names nothing.
[[nodiscard]] std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port, std::string& error);

}  // namespace proapi::net
