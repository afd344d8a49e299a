// The address of a peer, or of a server that listens: a host and a port, as text.
#pragma once

#include <cstdint>
#include <string>

namespace proapi::base {

struct Address {
    std::string host;  // numeric if it comes from the kernel
    std::uint16_t port = 0;
    friend bool operator==(const Address&, const Address&) = default;
};

// "127.0.0.1:8000", "[::1]:8000"
[[nodiscard]] std::string to_string(const Address& address);

}  // namespace proapi::base
