// Empties an output queue, as a socket would that takes everything.
#pragma once

#include <cstdint>
#include <vector>

#include "base/output_queue.hpp"

namespace proapi::tests {

inline std::vector<std::uint8_t> take_all(base::OutputQueue& output) {
    std::vector<std::uint8_t> all;
    while (!output.empty()) {
        base::Bytes piece;
        if (output.gather({&piece, 1}) == 0) break;
        all.insert(all.end(), piece.begin(), piece.end());
        output.consume(piece.size());
    }
    return all;
}

}  // namespace proapi::tests
