// One growing buffer for the message of RFC 6455 section 5.4; the header documents its bound.
#include "ws/assembler.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace proapi::ws {

void Assembler::grow_to_hold(std::size_t size, std::uint64_t final_size_at_most) {
    // A fifth on top keeps the copying for a growing message linear, and leaves malloc's rounding within a quarter.
    const std::size_t roomy = size + std::max<std::size_t>(size / 5, 1024);
    const std::uint64_t useful = std::max<std::uint64_t>(size, final_size_at_most);
    const auto capacity = static_cast<std::size_t>(std::min<std::uint64_t>(roomy, useful));
    std::uint8_t* old = buffer_.release();
    auto* block = static_cast<std::uint8_t*>(std::realloc(old, capacity));
    buffer_.reset(block != nullptr ? block : old);
    if (block == nullptr) throw std::bad_alloc{};
    capacity_ = capacity;
}

void Assembler::append(base::Bytes piece, std::uint64_t final_size_at_most) {
    if (piece.empty()) return;
    const std::size_t size = size_ + piece.size();
    if (size > capacity_) grow_to_hold(size, final_size_at_most);
    std::memcpy(buffer_.get() + size_, piece.data(), piece.size());
    size_ = size;
}

void Assembler::release() noexcept {
    buffer_.reset();
    size_ = capacity_ = 0;
}

}  // namespace proapi::ws
