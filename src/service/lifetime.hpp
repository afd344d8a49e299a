// How long each WebSocket may stay open: `max_lifetime`, less up to a tenth. Clients that have connected together, for
// example after a restart, would otherwise be closed, and come back, together each time.
#pragma once

#include <cstdint>
#include <string_view>

#include "service/settings.hpp"

namespace proapi::service {

// The reason with which it is closed then.
inline constexpr std::string_view lifetime_is_over = "the connection has reached its max_lifetime";

// Spreads the ends evenly: each connection gets another part of the tenth than those before it. Multiples of the golden
// ratio do this better than random numbers, whatever the number of connections, and need no source of randomness.
class LifetimeSpread {
public:
    // Returns the lifetime of one more connection, from 90 % of `max_lifetime` to all of it.
    [[nodiscard]] Duration next(Duration max_lifetime) noexcept {
        const std::uint64_t early = (milliseconds(max_lifetime) / 10 * position_) >> 32;
        position_ += golden_ratio;
        return max_lifetime - Duration(early);
    }

private:
    static constexpr std::uint32_t golden_ratio = 0x9E37'79B9;  // its fraction, in 32 bits
    std::uint32_t position_ = 0;
};

}  // namespace proapi::service
