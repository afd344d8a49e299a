// Gathers the pieces of one message in one buffer (RFC 6455 section 5.4). It grows by what has arrived, never by what a
// header claims: an unfinished message of n octets owns at most n + max(n/5, 1 KiB), however many fragments it came in.
// Without a message it owns nothing. Must not know opcodes, limits or UTF-8.
#pragma once

#include <cstdlib>
#include <memory>

#include "base/bytes.hpp"

namespace proapi::ws {

class Assembler {
public:
    // Adds `piece` at the end. `final_size_at_most` is where the message will certainly end: more is never allocated.
    // Throws std::bad_alloc, keeping what it has.
    void append(base::Bytes piece, std::uint64_t final_size_at_most);
    // Forgets the message and gives its memory back.
    void release() noexcept;

    [[nodiscard]] base::Bytes bytes() const noexcept { return {buffer_.get(), size_}; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

private:
    void grow_to_hold(std::size_t size, std::uint64_t final_size_at_most);

    struct Free {
        void operator()(std::uint8_t* block) const noexcept { std::free(block); }
    };
    // From malloc, since realloc moves large blocks by remapping pages where operator new would copy them.
    std::unique_ptr<std::uint8_t, Free> buffer_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace proapi::ws
