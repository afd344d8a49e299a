// Header fields: lookup in any case, order, replacement, lists; and the grammar of names and values for all octets.
#include "http/headers.hpp"

#include <gtest/gtest.h>

#include "vectors.hpp"

namespace proapi::http {
namespace {

std::vector<Header> all(const Headers& headers) {
    return {headers.begin(), headers.end()};
}

TEST(Headers, LooksUpInAnyCaseAndGivesTheLast) {
    const Headers headers{{"Accept", "a"}, {"X", "1"}, {"aCCept", "b"}};
    EXPECT_EQ(headers.get("ACCEPT"), "b");
    EXPECT_EQ(headers.get("accep"), std::nullopt);
    EXPECT_EQ(headers.getlist("accept"), (std::vector<std::string_view>{"a", "b"}));
    EXPECT_EQ(headers.count("Accept"), 2U);
    EXPECT_EQ(headers.count("none"), 0U);
    EXPECT_TRUE(headers.contains("x"));
    EXPECT_FALSE(headers.contains(""));
    EXPECT_TRUE(Headers{}.empty());
}

TEST(Headers, KeepsOrderAndOctets) {
    Headers headers{{"A", "1"}, {"", ""}};
    headers.reserve(1000);
    const std::string large(70'000, 'v');
    headers.add("a", large);
    headers.add("B", std::string_view("\0\n", 2));
    EXPECT_EQ(all(headers), (std::vector<Header>{{"A", "1"}, {"", ""}, {"a", large}, {"B", {"\0\n", 2}}}));
    EXPECT_EQ(headers.get("A"), large);
    headers.remove("A");
    EXPECT_EQ(all(headers), (std::vector<Header>{{"", ""}, {"B", {"\0\n", 2}}}));
    headers.remove("none");
    EXPECT_EQ(std::distance(headers.begin(), headers.end()), 2);
}

TEST(Headers, FindsTokensInListsOverSeveralFields) {
    const Headers headers{{"Connection", "keep-alive, ,UPGRADE"}, {"connection", "\tfoo \t"}, {"X", "\"a, b\", c"}};
    EXPECT_TRUE(headers.has_token("Connection", "upgrade"));
    EXPECT_TRUE(headers.has_token("connection", "Keep-Alive"));
    EXPECT_TRUE(headers.has_token("connection", "foo"));
    EXPECT_FALSE(headers.has_token("connection", "keep"));
    EXPECT_FALSE(headers.has_token("connection", "websocket"));
    EXPECT_TRUE(headers.has_token("x", "c"));
    EXPECT_FALSE(headers.has_token("x", "b"));
    EXPECT_FALSE(headers.has_token("none", "a"));
}

TEST(Headers, ListsAreSplitAsTheVectorsSay) {
    for (const vectors::Json& vector : vectors::decoding("split_list")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        std::vector<std::string> expected;
        for (const vectors::Json& member : vector.at("expect")) expected.push_back(vectors::octets(member));
        const std::string given = vectors::octets(vector.at("given"));
        const auto members = split_list(given);
        EXPECT_EQ(std::vector<std::string>(members.begin(), members.end()), expected);
    }
}

TEST(Headers, ComparesWithoutCaseInAsciiOnly) {
    EXPECT_TRUE(equals_ignoring_case("AZaz09-_", "azAZ09-_"));
    EXPECT_FALSE(equals_ignoring_case("a", "aa"));
    EXPECT_FALSE(equals_ignoring_case("@", "`"));
    EXPECT_FALSE(equals_ignoring_case("[", "{"));
    EXPECT_FALSE(equals_ignoring_case("\xc9", "\xe9"));
}

TEST(Headers, VaryIsOneList) {
    Headers headers;
    add_vary(headers, "Origin");
    EXPECT_EQ(headers.getlist("vary"), std::vector<std::string_view>{"Origin"});
    add_vary(headers, "Accept-Encoding");
    add_vary(headers, "origin");
    EXPECT_EQ(headers.getlist("vary"), std::vector<std::string_view>{"Origin, Accept-Encoding"});
}

TEST(Headers, VaryKeepsWhatAHandlerHasSet) {
    Headers headers{{"vary", "Cookie"}, {"X", "y"}, {"Vary", ""}, {"Vary", "Accept, ORIGIN"}};
    add_vary(headers, "Origin");
    EXPECT_EQ(headers.getlist("vary"), (std::vector<std::string_view>{"Cookie", "", "Accept, ORIGIN"}));
    add_vary(headers, "Accept-Encoding");
    EXPECT_EQ(headers.getlist("vary"), std::vector<std::string_view>{"Cookie, Accept, ORIGIN, Accept-Encoding"});
    Headers any{{"Vary", "*"}};
    add_vary(any, "Origin");
    EXPECT_EQ(any.getlist("vary"), std::vector<std::string_view>{"*"});
}

TEST(Headers, TokensOverAllOctets) {
    const std::string_view separators = "\"(),/:;<=>?@[\\]{}";
    EXPECT_FALSE(is_token(""));
    for (int octet = 0; octet < 256; ++octet) {
        const char c = static_cast<char>(octet);
        const bool expected = octet > 0x20 && octet < 0x7f && separators.find(c) == std::string_view::npos;
        EXPECT_EQ(is_token(std::string(1, c)), expected) << octet;
        EXPECT_EQ(is_token("a" + std::string(1, c)), expected) << octet;
    }
}

TEST(Headers, FieldValuesOverAllOctets) {
    EXPECT_TRUE(is_field_value(""));
    for (int octet = 0; octet < 256; ++octet) {
        const std::string text(1, static_cast<char>(octet));
        const bool visible = octet > 0x20 && octet < 0x7f;
        const bool inside = visible || octet == ' ' || octet == '\t';
        EXPECT_EQ(is_field_value(text), visible) << octet;
        EXPECT_EQ(is_field_value("a" + text + "b"), inside) << octet;
        EXPECT_EQ(is_field_value("a" + text), visible) << octet;
        EXPECT_EQ(is_field_value(text + "b"), visible) << octet;
    }
}

}  // namespace
}  // namespace proapi::http
