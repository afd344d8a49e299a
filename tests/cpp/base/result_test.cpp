// base/result: a value or an error, and which of the two there is.
#include "base/result.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace proapi::base {
namespace {

enum class Code { too_short, too_long };

TEST(Result, HoldsAValueOrAnError) {
    Result<std::string, Code> value = std::string("four");
    ASSERT_TRUE(value);
    EXPECT_TRUE(value.has_value());
    EXPECT_EQ(*value, "four");
    EXPECT_EQ(value->size(), 4U);
    value->append("!");
    EXPECT_EQ(*std::as_const(value), "four!");

    const Result<std::string, Code> failed = Code::too_long;
    EXPECT_FALSE(failed);
    EXPECT_EQ(failed.error(), Code::too_long);
}

TEST(Result, OfNothingSucceedsByDefault) {
    const auto check = [](int size) -> Result<void, Code> {
        if (size < 1) return Code::too_short;
        return {};
    };
    EXPECT_TRUE(check(1));
    ASSERT_FALSE(check(0));
    EXPECT_EQ(check(0).error(), Code::too_short);
}

TEST(Result, AnAssignmentReplacesWhichOfTheTwoItHolds) {
    Result<int, std::string> result = 1;
    result = std::string("failed");
    EXPECT_EQ(result.error(), "failed");
    result = 2;
    EXPECT_EQ(*result, 2);
}

TEST(Result, ValuesAndErrorsThatCanOnlyBeMovedAreMovedOut) {
    Result<std::unique_ptr<int>, Code> value = std::make_unique<int>(5);
    const std::unique_ptr<int> taken = *std::move(value);
    EXPECT_EQ(*taken, 5);
    EXPECT_EQ(*value, nullptr);

    Result<void, std::unique_ptr<int>> failed = std::make_unique<int>(6);
    const std::unique_ptr<int> error = std::move(failed).error();
    EXPECT_EQ(*error, 6);
    EXPECT_FALSE(failed) << "it still holds an error";
}

}  // namespace
}  // namespace proapi::base
