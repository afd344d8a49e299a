// Where a peer is or a server listens: host and port, as text and as the kernel's structures.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

namespace proapi::net {

struct Address {
    std::string host;  // numeric once it comes from the kernel
    std::uint16_t port = 0;
    friend bool operator==(const Address&, const Address&) = default;
};

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] Address address() const;
    [[nodiscard]] SocketAddress with_port(std::uint16_t port) const;
};

// What `host` names, for listening; empty with `error` filled where it names nothing.
[[nodiscard]] std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port, std::string& error);

// "127.0.0.1:8000", "[::1]:8000"
[[nodiscard]] std::string to_string(const Address& address);

}  // namespace proapi::net
