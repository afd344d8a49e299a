// The octets a connection has not read yet: first those it kept for itself, then those the caller lends.
// Must not know what they mean.
//
//   retained (own copy) | read -> to be read |   then   | lent by feed() -> to be read |
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.hpp"

namespace proapi::ws {

class Input {
public:
    // Lends `bytes`, to be read after everything retained. Nothing lent before is left.
    void feed(base::MutableBytes bytes) noexcept { lent_ = bytes; }
    // Copies what is left of the lent octets.
    void retain();
    // Gives back a copy that has been read to its end; views into it die.
    void release_read() noexcept;
    void clear() noexcept;

    // The run of octets to be read next; empty only where there are none at all.
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
    std::unique_ptr<Retained> retained_;  // null for a connection that keeps up
};

}  // namespace proapi::ws
