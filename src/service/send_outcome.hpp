// What became of something that an application sent: a message, or a part of a response's body.
#pragma once

#include <cstdint>

namespace proapi::service {

enum class SendOutcome : std::uint8_t {
    sent,   // sent, and the buffer is not above high water
    full,   // sent, but the sender should now wait until the buffer drains
    ended,  // not sent: the connection has ended
};

}  // namespace proapi::service
