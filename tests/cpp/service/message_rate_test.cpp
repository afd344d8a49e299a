// The bucket and the reason that follow from `message_rate` and `message_burst`.
#include "service/message_rate.hpp"

#include <gtest/gtest.h>

#include "ws/frame.hpp"

namespace proapi::service {
namespace {

unsigned count_tokens(const WebSocketSettings& settings) {
    base::TokenBucket bucket = make_message_bucket(settings);
    unsigned count = 0;
    while (bucket.take(1000)) ++count;
    return count;
}

TEST(MessageRate, IsNotLimitedByDefault) {
    EXPECT_FALSE(limits_message_rate({}));
}

TEST(MessageRate, ABurstIsOneSecondsWorthByDefault) {
    WebSocketSettings settings;
    settings.message_rate = 7;
    EXPECT_TRUE(limits_message_rate(settings));
    EXPECT_EQ(count_tokens(settings), 7U);
    settings.message_burst = 3;
    EXPECT_EQ(count_tokens(settings), 3U);
}

// promise: texts-name-the-setting
TEST(MessageRate, TheReasonFitsIntoACloseFrame) {
    WebSocketSettings settings;
    settings.message_rate = 10;
    EXPECT_EQ(describe_message_rate(settings),
              "expected at most 10 messages a second (message_rate), 10 at once (message_burst)");
    settings.message_rate = settings.message_burst = 1U << 20;
    EXPECT_LE(describe_message_rate(settings).size(), ws::max_close_reason_bytes);
}

}  // namespace
}  // namespace proapi::service
