// Immutable octets, shared by reference count: a broadcast puts the same slice into every member's queue. The count is
// atomic, since members may belong to different reactors; the octets never change once shared.
#pragma once

#include <cstring>
#include <memory>

#include "base/bytes.hpp"

namespace proapi::base {

class Slice {
public:
    Slice() noexcept = default;

    // Copies `bytes` into a block of its own.
    [[nodiscard]] static Slice copy(Bytes bytes) {
        auto block = std::make_shared_for_overwrite<std::uint8_t[]>(bytes.size());
        if (!bytes.empty()) std::memcpy(block.get(), bytes.data(), bytes.size());
        const Bytes view{block.get(), bytes.size()};
        return Slice{std::move(block), view};
    }

    // Shares octets that `owner` keeps alive.
    Slice(std::shared_ptr<const void> owner, Bytes view) noexcept : owner_(std::move(owner)), view_(view) {}

    [[nodiscard]] Bytes bytes() const noexcept { return view_; }
    [[nodiscard]] std::size_t size() const noexcept { return view_.size(); }
    [[nodiscard]] bool empty() const noexcept { return view_.empty(); }

    // Hides the first `count` octets; the block stays whole.
    void remove_prefix(std::size_t count) noexcept { view_ = view_.subspan(count); }

private:
    std::shared_ptr<const void> owner_;
    Bytes view_;
};

}  // namespace proapi::base
