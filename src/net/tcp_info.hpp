// What the kernel counts of a connection.
#pragma once

#include <cstdint>

namespace proapi::net {

// How many octets the peer's kernel has acknowledged since the beginning.
[[nodiscard]] std::uint64_t delivered_octets(int socket) noexcept;

}  // namespace proapi::net
