// One message that a server sends to many connections. It is framed, and encoded by an extension, once for all
// connections that do so alike.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/slice.hpp"
#include "ws/extension.hpp"

namespace proapi::ws {

// One thread at a time. A copy, for example for another thread, shares the octets of the frames that exist already.
class SharedFrame {
public:
    // Copies `payload`. Throws std::bad_alloc.
    SharedFrame(Opcode opcode, base::Bytes payload);

    [[nodiscard]] Opcode opcode() const noexcept { return opcode_; }
    // A view that lives as long as a copy of plain().
    [[nodiscard]] base::Bytes payload() const noexcept { return plain_.bytes().last(payload_bytes_); }
    // The unmasked frame without an extension (RFC 6455 section 5.6).
    [[nodiscard]] const base::Slice& plain() const noexcept { return plain_; }
    // The frame that a connection with `encoder` sends. encoder.variant() is not 0. Throws std::bad_alloc.
    [[nodiscard]] const base::Slice& encoded(MessageEncoder& encoder);

private:
    base::Slice plain_;
    std::size_t payload_bytes_;
    Opcode opcode_;
    std::vector<std::pair<std::uint64_t, base::Slice>> encoded_;  // by variant
};

}  // namespace proapi::ws
