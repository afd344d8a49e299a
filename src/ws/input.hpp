// The octets that a connection has not read yet: first those that it has retained, then those that the caller lends.
// Must not know what the octets mean.
//
//   retained (own copy) | read -> to be read |   then   | lent by feed() -> to be read |
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.hpp"

namespace proapi::ws {

class Input {
public:
    // Lends `bytes`, to be read after everything retained. All octets lent before must have been read or retained.
    void feed(base::MutableBytes bytes) noexcept { lent_ = bytes; }
    // Copies the unread lent octets.
    void retain();
    // Frees the copy if it has been read to its end; invalidates views into it.
    void release_read() noexcept;
    void clear() noexcept;

    // Returns the contiguous octets to read next; empty only if there are none at all.
    [[nodiscard]] base::MutableBytes current() const noexcept;
    void advance(std::size_t count) noexcept;  // count <= current().size()

    [[nodiscard]] bool empty() const noexcept { return current().empty(); }
    [[nodiscard]] std::size_t retained_octets() const noexcept;

private:
    struct Retained {
        std::vector<std::uint8_t> octets;
        std::size_t read = 0;
    };
    base::MutableBytes lent_;
    std::unique_ptr<Retained> retained_;  // null for a connection whose input is read as it arrives
};

}  // namespace proapi::ws
