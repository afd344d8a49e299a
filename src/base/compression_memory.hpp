// Bounds the memory of everything that is compressed or decompressed with reference to what came before: WebSockets
// with a window of their own, and the bodies of responses that are sent in parts.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace proapi::base {

class CompressionMemory;

// A part of a CompressionMemory, which it gives back when it is destroyed. A default one is of nothing.
class MemoryReservation {
public:
    MemoryReservation() noexcept = default;
    MemoryReservation(MemoryReservation&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_) {}
    MemoryReservation& operator=(MemoryReservation&&) = delete;
    ~MemoryReservation();

private:
    friend class CompressionMemory;
    MemoryReservation(CompressionMemory& memory, std::uint64_t bytes) noexcept : memory_(&memory), bytes_(bytes) {}

    CompressionMemory* memory_ = nullptr;
    std::uint64_t bytes_ = 0;
};

// Any thread. Outlives its reservations.
class CompressionMemory {
public:
    explicit CompressionMemory(std::uint64_t max_bytes) noexcept : max_bytes_(max_bytes) {}
    CompressionMemory(const CompressionMemory&) = delete;
    CompressionMemory& operator=(const CompressionMemory&) = delete;

    // Returns nullopt if less than `bytes` are left.
    [[nodiscard]] std::optional<MemoryReservation> reserve(std::uint64_t bytes) noexcept {
        std::uint64_t used = used_bytes();
        do {
            if (bytes > max_bytes_ || used > max_bytes_ - bytes) return std::nullopt;
        } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
        return MemoryReservation(*this, bytes);
    }
    [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_bytes_.load(std::memory_order_relaxed); }

private:
    friend class MemoryReservation;
    const std::uint64_t max_bytes_;
    std::atomic<std::uint64_t> used_bytes_ = 0;
};

inline MemoryReservation::~MemoryReservation() {
    if (memory_) memory_->used_bytes_.fetch_sub(bytes_, std::memory_order_relaxed);
}

}  // namespace proapi::base
