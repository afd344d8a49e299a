// The limits on open connections and files, and what happens beyond them.
#include "server/shared_limit.hpp"

#include <gtest/gtest.h>

namespace proapi::server {
namespace {

TEST(SharedLimit, ConnectionsAreBoundedByTheDescriptorLimit) {
    EXPECT_GT(effective_max_connections({}), 0U);
    service::Settings settings;
    settings.max_connections = 7;
    EXPECT_EQ(effective_max_connections(settings), 7U);
    for (const auto& [name, value] : effective_settings(settings)) {
        if (name == "max_connections") {
            EXPECT_EQ(value, 7);
        }
    }
}

TEST(SharedLimit, EachReactorKeepsDescriptorsForItself) {
    EXPECT_LT(effective_max_connections({}, 4), effective_max_connections({}, 1));
}

TEST(SharedLimit, OneMoreThanAllowedIsRefusedUntilOneIsGivenBack) {
    service::Settings settings;
    settings.max_connections = 2;
    SharedLimit limit(settings);
    EXPECT_TRUE(limit.take_connection());
    EXPECT_TRUE(limit.take_connection());
    EXPECT_FALSE(limit.take_connection());
    EXPECT_EQ(limit.describe(), "2 connections (max_connections is 2) and 0 files are open");
    limit.give_connection_back();
    EXPECT_TRUE(limit.take_connection());
}

TEST(SharedLimit, FilesTakeFromWhatConnectionsLeave) {
    service::Settings settings;
    settings.max_connections = effective_max_connections({});
    SharedLimit limit(settings);
    EXPECT_TRUE(limit.take_file());
    for (std::uint64_t i = 1; i < settings.max_connections; ++i) ASSERT_TRUE(limit.take_connection());
    EXPECT_FALSE(limit.take_connection());
    limit.give_file_back();
    EXPECT_TRUE(limit.take_connection());
}

}  // namespace
}  // namespace proapi::server
