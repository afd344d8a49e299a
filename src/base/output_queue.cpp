#include "base/output_queue.hpp"

#include <algorithm>

namespace proapi::base {

std::uint8_t* OutputQueue::append_uninitialized(std::size_t count) {
    if (!pieces_) pieces_ = std::make_unique<std::deque<Piece>>();
    if (pieces_->empty() || !pieces_->back().block || pieces_->back().capacity - pieces_->back().end < count) {
        Piece piece;
        piece.capacity = std::max(block_size_bytes, count);
        piece.block = std::make_unique_for_overwrite<std::uint8_t[]>(piece.capacity);
        pieces_->push_back(std::move(piece));
    }
    Piece& last = pieces_->back();
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
    if (!pieces_) pieces_ = std::make_unique<std::deque<Piece>>();
    size_ += slice.size();
    Piece piece;
    piece.shared = std::move(slice);
    pieces_->push_back(std::move(piece));
}

std::size_t OutputQueue::gather(iovec* entries, std::size_t capacity) const noexcept {
    std::size_t filled = 0;
    if (!pieces_) return 0;
    for (const Piece& piece : *pieces_) {
        if (filled == capacity) break;
        const Bytes bytes = piece.bytes();
        if (bytes.empty()) continue;
        entries[filled++] = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    }
    return filled;
}

void OutputQueue::consume(std::size_t count) noexcept {
    size_ -= count;
    while (count > 0) {
        Piece& first = pieces_->front();
        const std::size_t available = first.bytes().size();
        const std::size_t taken = std::min(count, available);
        if (first.block) {
            first.begin += taken;
        } else {
            first.shared.remove_prefix(taken);
        }
        count -= taken;
        if (taken < available) break;
        // The last block of a connection that keeps talking is kept and filled from its start again.
        if (size_ == 0 && first.block && pieces_->size() == 1 && first.capacity == block_size_bytes) {
            first.begin = first.end = 0;
            break;
        }
        pieces_->pop_front();
    }
}

void OutputQueue::clear() noexcept {
    pieces_.reset();
    size_ = 0;
}

}  // namespace proapi::base
