// base/mask, compared with the definition (RFC 6455 section 5.3) and the example (section 5.7).
#include "base/mask.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cpp/base/seed.hpp"

namespace proapi::base {
namespace {

using Key = std::array<std::uint8_t, 4>;
constexpr Key sample_key{0x37, 0xfa, 0x21, 0x3d};

TEST(Mask, UnmasksTheExampleOfTheRfc) {
    std::vector<std::uint8_t> payload{0x7f, 0x9f, 0x4d, 0x51, 0x58};
    apply_mask(payload, sample_key, 0);
    EXPECT_EQ(as_text(payload), "Hello");
}

TEST(Mask, AgreesWithTheScalarOneAtEveryLengthOffsetAndAddress) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (std::size_t length = 0; length <= 200; ++length) {
        for (std::size_t offset = 0; offset < 9; ++offset) {
            for (std::size_t address = 0; address < 9; ++address) {
                // Octets around the piece must not change.
                const std::vector<std::uint8_t> original = random.octets(address + length + 16);
                std::vector<std::uint8_t> fast = original;
                std::vector<std::uint8_t> plain = original;
                apply_mask(MutableBytes{fast}.subspan(address, length), sample_key, offset);
                apply_mask_scalar(MutableBytes{plain}.subspan(address, length), sample_key, offset);
                ASSERT_EQ(fast, plain) << "length " << length << " offset " << offset << " address " << address;
            }
        }
    }
}

TEST(Mask, AgreesWithTheScalarOneOnLargePayloads) {
    tests::Random random;
    for (const std::size_t length : {4095U, 4096U, 4097U, 65537U}) {
        std::vector<std::uint8_t> fast = random.octets(length);
        std::vector<std::uint8_t> plain = fast;
        apply_mask(fast, sample_key, 3);
        apply_mask_scalar(plain, sample_key, 3);
        ASSERT_EQ(fast, plain) << "seed " << random.seed() << " length " << length;
    }
}

TEST(Mask, PiecesGiveWhatTheWholeGives) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (int round = 0; round < 200; ++round) {
        const std::vector<std::uint8_t> original = random.octets(random.between(0, 300));
        std::vector<std::uint8_t> whole = original;
        apply_mask(whole, sample_key, 0);
        std::vector<std::uint8_t> pieces = original;
        for (std::size_t at = 0; at < pieces.size();) {
            const std::size_t size = random.between(1, pieces.size() - at);
            apply_mask(MutableBytes{pieces}.subspan(at, size), sample_key, at);
            at += size;
        }
        ASSERT_EQ(pieces, whole);
    }
}

TEST(Mask, TwiceRestoresTheOriginal) {
    tests::Random random;
    const std::vector<std::uint8_t> original = random.octets(1000);
    std::vector<std::uint8_t> twice = original;
    apply_mask(twice, sample_key, 1);
    EXPECT_NE(twice, original);
    apply_mask(twice, sample_key, 1);
    EXPECT_EQ(twice, original);
}

TEST(Mask, TakesNothing) {
    apply_mask({}, sample_key, 0);
}

}  // namespace
}  // namespace proapi::base
