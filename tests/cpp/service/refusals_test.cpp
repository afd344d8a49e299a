// The text of every refusal: a suitable status, and one readable line.
#include "service/refusals.hpp"

#include <gtest/gtest.h>

namespace proapi::service {
namespace {

TEST(Refusals, EachHasAnErrorsStatusAndOneLine) {
    for (int i = 0; i <= static_cast<int>(Refusal::file_unavailable); ++i) {
        const auto [status, text] = describe(static_cast<Refusal>(i));
        EXPECT_GE(status, 400) << text;
        EXPECT_LT(status, 600) << text;
        EXPECT_FALSE(text.empty()) << i;
        EXPECT_EQ(text.find('\n'), std::string_view::npos) << text;
    }
}

TEST(Refusals, ThoseThatASettingDecidesNameIt) {
    EXPECT_NE(describe(Refusal::misdirected).text.find("allowed_hosts"), std::string_view::npos);
    EXPECT_NE(describe(Refusal::head_timeout).text.find("head_timeout"), std::string_view::npos);
    EXPECT_NE(describe(Refusal::slow_body).text.find("min_body_rate"), std::string_view::npos);
    EXPECT_NE(describe(Refusal::accept_timeout).text.find("accept_timeout"), std::string_view::npos);
}

}  // namespace
}  // namespace proapi::service
