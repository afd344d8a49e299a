#include "base/output_queue.hpp"

#include <algorithm>
#include <utility>

#include "base/stock.hpp"

namespace proapi::base {

namespace {

using Block = std::unique_ptr<std::uint8_t[]>;

// Blocks that queues of this thread have returned.
thread_local Stock<Block, 64> stock;

[[nodiscard]] Block take_block() {
    return stock.take([] { return std::make_unique_for_overwrite<std::uint8_t[]>(OutputQueue::block_size_bytes); });
}

}  // namespace

OutputQueue::OutputQueue(OutputQueue&& other) noexcept
    : pieces_(std::exchange(other.pieces_, {})),
      first_(std::exchange(other.first_, 0)),
      size_(std::exchange(other.size_, 0)) {}

OutputQueue& OutputQueue::operator=(OutputQueue&& other) noexcept {
    std::swap(pieces_, other.pieces_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    return *this;
}

void OutputQueue::prepare(std::size_t count) {
    if (!pieces_.empty() && pieces_.back().block && pieces_.back().capacity - pieces_.back().end >= count) return;
    Piece piece;
    piece.capacity = std::max(block_size_bytes, count);
    piece.block = count <= block_size_bytes ? take_block() : std::make_unique_for_overwrite<std::uint8_t[]>(count);
    pieces_.push_back(std::move(piece));
}

void OutputQueue::drop_prepared() noexcept {
    if (pieces_.empty() || !pieces_.back().block || pieces_.back().end > 0) return;
    if (pieces_.back().capacity == block_size_bytes) stock.give_back(std::move(pieces_.back().block));
    pieces_.pop_back();
    if (size_ == 0) clear();
}

std::uint8_t* OutputQueue::append_uninitialized(std::size_t count) {
    prepare(count);
    Piece& last = pieces_.back();
    std::uint8_t* room = last.block.get() + last.end;
    last.end += count;
    size_ += count;
    return room;
}

void OutputQueue::append(Bytes bytes) {
    if (bytes.empty()) return;
    std::memcpy(append_uninitialized(bytes.size()), bytes.data(), bytes.size());
}

void OutputQueue::append(Slice slice) {
    if (slice.size() <= block_size_bytes / 4) return append(slice.bytes());
    const std::size_t size = slice.size();
    Piece piece;
    piece.shared = std::move(slice);
    pieces_.push_back(std::move(piece));
    size_ += size;
}

std::size_t OutputQueue::gather(std::span<Bytes> pieces) const noexcept {
    std::size_t filled = 0;
    for (std::size_t i = first_; i < pieces_.size() && filled < pieces.size(); ++i)
        if (const Bytes bytes = pieces_[i].bytes(); !bytes.empty()) pieces[filled++] = bytes;
    return filled;
}

void OutputQueue::drop_first() noexcept {
    Piece& gone = pieces_[first_++];
    if (gone.block && gone.capacity == block_size_bytes) stock.give_back(std::move(gone.block));
    gone = Piece{};
    // Dropped pieces are at most half of the list, so dropping stays O(1) on average, and a queue that never drains
    // stays bounded.
    if (first_ * 2 > pieces_.size()) {
        pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void OutputQueue::consume(std::size_t count) noexcept {
    size_ -= count;
    while (count > 0) {
        Piece& first = pieces_[first_];
        const std::size_t available = first.bytes().size();
        const std::size_t taken = std::min(count, available);
        if (first.block) {
            first.begin += taken;
        } else {
            first.shared.remove_prefix(taken);
        }
        count -= taken;
        if (taken == available) drop_first();
    }
    if (size_ == 0) clear();
}

void OutputQueue::clear() noexcept {
    while (!pieces_.empty()) drop_first();
    std::vector<Piece>().swap(pieces_);
    size_ = 0;
}

}  // namespace proapi::base
