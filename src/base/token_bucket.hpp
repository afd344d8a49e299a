// A token bucket: a rate on average, and how much of it may come at once. It knows no clock; the caller passes the
// time, which never goes back. All arithmetic is in whole numbers, so rounding loses nothing, however often tokens are
// taken. (This is the "generic cell rate algorithm" of ATM networks.) The clock's milliseconds are the resolution: a
// bucket that holds only one token has each of them at the next whole millisecond.
//
//   now        full_at
//    |------------|            the bucket is full again at full_at; each token taken moves full_at by 1 / rate
//    |<-- less than burst / rate: there is a token
#pragma once

#include <algorithm>
#include <cstdint>

namespace proapi::base {

class TokenBucket {
public:
    // `rate_per_second` tokens are added each second, while there are fewer than `burst`; both are from 1 to 2^20. The
    // bucket is full at first.
    TokenBucket(std::uint64_t rate_per_second, std::uint64_t burst) noexcept
        : rate_(rate_per_second), most_debt_((burst - 1) * token) {}

    [[nodiscard]] std::uint64_t rate_per_second() const noexcept { return rate_; }
    [[nodiscard]] bool has_token(std::uint64_t now_ms) const noexcept { return full_at_ <= last_allowed(now_ms); }
    // Takes a token, or returns false if there is none. `now_ms` is below 2^43, which is 278 years.
    [[nodiscard]] bool take(std::uint64_t now_ms) noexcept {
        if (!has_token(now_ms)) return false;
        full_at_ = std::max(full_at_, now_ms * rate_) + token;
        return true;
    }
    // Returns in how many milliseconds there will be a token, rounded up; 0 if there is one.
    [[nodiscard]] std::uint64_t wait_ms(std::uint64_t now_ms) const noexcept {
        return has_token(now_ms) ? 0 : (full_at_ - last_allowed(now_ms) + rate_ - 1) / rate_;
    }

private:
    // Time is counted in parts of 1 / rate of a millisecond, of which a token takes a thousand.
    static constexpr std::uint64_t token = 1000;

    // The latest full_at_ with which there is a token.
    [[nodiscard]] std::uint64_t last_allowed(std::uint64_t now_ms) const noexcept {
        return now_ms * rate_ + most_debt_;
    }

    std::uint64_t rate_, most_debt_;
    std::uint64_t full_at_ = 0;
};

}  // namespace proapi::base
