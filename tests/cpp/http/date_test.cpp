// HTTP dates: the vectors, and every day of four centuries formatted and parsed again.
#include <gtest/gtest.h>

#include "http/response.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

TEST(Date, Vectors) {
    for (const vectors::Json& vector : vectors::load("dates.json")) {
        const std::string text = vectors::octets(vector.at("text"));
        SCOPED_TRACE(vector.at("name").get<std::string>() + ": " + text);
        const auto seconds = parse_date(text);
        if (vector.at("seconds").is_null()) {
            EXPECT_FALSE(seconds.has_value());
            continue;
        }
        ASSERT_TRUE(seconds.has_value());
        EXPECT_EQ(*seconds, vector.at("seconds").get<std::int64_t>());
        if (vector.at("canonical").get<bool>()) {
            EXPECT_EQ(format_date(*seconds), text);
        }
    }
}

TEST(Date, EveryDayOfFourCenturiesComesBack) {
    constexpr std::int64_t day = 86'400;
    for (std::int64_t seconds = -86'400LL * 146'097 / 2; seconds < day * 146'097 / 2; seconds += day + 1) {
        const std::string text = format_date(seconds);
        ASSERT_EQ(text.size(), 29U);
        ASSERT_EQ(parse_date(text), seconds) << text;
    }
}

TEST(Date, BeyondFourDigitYearsTheEndIsWritten) {
    EXPECT_EQ(format_date(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(format_date(INT64_MIN), "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST(Date, EveryPrefixIsInvalid) {
    for (const std::string text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        ASSERT_TRUE(parse_date(text));
        for (std::size_t length = 0; length < text.size(); ++length) {
            EXPECT_FALSE(parse_date(std::string_view{text}.substr(0, length))) << length;
        }
    }
}

}  // namespace
}  // namespace proapi::http
