// Percent and form decoding, and the repair of UTF-8: the vectors, and rules for all octets.
#include "http/url.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/utf8.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

using vectors::Json;
using vectors::octets;

// Without this test, a function that occurs in the vectors but in no test would go unnoticed.
TEST(Url, EveryFunctionOfTheDecodingVectorsIsReplayed) {
    std::set<std::string> functions;
    for (const Json& vector : vectors::load("decoding.json")) functions.insert(vector.at("function"));
    EXPECT_EQ(functions, (std::set<std::string>{
                             "percent_decode", "percent_encode", "parse_query", "write_query", "replace_invalid_utf8",
                             "parse_cookies",                        // cookies_test.cpp
                             "parse_authority", "is_loopback_name",  // authority_test.cpp
                             "split_list",                           // headers_test.cpp
                             "guess_content_type",                   // media_type_test.cpp
                         }));
}

TEST(Url, PercentDecodingVectors) {
    for (const Json& vector : vectors::decoding("percent_decode")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        const auto decoded = percent_decode(octets(vector.at("given")));
        ASSERT_EQ(decoded.has_value(), !vector.at("expect").is_null());
        if (decoded) {
            EXPECT_EQ(*decoded, octets(vector.at("expect")));
        }
    }
}

TEST(Url, PercentEncodingVectors) {
    for (const Json& vector : vectors::decoding("percent_encode")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        EXPECT_EQ(percent_encode(octets(vector.at("given"))), octets(vector.at("expect")));
    }
}

TEST(Url, QueryVectors) {
    for (const Json& vector : vectors::decoding("parse_query")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        const std::string given = octets(vector.at("given"));
        const Pairs expected = vectors::pairs(vector.at("expect"));
        EXPECT_EQ(parse_query(given), expected);
        EXPECT_EQ(count_pairs(given), expected.size());
        EXPECT_EQ(parse_query(write_query(expected)), expected);
    }
}

TEST(Url, WrittenQueryVectors) {
    for (const Json& vector : vectors::decoding("write_query")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        EXPECT_EQ(write_query(vectors::pairs(vector.at("given"))), octets(vector.at("expect")));
    }
}

TEST(Url, ReplacedUtf8Vectors) {
    for (const Json& vector : vectors::decoding("replace_invalid_utf8")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        EXPECT_EQ(replace_invalid_utf8(octets(vector.at("given"))), octets(vector.at("expect")));
    }
}

TEST(Url, PercentEncodingComesBackForEveryPairOfOctets) {
    for (int first = 1; first < 256; ++first) {
        for (int second = 1; second < 256; ++second) {
            const std::string text{static_cast<char>(first), static_cast<char>(second)};
            ASSERT_EQ(percent_decode(percent_encode(text)), text);
            ASSERT_EQ(percent_encode(text, "").find('/'), std::string::npos);
        }
    }
}

// RFC 3986 section 2.3: escaping them would make a different URL with the same meaning, which caches and logs
// distinguish.
TEST(Url, UnreservedCharactersAreNeverEscaped) {
    constexpr std::string_view unreserved = "ABCXYZabcxyz0123456789-._~";
    EXPECT_EQ(percent_encode(unreserved, ""), unreserved);
    EXPECT_EQ(percent_encode("a b&c=d", " &="), "a b&c=d");
}

TEST(Url, EscapesOfEveryOctet) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned octet = 0; octet < 256; ++octet) {
        const std::string escape{'%', digits[octet >> 4], digits[octet & 15]};
        const auto decoded = percent_decode(escape);
        ASSERT_EQ(decoded.has_value(), octet != 0);
        if (decoded) {
            EXPECT_EQ(*decoded, std::string(1, static_cast<char>(octet)));
        }
    }
}

// Every seventh sequence of three octets: replacing a second time changes nothing.
TEST(Url, ReplacedInvalidUtf8IsValidAndStaysAsItIs) {
    for (unsigned number = 0; number < 1U << 24; number += 7) {
        const std::string text{static_cast<char>(number >> 16), static_cast<char>(number >> 8),
                               static_cast<char>(number)};
        const std::string valid = replace_invalid_utf8(text);
        ASSERT_TRUE(base::is_valid_utf8(base::as_bytes(valid))) << number;
        ASSERT_EQ(replace_invalid_utf8(valid), valid) << number;
        ASSERT_GE(valid.size(), 3U);
    }
}

TEST(Url, QueriesComeBackForEveryOctet) {
    for (int octet = 0; octet < 128; ++octet) {
        const std::string text(1, static_cast<char>(octet));
        const Pairs pairs{{text, text}, {"a" + text, text + "b"}};
        EXPECT_EQ(parse_query(write_query(pairs)), pairs) << octet;
    }
}

TEST(Url, NoPairIsLeftOut) {
    std::string query;
    for (int i = 0; i < 5000; ++i) query += "&a=" + std::to_string(i) + "&";
    const Pairs pairs = parse_query(query);
    ASSERT_EQ(pairs.size(), 5000U);
    EXPECT_EQ(pairs.back().second, "4999");
}

}  // namespace
}  // namespace proapi::http
