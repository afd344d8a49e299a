// Of the lines that peers can cause, ten per second and level are logged; the rest are counted.
#include "server/limited_log.hpp"

#include <gtest/gtest.h>

#include "memory_server.hpp"

namespace proapi::server::test {
namespace {

class LimitedLogTest : public ::testing::Test {
protected:
    void write(service::LogLevel level, int lines) {
        for (int i = 0; i < lines; ++i) limited.write(level, "line " + std::to_string(i));
    }

    net::Reactor reactor;
    CollectedLog log;
    LimitedLog limited{reactor, log};
};

TEST_F(LimitedLogTest, TenLinesGoThrough) {
    write(service::LogLevel::info, 10);
    ASSERT_EQ(log.lines.size(), 10U);
    EXPECT_EQ(log.lines.back(), "line 9");
    limited.end_second();
    EXPECT_EQ(log.lines.size(), 10U) << "nothing was left out";
}

TEST_F(LimitedLogTest, TheRestIsCounted) {
    write(service::LogLevel::info, 13);
    EXPECT_EQ(log.lines.size(), 10U);
    limited.end_second();
    ASSERT_EQ(log.lines.size(), 11U);
    EXPECT_EQ(log.lines.back(), "3 lines like the last ones were left out");
    limited.end_second();
    EXPECT_EQ(log.lines.size(), 11U) << "reported once";
}

TEST_F(LimitedLogTest, EachLevelHasItsOwn) {
    write(service::LogLevel::info, 20);
    write(service::LogLevel::error, 1);
    EXPECT_EQ(log.lines.size(), 11U);
    EXPECT_EQ(log.lines.back(), "line 0");
}

TEST_F(LimitedLogTest, ANewSecondBeginsByItself) {
    write(service::LogLevel::warning, 12);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (log.lines.size() == 10 && std::chrono::steady_clock::now() < end) reactor.turn(net::Duration(2000));
    ASSERT_EQ(log.lines.size(), 11U);
    EXPECT_EQ(log.lines.back(), "2 lines like the last ones were left out");
    write(service::LogLevel::warning, 10);
    EXPECT_EQ(log.lines.size(), 21U);
}

}  // namespace
}  // namespace proapi::server::test
