// Whether and how a route compresses messages (permessage-deflate, RFC 7692).
#pragma once

#include <cstdint>

namespace proapi::service {

enum class Compression : std::uint8_t {
    none,
    shared,     // each message on its own, so that connections share the memory of their thread
    dedicated,  // messages refer to earlier ones, which takes memory for each connection
};

}  // namespace proapi::service
