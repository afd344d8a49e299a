// ws/assembler: the assembled message, and memory that never exceeds what the header promises.
#include "ws/assembler.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/cpp/base/seed.hpp"

namespace proapi::ws {
namespace {

constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

TEST(Assembler, OwnsNothingWithoutAMessage) {
    Assembler assembler;
    EXPECT_TRUE(assembler.empty());
    EXPECT_EQ(assembler.capacity(), 0U);
    assembler.append({}, unbounded);
    EXPECT_EQ(assembler.capacity(), 0U);
    assembler.append(base::as_bytes("x"), unbounded);
    assembler.release();
    EXPECT_TRUE(assembler.empty());
    EXPECT_EQ(assembler.capacity(), 0U);
}

TEST(Assembler, GathersWithinItsBound) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (const std::size_t largest : {1U, 10U, 1000U, 70000U}) {
        Assembler assembler;
        std::vector<std::uint8_t> expected;
        for (int i = 0; i < 500; ++i) {
            const auto piece = random.octets(random.between(0, largest));
            expected.insert(expected.end(), piece.begin(), piece.end());
            assembler.append(piece, unbounded);
            ASSERT_LE(assembler.capacity(), expected.size() + std::max<std::size_t>(expected.size() / 5, 1024));
        }
        const base::Bytes bytes = assembler.bytes();
        ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end()));
    }
}

TEST(Assembler, NeverAllocatesBeyondTheMessagesEnd) {
    Assembler assembler;
    assembler.append(base::as_bytes("0123456789"), 12);
    EXPECT_EQ(assembler.capacity(), 12U);
    assembler.append(base::as_bytes("ab"), 12);
    EXPECT_EQ(base::as_text(assembler.bytes()), "0123456789ab");
}

TEST(Assembler, GrowsSeldom) {
    Assembler assembler;
    int growths = 0;
    std::size_t capacity = 0;
    for (int i = 0; i < 1024 * 1024; ++i) {
        assembler.append(base::as_bytes("x"), unbounded);
        if (assembler.capacity() != capacity) ++growths;
        capacity = assembler.capacity();
    }
    EXPECT_LT(growths, 40);
}

}  // namespace
}  // namespace proapi::ws
