// Gathers the pieces of one message in one buffer (RFC 6455 section 5.4). The buffer grows with what has arrived, never
// with what a header claims: an unfinished message of n octets uses at most n + max(n/5, 1 KiB), however many fragments
// it arrived in. Without a message it uses nothing. Must not know opcodes, limits or UTF-8.
#pragma once

#include <cstdlib>
#include <memory>

#include "base/bytes.hpp"

namespace proapi::ws {

class Assembler {
public:
    // Appends `piece`. The message will have at most `final_size_at_most` octets; more is never allocated. If it throws
    // std::bad_alloc, the octets gathered before are kept.
    void append(base::Bytes piece, std::uint64_t final_size_at_most);
    // Discards the message and frees its memory.
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
    // From malloc, because realloc moves large blocks by remapping pages, while operator new would require a copy.
    std::unique_ptr<std::uint8_t, Free> buffer_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace proapi::ws
