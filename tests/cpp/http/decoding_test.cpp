// Percent and form decoding, cookies, authorities, lists, media types: the vectors, and what holds for all octets.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "http/response.hpp"
#include "http/url.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

using vectors::Json;
using vectors::octets;

void expect_authority(const Json& vector) {
    const auto authority = parse_authority(octets(vector.at("given")));
    const Json& expected = vector.at("expect");
    ASSERT_EQ(authority.has_value(), !expected.is_null());
    if (!authority) return;
    EXPECT_EQ(authority->host, octets(expected.at(0)));
    ASSERT_EQ(authority->port.has_value(), !expected.at(1).is_null());
    if (authority->port) {
        EXPECT_EQ(*authority->port, expected.at(1).get<int>());
    }
}

void expect_percent_decode(const Json& vector) {
    const auto decoded = percent_decode(octets(vector.at("given")));
    ASSERT_EQ(decoded.has_value(), !vector.at("expect").is_null());
    if (decoded) {
        EXPECT_EQ(*decoded, octets(vector.at("expect")));
    }
}

void expect_query(const Json& vector) {
    const std::string given = octets(vector.at("given"));
    const Pairs expected = vectors::pairs(vector.at("expect"));
    EXPECT_EQ(parse_query(given), expected);
    EXPECT_EQ(count_pairs(given), expected.size());
    EXPECT_EQ(parse_query(write_query(expected)), expected);
}

void expect_list(const Json& vector) {
    std::vector<std::string> expected;
    for (const Json& member : vector.at("expect")) expected.push_back(octets(member));
    const std::string given = octets(vector.at("given"));
    const auto members = split_list(given);
    EXPECT_EQ(std::vector<std::string>(members.begin(), members.end()), expected);
}

// Functions from text to text or to a truth value.
template <class Function>
std::function<void(const Json&)> expect_same(Function function) {
    return [function](const Json& vector) {
        const auto result = function(octets(vector.at("given")));
        if constexpr (std::is_same_v<std::remove_cv_t<decltype(result)>, bool>) {
            EXPECT_EQ(result, vector.at("expect").get<bool>());
        } else {
            EXPECT_EQ(result, octets(vector.at("expect")));
        }
    };
}

TEST(Decoding, Vectors) {
    const std::map<std::string, std::function<void(const Json&)>> functions{
        {"percent_decode", expect_percent_decode},
        {"percent_encode", expect_same([](const std::string& text) { return percent_encode(text); })},
        {"parse_query", expect_query},
        {"write_query",
         [](const Json& vector) {
             EXPECT_EQ(write_query(vectors::pairs(vector.at("given"))), octets(vector.at("expect")));
         }},
        {"parse_cookies",
         [](const Json& vector) {
             EXPECT_EQ(parse_cookies(octets(vector.at("given"))), vectors::pairs(vector.at("expect")));
         }},
        {"replace_invalid_utf8", expect_same([](const std::string& text) { return replace_invalid_utf8(text); })},
        {"parse_authority", expect_authority},
        {"is_loopback_name", expect_same([](const std::string& text) { return is_loopback_name(text); })},
        {"split_list", expect_list},
        {"content_type_of", expect_same([](const std::string& text) { return std::string{content_type_of(text)}; })},
    };
    for (const Json& vector : vectors::load("decoding.json")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        functions.at(vector.at("function").get<std::string>())(vector);
    }
}

TEST(Decoding, PercentEncodingComesBackForEveryPairOfOctets) {
    for (int first = 1; first < 256; ++first) {
        for (int second = 1; second < 256; ++second) {
            const std::string text{static_cast<char>(first), static_cast<char>(second)};
            ASSERT_EQ(percent_decode(percent_encode(text)), text);
            ASSERT_EQ(percent_encode(text, "").find('/'), std::string::npos);
        }
    }
}

TEST(Decoding, EscapesOfEveryOctet) {
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

// Every sequence of three octets becomes valid, and what was valid stays.
TEST(Decoding, ReplacedUtf8IsValidAndStable) {
    for (unsigned number = 0; number < 1U << 24; number += 7) {
        const std::string text{static_cast<char>(number >> 16), static_cast<char>(number >> 8),
                               static_cast<char>(number)};
        const std::string valid = replace_invalid_utf8(text);
        ASSERT_EQ(replace_invalid_utf8(valid), valid) << number;
        ASSERT_GE(valid.size(), 3U);
    }
}

TEST(Decoding, QueriesComeBackForEveryOctet) {
    for (int octet = 0; octet < 128; ++octet) {
        const std::string text(1, static_cast<char>(octet));
        const Pairs pairs{{text, text}, {"a" + text, text + "b"}};
        EXPECT_EQ(parse_query(write_query(pairs)), pairs) << octet;
    }
}

TEST(Decoding, NoPairIsLeftOut) {
    std::string query;
    for (int i = 0; i < 5000; ++i) query += "&a=" + std::to_string(i) + "&";
    const Pairs pairs = parse_query(query);
    ASSERT_EQ(pairs.size(), 5000U);
    EXPECT_EQ(pairs.back().second, "4999");
}

}  // namespace
}  // namespace proapi::http
