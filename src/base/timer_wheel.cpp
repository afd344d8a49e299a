#include "base/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace proapi::base {

void Timer::cancel() noexcept {
    if (!wheel_) return;
    unlink();
    wheel_->forget(*this);
    wheel_ = nullptr;
}

void TimerWheel::start(Timer& timer, std::uint64_t deadline_ms) noexcept {
    timer.cancel();
    timer.wheel_ = this;
    timer.deadline_ = std::min(std::max(deadline_ms, now_), horizon) & horizon;
    place(timer);
}

// The level is the highest group of bits in which deadline and present differ, so a slot's range never contains the
// present.
void TimerWheel::place(Timer& timer) noexcept {
    const auto differing = static_cast<unsigned>(std::bit_width((timer.deadline_ ^ now_) | (slots - 1)));
    timer.level_ = ((differing - 1) / bits_per_level) & 15U;
    const unsigned slot = find_slot(timer);
    lists_[timer.level_][slot].push_back(timer);
    occupied_[timer.level_] |= std::uint64_t{1} << slot;
}

void TimerWheel::forget(const Timer& timer) noexcept {
    const unsigned slot = find_slot(timer);
    if (lists_[timer.level_][slot].empty()) occupied_[timer.level_] &= ~(std::uint64_t{1} << slot);
}

std::optional<TimerWheel::Expiry> TimerWheel::next_expiry() const noexcept {
    for (unsigned level = 0; level < levels; ++level) {
        if (occupied_[level] == 0) continue;
        // The slots of one level belong to the same turn of the level above, at or after the present: the lowest bit
        // comes first.
        const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
        const unsigned shift = level * bits_per_level;
        const std::uint64_t turn_start = now_ & ~((std::uint64_t{1} << (shift + bits_per_level)) - 1);
        return Expiry{level, slot, turn_start + (std::uint64_t{slot} << shift)};
    }
    return std::nullopt;
}

std::optional<std::uint64_t> TimerWheel::next_deadline_ms() const noexcept {
    if (!expiring_.empty()) return now_;  // a callback before them has thrown
    const auto expiry = next_expiry();
    return expiry ? std::optional{expiry->at} : std::nullopt;
}

void TimerWheel::advance(std::uint64_t now_ms) {
    if (now_ms < now_) return;
    // A timer that a callback starts for the present waits for the next call; otherwise it could fire forever.
    for (auto expiry = next_expiry(); expiry && expiry->at <= now_ms; expiry = next_expiry()) {
        now_ = std::max(now_, expiry->at);
        occupied_[expiry->level] &= ~(std::uint64_t{1} << expiry->slot);
        IntrusiveList<Timer, Timer> due;
        due.splice(lists_[expiry->level][expiry->slot]);
        while (Timer* timer = due.pop_front()) {
            if (timer->deadline_ > now_) {
                place(*timer);
            } else {
                expiring_.push_back(*timer);
            }
        }
    }
    now_ = now_ms;
    while (Timer* timer = expiring_.pop_front()) {
        timer->wheel_ = nullptr;
        timer->callback_(timer->context_);
    }
}

}  // namespace proapi::base
