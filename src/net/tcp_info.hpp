// Counters that the kernel keeps for a connection.
#pragma once

#include <cstdint>
#include <optional>

namespace proapi::net {

// The number of octets that the peer's kernel has acknowledged since the connection began; nothing if `socket` is not a
// TCP socket.
[[nodiscard]] std::optional<std::uint64_t> delivered_octets(int socket) noexcept;

}  // namespace proapi::net
