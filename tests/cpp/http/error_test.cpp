// The table of possible errors, and the errors made from it.
#include "http/error.hpp"

#include <gtest/gtest.h>

#include <set>

#include "http/headers.hpp"

namespace proapi::http {
namespace {

constexpr auto last = static_cast<int>(ErrorCode::bad_header_value);

TEST(Error, EveryTextIsOneLineOfVisibleAsciiThatALogOrAnAnswerMayHold) {
    for (int code = 0; code <= last; ++code) {
        const std::string_view text = describe(static_cast<ErrorCode>(code)).text;
        EXPECT_TRUE(!text.empty() && is_field_value(text)) << code << ": " << text;
        EXPECT_NE(text.back(), '.') << text;
    }
}

TEST(Error, AStatusIsAClientsMistakeOrWhatThisServerLacksOrNone) {
    EXPECT_EQ(describe(ErrorCode::none).status, 0);
    for (int code = 1; code <= last; ++code) {
        const int status = describe(static_cast<ErrorCode>(code)).status;
        EXPECT_TRUE(status == 0 || (status >= 400 && status < 500) || status == 501 || status == 505) << code;
        const bool is_applications = code >= static_cast<int>(ErrorCode::no_leading_slash);
        EXPECT_EQ(status == 0, is_applications) << "an application's mistake has no status for a client: " << code;
    }
}

TEST(Error, NoTwoCodesHaveTheSameTextAndStatus) {
    std::set<std::pair<int, std::string_view>> seen;
    for (int code = 0; code <= last; ++code) {
        const auto [status, text] = describe(static_cast<ErrorCode>(code));
        EXPECT_TRUE(seen.emplace(status, text).second) << text;
    }
}

TEST(Error, IsMadeOfItsCodeAndWhatCame) {
    const Error error = make_error(ErrorCode::not_one_boundary, {"2"});
    EXPECT_EQ(error.code, ErrorCode::not_one_boundary);
    EXPECT_EQ(error.text, "expected one boundary, got 2");
    EXPECT_EQ(error.status(), 400);
}

TEST(Error, SaysWhereIfItsCallerKnows) {
    const Error error = with_context("part 3", make_error(ErrorCode::no_disposition));
    EXPECT_EQ(error.text, "part 3: expected a Content-Disposition, got none");
    EXPECT_EQ(error.code, ErrorCode::no_disposition);
}

}  // namespace
}  // namespace proapi::http
