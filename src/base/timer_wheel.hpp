// Timers by the million, each a member of its owner: a hierarchical wheel with 64 slots per level and ticks of one
// millisecond. Starting and cancelling are O(1) and allocate nothing. A timer of up to a day moves down a level at most
// four times before it fires. The wheel knows no clock; the caller passes the time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/intrusive_list.hpp"

namespace proapi::base {

class TimerWheel;

// One deadline. Cancels itself when destroyed. Belongs to its wheel's thread.
class Timer : private ListLink {
public:
    using Callback = void (*)(void* context);

    Timer(Callback callback, void* context) noexcept : callback_(callback), context_(context) {}
    ~Timer() { cancel(); }

    void cancel() noexcept;
    [[nodiscard]] bool is_running() const noexcept { return wheel_ != nullptr; }

private:
    friend class TimerWheel;
    friend class IntrusiveList<Timer, Timer>;
    Callback callback_;
    void* context_;
    TimerWheel* wheel_ = nullptr;
    std::uint64_t deadline_ : 60 = 0;  // the range of the wheel: 36 million years
    std::uint64_t level_ : 4 = 0;
};

class TimerWheel {
public:
    // Restarts `timer` to fire at the first advance() that reaches `deadline_ms`. A deadline in the past fires at the
    // next one.
    void start(Timer& timer, std::uint64_t deadline_ms) noexcept;
    // Fires every timer that is due. Callbacks may start and cancel any timer. Time never goes back: an earlier
    // `now_ms` is ignored.
    void advance(std::uint64_t now_ms);
    // When to call advance() next: no later than the first deadline. Returns nullopt if no timer runs.
    [[nodiscard]] std::optional<std::uint64_t> next_deadline_ms() const noexcept;

private:
    friend class Timer;
    static constexpr unsigned bits_per_level = 6, levels = 10, slots = 1U << bits_per_level;
    struct Expiry {
        unsigned level, slot;
        std::uint64_t at;
    };

    static constexpr std::uint64_t horizon = (std::uint64_t{1} << (bits_per_level * levels)) - 1;

    [[nodiscard]] std::optional<Expiry> next_expiry() const noexcept;
    [[nodiscard]] static unsigned find_slot(const Timer& timer) noexcept {
        return static_cast<unsigned>(timer.deadline_ >> (timer.level_ * bits_per_level)) & (slots - 1);
    }
    void place(Timer& timer) noexcept;
    void forget(const Timer& timer) noexcept;

    std::uint64_t now_ = 0;
    std::array<std::uint64_t, levels> occupied_{};  // one bit per slot
    std::array<std::array<IntrusiveList<Timer, Timer>, slots>, levels> lists_;
    IntrusiveList<Timer, Timer> expiring_;
};

}  // namespace proapi::base
