// The ends of connections that were opened together are spread over a tenth of their lifetime.
#include "service/lifetime.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace proapi::service {
namespace {

TEST(LifetimeSpread, TheFirstHasAllOfIt) {
    EXPECT_EQ(LifetimeSpread().next(Duration(3'600'000)), Duration(3'600'000));
}

TEST(LifetimeSpread, NoneHasMoreOrLessThanNineTenths) {
    for (const Duration most : {Duration(1), Duration(9), Duration(1000), Duration(2'592'000'000)}) {
        LifetimeSpread spread;
        for (int i = 0; i < 10'000; ++i) {
            const Duration lifetime = spread.next(most);
            ASSERT_LE(lifetime, most);
            ASSERT_GE(lifetime.count(), most.count() - most.count() / 10);
        }
    }
}

// promise: max-lifetime
TEST(LifetimeSpread, ThousandsThatCameTogetherLeaveOneByOne) {
    constexpr int connections = 10'000, parts = 100;
    constexpr Duration most{3'600'000};
    LifetimeSpread spread;
    std::vector<int> ends(parts);  // by the hundredth of the last six minutes
    for (int i = 0; i < connections; ++i) {
        const auto early = static_cast<std::size_t>((most - spread.next(most)).count());
        ++ends.at(early * parts / (most.count() / 10));
    }
    EXPECT_LE(std::ranges::max(ends), connections / parts + 3);
    EXPECT_GE(std::ranges::min(ends), connections / parts - 3);
}

}  // namespace
}  // namespace proapi::service
