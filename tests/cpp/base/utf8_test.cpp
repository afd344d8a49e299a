// base/utf8, compared with a plain implementation of RFC 3629 section 4, and its incremental form with the whole one
// under random cuts.
#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tests/cpp/base/seed.hpp"

namespace proapi::base {
namespace {

using Octets = std::vector<std::uint8_t>;

// Returns the length of the first character, or nothing if it is invalid. Judges the code point by its value (RFC 3629
// section 3), without a table of ranges.
std::optional<std::size_t> character_octets(Bytes text) {
    const std::uint8_t lead = text[0];
    const std::size_t size = lead < 0x80 ? 1 : (lead & 0xE0) == 0xC0 ? 2 : (lead & 0xF0) == 0xE0 ? 3 : 4;
    if (size == 1) return 1;
    if (size == 4 && (lead & 0xF8) != 0xF0) return std::nullopt;
    if (text.size() < size) return std::nullopt;
    std::uint32_t code_point = lead & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((text[i] & 0xC0) != 0x80) return std::nullopt;
        code_point = code_point << 6 | (text[i] & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (code_point < least[size] || code_point > 0x10FFFF || surrogate) return std::nullopt;
    return size;
}

bool is_valid_plainly(Bytes text) {
    while (!text.empty()) {
        const auto size = character_octets(text);
        if (!size) return false;
        text = text.subspan(*size);
    }
    return true;
}

// Whether `text` is the beginning of a valid text, that is, whether up to three more octets make it valid.
bool can_be_completed(Bytes text) {
    Octets longer{text.begin(), text.end()};
    if (is_valid_plainly(longer)) return true;
    for (const std::uint8_t first : std::array<std::uint8_t, 6>{0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF}) {
        Octets ended = longer;
        ended.push_back(first);
        for (int more = 0; more < 3; ++more) {
            if (is_valid_plainly(ended)) return true;
            ended.push_back(0x80);
        }
    }
    return false;
}

// Random octets that are mostly text, so that errors are not at the start.
Octets random_text(tests::Random& random, std::size_t characters) {
    static const std::array<std::string_view, 10> pieces{
        "a", "z", "é", "ß", "水", "€", "\xed\x9f\xbf", "😀", "\xf4\x8f\xbf\xbf", " "};
    Octets text;
    for (std::size_t i = 0; i < characters; ++i) {
        const Bytes piece = as_bytes(pieces[random.between(0, pieces.size() - 1)]);
        text.insert(text.end(), piece.begin(), piece.end());
    }
    if (!text.empty() && random.between(0, 1) == 1) text[random.between(0, text.size() - 1)] = random.octet();
    if (!text.empty() && random.between(0, 3) == 0) text.pop_back();
    return text;
}

TEST(Utf8, JudgesEverySequenceOfUpToThreeOctets) {
    for (std::uint32_t value = 0; value < 0x1000000; ++value) {
        const std::array<std::uint8_t, 3> text{static_cast<std::uint8_t>(value >> 16),
                                               static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
        // Only these values of the third octet matter: they bound its classes.
        if ((value & 0x0F) != 0 && (value & 0x0F) != 0x0F) continue;
        Utf8Validator validator;
        const bool fed = validator.feed(text);
        ASSERT_EQ(fed && validator.is_complete(), is_valid_plainly(text)) << std::hex << value;
        ASSERT_EQ(is_valid_utf8(text), is_valid_plainly(text)) << std::hex << value;
    }
}

TEST(Utf8, JudgesEveryCodePoint) {
    for (std::uint32_t code_point = 0x10000; code_point < 0x200000; ++code_point) {
        const std::array<std::uint8_t, 4> text{static_cast<std::uint8_t>(0xF0 | code_point >> 18),
                                               static_cast<std::uint8_t>(0x80 | (code_point >> 12 & 0x3F)),
                                               static_cast<std::uint8_t>(0x80 | (code_point >> 6 & 0x3F)),
                                               static_cast<std::uint8_t>(0x80 | (code_point & 0x3F))};
        ASSERT_EQ(is_valid_utf8(text), code_point <= 0x10FFFF) << std::hex << code_point;
        Utf8Validator validator;
        ASSERT_EQ(validator.feed(text), code_point <= 0x10FFFF) << std::hex << code_point;
    }
}

TEST(Utf8, NothingIsValidAndComplete) {
    EXPECT_TRUE(is_valid_utf8({}));
    Utf8Validator validator;
    EXPECT_TRUE(validator.feed({}));
    EXPECT_TRUE(validator.is_complete());
}

TEST(Utf8, FailsAtTheFirstBadOctetInsideASequence) {
    Utf8Validator validator;
    const std::array<std::uint8_t, 1> lead{0xF4}, beyond{0x90};
    EXPECT_TRUE(validator.feed(lead));
    EXPECT_FALSE(validator.is_complete());
    EXPECT_FALSE(validator.feed(beyond));
    EXPECT_TRUE(validator.has_failed());
    EXPECT_EQ(validator.accepted_octets(), 1U);
    EXPECT_FALSE(validator.feed(as_bytes("a"))) << "a failure must be permanent";
    validator.reset();
    EXPECT_TRUE(validator.feed(as_bytes("a")));
    EXPECT_EQ(validator.accepted_octets(), 1U);
}

TEST(Utf8, OctetByOctetFailsWhereNoTextCouldGoOn) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (int round = 0; round < 3000; ++round) {
        const Octets text = random_text(random, random.between(0, 12));
        Utf8Validator validator;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool good = validator.feed(Bytes{text}.subspan(i, 1));
            ASSERT_EQ(good, can_be_completed(Bytes{text}.first(i + 1))) << tests::to_hex(text) << " at " << i;
            if (!good) break;
        }
    }
}

TEST(Utf8, AnyCutGivesWhatTheWholeGives) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (int round = 0; round < 5000; ++round) {
        const Octets text = random_text(random, random.between(0, 400));
        const bool valid = is_valid_plainly(text);
        ASSERT_EQ(is_valid_utf8(text), valid) << tests::to_hex(text);
        Utf8Validator octets;
        bool good = true;
        for (std::size_t i = 0; good && i < text.size(); ++i) good = octets.feed(Bytes{text}.subspan(i, 1));
        Utf8Validator pieces;
        bool pieces_good = true;
        for (std::size_t at = 0; pieces_good && at < text.size();) {
            const std::size_t size = random.between(1, std::min<std::size_t>(text.size() - at, 200));
            pieces_good = pieces.feed(Bytes{text}.subspan(at, size));
            at += size;
        }
        ASSERT_EQ(pieces_good && pieces.is_complete(), valid) << tests::to_hex(text);
        ASSERT_EQ(pieces_good, good) << tests::to_hex(text);
        ASSERT_EQ(pieces.accepted_octets(), octets.accepted_octets()) << tests::to_hex(text);
    }
}

}  // namespace
}  // namespace proapi::base
