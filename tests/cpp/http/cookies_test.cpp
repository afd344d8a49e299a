// The Cookie field: the vectors, and what a value may contain.
#include <gtest/gtest.h>

#include "http/url.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

TEST(Cookies, Vectors) {
    for (const vectors::Json& vector : vectors::decoding("parse_cookies")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        EXPECT_EQ(parse_cookies(vectors::octets(vector.at("given"))), vectors::pairs(vector.at("expect")));
    }
}

// RFC 6265 section 4.2.2.
TEST(Cookies, TheRfcsExampleHasTwo) {
    EXPECT_EQ(parse_cookies("SID=31d4d96e407aad42; lang=en-US"),
              (Pairs{{"SID", "31d4d96e407aad42"}, {"lang", "en-US"}}));
}

TEST(Cookies, AQuotedValueLosesItsOuterQuotesOnly) {
    EXPECT_EQ(parse_cookies("a=\"b\"c\""), (Pairs{{"a", "b\"c"}}));
    EXPECT_EQ(parse_cookies("a=\"\"b\"\""), (Pairs{{"a", "\"b\""}}));
    EXPECT_EQ(parse_cookies("a=\" b \""), (Pairs{{"a", " b "}}));
    EXPECT_EQ(parse_cookies("\"a\"=b"), (Pairs{{"\"a\"", "b"}}));
}

TEST(Cookies, AValueKeepsEveryOctetButASemicolonAndSpacesAroundIt) {
    for (int octet = 0; octet < 256; ++octet) {
        const std::string value{'x', static_cast<char>(octet), 'y'};
        const Pairs expected = octet == ';' ? Pairs{{"a", "x"}} : Pairs{{"a", value}};
        EXPECT_EQ(parse_cookies("a=" + value), expected) << octet;
    }
}

}  // namespace
}  // namespace proapi::http
