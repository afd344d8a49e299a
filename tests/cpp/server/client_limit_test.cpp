// How many connections one client may have, as the limit counts them.
// promise: connections-per-client
#include "server/client_limit.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace proapi::server {
namespace {

TEST(ClientLimit, OneMoreThanAllowedIsRefusedUntilOneIsGivenBack) {
    ClientLimit limit(2);
    auto first = limit.take("192.0.2.1"), second = limit.take("192.0.2.1");
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(limit.take("192.0.2.1"));
    EXPECT_TRUE(limit.take("192.0.2.2"));
    first->give_back();
    first->give_back();
    EXPECT_TRUE(limit.take("192.0.2.1")) << "given back at once: nobody keeps it";
    first = limit.take("192.0.2.1");
    EXPECT_FALSE(limit.take("192.0.2.1"));
}

TEST(ClientLimit, NothingIsKeptOfClientsThatHaveLeft) {
    ClientLimit limit(1);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(limit.take("192.0.2." + std::to_string(i)));
    EXPECT_EQ(limit.size(), 0U);
    const auto kept = limit.take("192.0.2.1");
    EXPECT_FALSE(limit.take("192.0.2.1"));
    EXPECT_EQ(limit.size(), 1U);
}

TEST(ClientLimit, AnAddressIsOneClientHoweverItIsWritten) {
    ClientLimit limit(1);
    const auto first = limit.take("192.0.2.1");
    EXPECT_FALSE(limit.take("::ffff:192.0.2.1"));
    EXPECT_TRUE(limit.take("::ffff:192.0.2.2")) << "IPv4 addresses are not one network";
}

TEST(ClientLimit, AnIpv6ClientIsItsNetwork) {
    ClientLimit limit(1);
    const auto first = limit.take("2001:db8::1");
    EXPECT_FALSE(limit.take("2001:db8::ffff:2"));
    EXPECT_TRUE(limit.take("2001:db8:0:1::1"));
}

TEST(ClientLimit, WhoeverHasNoAddressIsNotCounted) {
    ClientLimit limit(1);
    std::vector<std::optional<ClientSlot>> slots;
    for (int i = 0; i < 3; ++i) slots.push_back(limit.take(""));
    for (const auto& slot : slots) EXPECT_TRUE(slot);
    EXPECT_EQ(limit.size(), 0U);
}

TEST(ClientLimit, WithoutALimitNothingIsCounted) {
    ClientLimit limit(0);
    const auto first = limit.take("192.0.2.1"), second = limit.take("192.0.2.1");
    EXPECT_TRUE(first && second);
    EXPECT_EQ(limit.size(), 0U);
}

TEST(ClientLimit, ASlotMovesWithItsCount) {
    ClientLimit limit(1);
    {
        ClientSlot kept;
        {
            auto taken = limit.take("192.0.2.1");
            kept = std::move(*taken);
        }
        EXPECT_FALSE(limit.take("192.0.2.1"));
        const ClientSlot moved(std::move(kept));
        EXPECT_FALSE(limit.take("192.0.2.1"));
    }
    EXPECT_TRUE(limit.take("192.0.2.1"));
}

TEST(ClientLimit, ThreadsShareIt) {
    ClientLimit limit(3);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int round = 0; round < 1000; ++round) static_cast<void>(limit.take("192.0.2.1"));
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(limit.size(), 0U);
}

}  // namespace
}  // namespace proapi::server
