// Classes of characters for all octets; text trimmed, and quoted for refusals.
#include "http/text.hpp"

#include <gtest/gtest.h>

namespace proapi::http {
namespace {

TEST(Text, KindsOfCharactersOverAllOctets) {
    constexpr std::string_view digits = "0123456789", upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                               lower_case = "abcdefghijklmnopqrstuvwxyz", hexadecimal = "0123456789abcdefABCDEF";
    for (int octet = 0; octet < 256; ++octet) {
        const char c = static_cast<char>(octet);
        const auto is_one_of = [c](std::string_view set) { return set.find(c) != std::string_view::npos; };
        EXPECT_EQ(is_digit(c), is_one_of(digits)) << octet;
        EXPECT_EQ(is_letter(c), is_one_of(upper) || is_one_of(lower_case)) << octet;
        EXPECT_EQ(is_hex(c), is_one_of(hexadecimal)) << octet;
        EXPECT_EQ(is_space(c), octet == ' ' || octet == '\t') << octet;
        EXPECT_EQ(lower(c), is_one_of(upper) ? lower_case[upper.find(c)] : c) << octet;
    }
}

TEST(Text, HexadecimalDigitsHaveTheirValueInEitherCase) {
    constexpr std::string_view digits = "0123456789abcdef", upper = "0123456789ABCDEF";
    for (int value = 0; value < 16; ++value) {
        EXPECT_EQ(hex_value(digits[static_cast<std::size_t>(value)]), value);
        EXPECT_EQ(hex_value(upper[static_cast<std::size_t>(value)]), value);
    }
    for (const char c : {'g', 'G', '/', ':', '@', '`', '\xff'}) EXPECT_LT(hex_value(c), 0) << c;
}

TEST(Text, OnlySpacesAndTabsAreTrimmed) {
    EXPECT_EQ(trim(" \t a b \t "), "a b");
    EXPECT_EQ(trim_end(" a "), " a");
    EXPECT_EQ(trim(" \t "), "");
    EXPECT_EQ(trim(""), "");
    EXPECT_EQ(trim("\na\r"), "\na\r");
    EXPECT_EQ(trim("\xa0 a"), "\xa0 a");
}

TEST(Text, WhatIsQuotedIsCutAtItsLimitAndSaysSo) {
    EXPECT_EQ(quoted(""), "\"\"");
    EXPECT_EQ(quoted("abc", 3), "\"abc\"");
    EXPECT_EQ(quoted("abcd", 3), "\"abc...\"");
    EXPECT_EQ(http::quoted(std::string(200, 'x')), '"' + std::string(200, 'x') + '"');
    EXPECT_EQ(http::quoted(std::string(201, 'x')), '"' + std::string(200, 'x') + "...\"");
}

// The quoted text becomes part of a JSON answer, a Python str and a log line, and each of these needs valid text.
TEST(Text, WhatIsQuotedIsUtf8WhateverCameAndWhereverItIsCut) {
    EXPECT_EQ(quoted("\xe2\x82\xac"), "\"\xe2\x82\xac\"");
    EXPECT_EQ(quoted("a\xff"), "\"a\xef\xbf\xbd\"");
    EXPECT_EQ(quoted("\xe2\x82\xac\xe2\x82\xac", 4), "\"\xe2\x82\xac\xef\xbf\xbd...\"");
}

}  // namespace
}  // namespace proapi::http
