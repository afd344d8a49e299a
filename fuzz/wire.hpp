// What two ends of a WebSocket need to talk to each other.
#pragma once

#include <string>

#include "target.hpp"
#include "tests/cpp/base/take_all.hpp"

namespace proapi::fuzz {

// Returns the octets on their way to the peer.
[[nodiscard]] inline std::string take_wire(base::OutputQueue& output) {
    const auto octets = tests::take_all(output);
    check(output.empty(), "output that is not empty has a piece");
    return std::string(base::as_text(octets));
}

// A client's masking keys.
[[nodiscard]] inline std::uint32_t next_masking_key() {
    static std::uint32_t key = 1;
    return key = key * 1'664'525 + 1'013'904'223;
}

}  // namespace proapi::fuzz
