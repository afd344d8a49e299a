// base/address: addresses as text in logs and in the output of `app.run()`.
#include "base/address.hpp"

#include <gtest/gtest.h>

namespace proapi::base {
namespace {

TEST(Address, AHostAndItsPortHaveAColonBetweenThem) {
    EXPECT_EQ(to_string({"127.0.0.1", 8000}), "127.0.0.1:8000");
    EXPECT_EQ(to_string({"chat.example", 80}), "chat.example:80");
}

TEST(Address, PortsReachFrom0To65535) {
    EXPECT_EQ(to_string({"a", 0}), "a:0");
    EXPECT_EQ(to_string({"a", 65535}), "a:65535");
}

// RFC 3986 section 3.2.2: without brackets the port could not be distinguished from the last group.
TEST(Address, AnIpv6AddressStandsInBrackets) {
    EXPECT_EQ(to_string({"::1", 8000}), "[::1]:8000");
    EXPECT_EQ(to_string({"2001:db8::7", 443}), "[2001:db8::7]:443");
    EXPECT_EQ(to_string({"::ffff:192.0.2.1", 80}), "[::ffff:192.0.2.1]:80");
    EXPECT_EQ(to_string({"fe80::1%eth0", 80}), "[fe80::1%eth0]:80");
}

TEST(Address, AUnixSocketHasNoPort) {
    EXPECT_EQ(to_string({"unix", 0}), "unix");
    EXPECT_EQ(to_string({"unix:/run/app.sock", 0}), "unix:/run/app.sock");
    EXPECT_TRUE(is_unix({"unix", 0}));
    EXPECT_TRUE(is_unix({"unix:@app", 0}));
    for (const char* host : {"", "uni", "unixes", "127.0.0.1", "::1"}) EXPECT_FALSE(is_unix({host, 0})) << host;
}

TEST(Address, HostsAreComparedAsText) {
    EXPECT_EQ((Address{"::1", 80}), (Address{"::1", 80}));
    EXPECT_NE((Address{"::1", 80}), (Address{"::1", 81}));
    EXPECT_NE((Address{"::1", 80}), (Address{"0:0:0:0:0:0:0:1", 80}));
}

}  // namespace
}  // namespace proapi::base
