// What happens when a client sends messages faster than `message_rate` allows.
#pragma once

#include <cstdint>

namespace proapi::service {

enum class RateAction : std::uint8_t {
    pause,  // its socket is read no further until the next message is allowed
    close,  // the connection is closed with 1008
};

}  // namespace proapi::service
