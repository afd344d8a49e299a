// The output of a protocol machine, in order. Small pieces are copied together into blocks; large pieces and shared
// ones are held by reference. The octets that gather() has returned do not move until they are consumed, so a write may
// be in progress while more is appended. An empty queue holds no memory, so that an idle connection costs nothing:
// blocks of the usual size go back to a small stock of the thread.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/slice.hpp"

namespace proapi::base {

class OutputQueue {
public:
    static constexpr std::size_t block_size_bytes = 4096;

    OutputQueue() noexcept = default;
    OutputQueue(const OutputQueue&) = delete;
    OutputQueue& operator=(const OutputQueue&) = delete;
    OutputQueue(OutputQueue&& other) noexcept;
    OutputQueue& operator=(OutputQueue&& other) noexcept;
    ~OutputQueue() { clear(); }

    // Copies `bytes` to the end.
    void append(Bytes bytes);
    void append(std::string_view text) { append(as_bytes(text)); }
    // Appends `slice` by reference. A small one is copied, which is cheaper than another entry for the kernel.
    void append(Slice slice);
    // Returns room for `count` octets at the end. The caller fills it before any other call.
    [[nodiscard]] std::uint8_t* append_uninitialized(std::size_t count);

    // Reserves memory so that appending the next `count` octets, as octets, allocates nothing. If it throws
    // std::bad_alloc, nothing has changed.
    void prepare(std::size_t count);
    // Releases prepared room that was not used.
    void drop_prepared() noexcept;

    // Fills `pieces` with the octets at the front as far as the span has room; returns the number of pieces filled.
    [[nodiscard]] std::size_t gather(std::span<Bytes> pieces) const noexcept;
    // Drops the first `count` octets; count <= size_bytes().
    void consume(std::size_t count) noexcept;
    void clear() noexcept;

    [[nodiscard]] std::size_t size_bytes() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

private:
    struct Piece {
        Slice shared;                                  // a shared piece, or empty
        std::unique_ptr<std::uint8_t[]> block;         // a block of this queue, or null
        std::size_t begin = 0, end = 0, capacity = 0;  // the filled part of the block

        [[nodiscard]] Bytes bytes() const noexcept {
            return block ? Bytes{block.get() + begin, end - begin} : shared.bytes();
        }
    };
    void drop_first() noexcept;

    std::vector<Piece> pieces_;
    std::size_t first_ = 0;  // index of the first piece that is not dropped
    std::size_t size_ = 0;
};

}  // namespace proapi::base
