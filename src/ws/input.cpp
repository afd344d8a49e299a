// Lent and retained octets in their order; see the header.
#include "ws/input.hpp"

namespace proapi::ws {

std::size_t Input::retained_octets() const noexcept {
    return retained_ ? retained_->octets.size() - retained_->read : 0;
}

base::MutableBytes Input::current() const noexcept {
    const std::size_t left = retained_octets();
    return left > 0 ? base::MutableBytes{retained_->octets.data() + retained_->read, left} : lent_;
}

void Input::advance(std::size_t count) noexcept {
    if (retained_octets() > 0) {
        retained_->read += count;
    } else {
        lent_ = lent_.subspan(count);
    }
}

void Input::retain() {
    release_read();
    if (lent_.empty()) return;
    if (!retained_) retained_ = std::make_unique<Retained>();
    std::vector<std::uint8_t>& octets = retained_->octets;
    // Drops what has been read, unless that would move a longer rest.
    if (retained_->read > octets.size() / 2) {
        octets.erase(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(retained_->read));
        retained_->read = 0;
    }
    octets.insert(octets.end(), lent_.begin(), lent_.end());
    lent_ = {};
}

void Input::release_read() noexcept {
    if (retained_ && retained_octets() == 0) retained_.reset();
}

void Input::clear() noexcept {
    lent_ = {};
    retained_.reset();
}

}  // namespace proapi::ws
