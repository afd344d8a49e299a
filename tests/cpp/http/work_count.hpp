// Counts work without a clock: the octets that memchr examined and the octets that were allocated since the last reset.
// The test program is linked with --wrap=memchr and replaces operator new.
#pragma once

#include <cstdint>

namespace proapi::http {

struct Work {
    std::uint64_t searched_bytes = 0;
    std::uint64_t allocated_bytes = 0;
    std::uint64_t searches = 0;
    std::uint64_t allocations = 0;
    [[nodiscard]] std::uint64_t total() const noexcept {
        return searched_bytes + allocated_bytes + searches + allocations;
    }
};

void reset_work() noexcept;
[[nodiscard]] Work work_done() noexcept;

}  // namespace proapi::http
