// The token bucket: never more than rate and burst allow, never less, and a wait that is exact to the millisecond.
#include "base/token_bucket.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "seed.hpp"

namespace proapi::base {
namespace {

constexpr std::uint64_t start_ms = 1'000'000;

// Takes as many tokens as there are, and returns the number.
unsigned take_all(TokenBucket& bucket, std::uint64_t now_ms) {
    unsigned count = 0;
    while (bucket.take(now_ms)) ++count;
    return count;
}

TEST(TokenBucket, IsFullAtFirst) {
    TokenBucket bucket(10, 3);
    EXPECT_TRUE(bucket.has_token(start_ms));
    EXPECT_EQ(bucket.wait_ms(start_ms), 0U);
    EXPECT_EQ(take_all(bucket, start_ms), 3U);
    EXPECT_FALSE(bucket.has_token(start_ms));
}

TEST(TokenBucket, IsFullAtFirstAtTimeZero) {
    TokenBucket bucket(10, 3);
    EXPECT_EQ(take_all(bucket, 0), 3U);
}

TEST(TokenBucket, GetsATokenEachPartOfASecond) {
    TokenBucket bucket(10, 3);
    EXPECT_EQ(take_all(bucket, start_ms), 3U);
    EXPECT_EQ(bucket.wait_ms(start_ms), 100U);
    EXPECT_EQ(take_all(bucket, start_ms + 99), 0U);
    EXPECT_EQ(bucket.wait_ms(start_ms + 99), 1U);
    EXPECT_EQ(take_all(bucket, start_ms + 100), 1U);
    EXPECT_EQ(take_all(bucket, start_ms + 299), 1U);
    EXPECT_EQ(take_all(bucket, start_ms + 300), 1U) << "the part of a token that was there before is not lost";
}

TEST(TokenBucket, HoldsNoMoreThanTheBurst) {
    TokenBucket bucket(10, 3);
    EXPECT_EQ(take_all(bucket, start_ms), 3U);
    EXPECT_EQ(take_all(bucket, start_ms + 86'400'000), 3U);
}

TEST(TokenBucket, SeveralTokensInAMillisecond) {
    TokenBucket bucket(10'000, 50);
    EXPECT_EQ(take_all(bucket, start_ms), 50U);
    EXPECT_EQ(bucket.wait_ms(start_ms), 1U);
    EXPECT_EQ(take_all(bucket, start_ms + 1), 10U);
    EXPECT_EQ(take_all(bucket, start_ms + 3), 20U);
}

// 3 a second: a token takes 333 1/3 ms.
TEST(TokenBucket, RoundingLosesNothing) {
    TokenBucket bucket(3, 2);
    unsigned taken = 0;
    for (std::uint64_t now = start_ms; now < start_ms + 1'000'000; ++now) taken += take_all(bucket, now);
    EXPECT_EQ(taken, 2U + 2'999U);
}

TEST(TokenBucket, TheBoundsOfTheSettings) {
    constexpr std::uint64_t most = 1U << 20, late_ms = (std::uint64_t{1} << 43) - 1;
    TokenBucket largest(most, most);
    EXPECT_EQ(take_all(largest, late_ms - 1), most);
    EXPECT_EQ(take_all(largest, late_ms), most / 1000);
    TokenBucket slowest(1, most);
    EXPECT_EQ(take_all(slowest, late_ms - 1000), most);
    EXPECT_EQ(slowest.wait_ms(late_ms - 1000), 1000U);
    EXPECT_EQ(take_all(slowest, late_ms), 1U);
}

// In no span of time are more tokens taken than burst + rate * span, and a token is refused only if it would break
// this.
TEST(TokenBucket, AgreesWithTheDefinition) {
    tests::Random random;
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t rate = random.between(1, 2000), burst = random.between(1, 20);
        TokenBucket bucket(rate, burst);
        std::vector<std::uint64_t> taken;
        std::uint64_t now = start_ms;
        const auto is_allowed = [&] {
            for (std::size_t i = 0; i < taken.size(); ++i) {
                const std::uint64_t count = taken.size() - i + 1;
                if (count > burst && (count - burst) * 1000 > (now - taken[i]) * rate) return false;
            }
            return true;
        };
        for (int step = 0; step < 200; ++step) {
            now += random.between(0, 2) == 0 ? 0 : random.between(1, 4000 / rate + 2);
            const bool allowed = is_allowed();
            ASSERT_EQ(bucket.has_token(now), allowed) << "rate " << rate << ", burst " << burst;
            const std::uint64_t wait = bucket.wait_ms(now);
            ASSERT_TRUE(bucket.has_token(now + wait));
            ASSERT_TRUE(wait == 0 || !bucket.has_token(now + wait - 1));
            ASSERT_EQ(bucket.take(now), allowed);
            if (allowed) taken.push_back(now);
        }
    }
}

}  // namespace
}  // namespace proapi::base
