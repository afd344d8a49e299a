// Octets on their way out of a protocol machine, in order: small pieces are copied together into blocks, large ones
// and shared ones are held by reference. What `gather` has shown stays where it is until it is consumed, so that a
// write in flight may go on while more is appended. An empty queue owns nothing, so that an idle connection costs
// nothing: blocks of the usual size go back to a small stock of the thread.
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
    // Shares `slice` at the end; a small one is copied, which is cheaper than one more entry for the kernel.
    void append(Slice slice);
    // Room for `count` octets at the end, to be written by the caller before any other call.
    [[nodiscard]] std::uint8_t* append_uninitialized(std::size_t count);

    // Makes sure that the next `count` octets, appended as octets, find their room without asking for memory. Throws
    // std::bad_alloc, and then nothing has changed.
    void prepare(std::size_t count);
    // Gives back room that was prepared and not used.
    void drop_prepared() noexcept;

    // Fills `pieces` with the octets at the front, as far as it has room; returns how many of them it filled.
    [[nodiscard]] std::size_t gather(std::span<Bytes> pieces) const noexcept;
    // Drops the first `count` octets; count <= size_bytes().
    void consume(std::size_t count) noexcept;
    void clear() noexcept;

    [[nodiscard]] std::size_t size_bytes() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

private:
    struct Piece {
        Slice shared;                                  // a shared piece, or empty
        std::unique_ptr<std::uint8_t[]> block;         // an own block, or null
        std::size_t begin = 0, end = 0, capacity = 0;  // what of the block is filled

        [[nodiscard]] Bytes bytes() const noexcept {
            return block ? Bytes{block.get() + begin, end - begin} : shared.bytes();
        }
    };
    void drop_first() noexcept;

    std::vector<Piece> pieces_;
    std::size_t first_ = 0;  // of the pieces, those before are gone
    std::size_t size_ = 0;
};

}  // namespace proapi::base
