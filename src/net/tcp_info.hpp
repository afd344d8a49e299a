// Counters that the kernel keeps for a connection.
#pragma once

#include <cstdint>

namespace proapi::net {

// The number of octets that the peer's kernel has acknowledged since the connection began; 0 if it is unknown.
[[nodiscard]] std::uint64_t delivered_octets(int socket) noexcept;

}  // namespace proapi::net
