#include "base/stock.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace proapi::base {
namespace {

TEST(Stock, KeepsAsManyAsItHasRoomFor) {
    Stock<std::unique_ptr<int>, 2> stock;
    int made = 0;
    const auto make = [&] { return std::make_unique<int>(made++); };
    for (int i = 10; i < 13; ++i) stock.give_back(std::make_unique<int>(i));  // the third one is destroyed
    EXPECT_EQ(*stock.take(make), 11);
    EXPECT_EQ(*stock.take(make), 10);
    EXPECT_EQ(*stock.take(make), 0) << "made anew";
    EXPECT_EQ(made, 1);
}

}  // namespace
}  // namespace proapi::base
