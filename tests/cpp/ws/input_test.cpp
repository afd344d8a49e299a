// ws/input: octets come out in order, whether they are the caller's or copies.
#include "ws/input.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/cpp/base/seed.hpp"

namespace proapi::ws {
namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer buffer_of(std::string_view text) {
    return {text.begin(), text.end()};
}

std::string next_run(const Input& input) {
    return std::string(base::as_text(input.current()));
}

TEST(Input, WhatIsLentIsNotCopied) {
    Buffer lent = buffer_of("lent");
    Input input;
    EXPECT_TRUE(input.empty());
    input.feed(lent);
    EXPECT_EQ(input.current().data(), lent.data());
    input.advance(1);
    EXPECT_EQ(input.current().data(), lent.data() + 1);
    EXPECT_EQ(input.retained_octets(), 0U);
    input.advance(3);
    EXPECT_TRUE(input.empty());
}

TEST(Input, WhatIsRetainedOutlivesTheCallersBuffer) {
    Buffer lent = buffer_of("read and kept");
    Input input;
    input.feed(lent);
    input.advance(9);
    input.retain();
    std::fill(lent.begin(), lent.end(), std::uint8_t{0});
    EXPECT_EQ(next_run(input), "kept");
    EXPECT_EQ(input.retained_octets(), 4U);
}

TEST(Input, WhatIsRetainedIsReadBeforeWhatIsLent) {
    Buffer first = buffer_of("first"), second = buffer_of("second");
    Input input;
    input.feed(first);
    input.retain();
    input.feed(second);
    EXPECT_EQ(next_run(input), "first");
    input.advance(5);
    EXPECT_EQ(next_run(input), "second");
    EXPECT_EQ(input.current().data(), second.data());
}

TEST(Input, RetainingAppendsToWhatIsRetained) {
    Buffer first = buffer_of("first "), second = buffer_of("second");
    Input input;
    input.feed(first);
    input.retain();
    input.feed(second);
    input.retain();
    EXPECT_EQ(next_run(input), "first second");
    input.retain();  // nothing is lent any more
    EXPECT_EQ(next_run(input), "first second");
}

// The payload of the last event may be a view of what was read. It stays valid until the caller releases it.
TEST(Input, WhatHasBeenReadStaysUntilItIsReleased) {
    Buffer lent = buffer_of("view");
    Input input;
    input.feed(lent);
    input.retain();
    const base::MutableBytes view = input.current();
    input.advance(4);
    EXPECT_TRUE(input.empty());
    EXPECT_EQ(base::as_text(view), "view");
    input.release_read();
    EXPECT_EQ(input.retained_octets(), 0U);
}

TEST(Input, ReleasingKeepsWhatIsNotRead) {
    Buffer lent = buffer_of("ab");
    Input input;
    input.feed(lent);
    input.retain();
    input.advance(1);
    input.release_read();
    EXPECT_EQ(next_run(input), "b");
}

TEST(Input, ClearingDropsBoth) {
    Buffer first = buffer_of("first"), second = buffer_of("second");
    Input input;
    input.feed(first);
    input.retain();
    input.feed(second);
    input.clear();
    EXPECT_TRUE(input.empty());
    EXPECT_EQ(input.retained_octets(), 0U);
}

// A receiver that never catches up retains input before it has read all of it. The octets that it has read make room.
TEST(Input, OctetsKeepTheirOrderUnderAnySequenceOfSteps) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    Input input;
    Buffer lent, expected;
    std::size_t read = 0;
    for (int round = 0; round < 20'000; ++round) {
        if (random.between(0, 2) == 0) {
            input.retain();
            lent = random.octets(random.between(0, 40));
            input.feed(lent);
            expected.insert(expected.end(), lent.begin(), lent.end());
        }
        const std::size_t count = random.between(0, input.current().size());
        const base::Bytes run = input.current().first(count);
        ASSERT_EQ(Buffer(run.begin(), run.end()), Buffer(expected.begin() + static_cast<std::ptrdiff_t>(read),
                                                         expected.begin() + static_cast<std::ptrdiff_t>(read + count)));
        input.advance(count);
        read += count;
    }
}

}  // namespace
}  // namespace proapi::ws
