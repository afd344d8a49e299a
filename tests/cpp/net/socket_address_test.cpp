// Socket addresses as text and back, and the resolution of names.
#include "net/socket_address.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>

namespace proapi::net {
namespace {

std::vector<SocketAddress> resolved(const std::string& host, std::uint16_t port) {
    const auto found = resolve(host, port);
    EXPECT_TRUE(found) << host << ": " << found.error().message();
    EXPECT_FALSE(found->empty()) << host;
    return *found;
}

TEST(SocketAddress, NumericHostsComeBackAsText) {
    const SocketAddress ipv4 = resolved("192.0.2.1", 8000).front();
    EXPECT_EQ(ipv4.storage.ss_family, AF_INET);
    EXPECT_EQ(ipv4.length, sizeof(sockaddr_in));
    EXPECT_EQ(ipv4.address(), (base::Address{"192.0.2.1", 8000}));

    const SocketAddress ipv6 = resolved("2001:DB8:0:0::7", 65535).front();
    EXPECT_EQ(ipv6.storage.ss_family, AF_INET6);
    EXPECT_EQ(ipv6.length, sizeof(sockaddr_in6));
    EXPECT_EQ(ipv6.address(), (base::Address{"2001:db8::7", 65535}));
}

// 0xABCD in network order is not 0xCDAB.
TEST(SocketAddress, APortKeepsTheOrderOfItsOctets) {
    for (const char* host : {"127.0.0.1", "::1"}) {
        const SocketAddress before = resolved(host, 1).front();
        const SocketAddress after = before.with_port(0xABCD);
        EXPECT_EQ(after.address(), (base::Address{host, 0xABCD}));
        EXPECT_EQ(after.length, before.length);
        EXPECT_EQ(before.address().port, 1) << "the original must not change";
    }
}

TEST(SocketAddress, NoHostMeansEveryAddressOfThisMachine) {
    for (const SocketAddress& one : resolved("", 80)) {
        const base::Address address = one.address();
        EXPECT_TRUE(address.host == "0.0.0.0" || address.host == "::") << address.host;
        EXPECT_EQ(address.port, 80);
    }
}

TEST(SocketAddress, LocalhostIsALoopbackAddress) {
    const auto found = resolved("localhost", 80);
    EXPECT_TRUE(std::ranges::all_of(found, [](const SocketAddress& one) {
        const std::string host = one.address().host;
        return host == "::1" || host.starts_with("127.");
    }));
}

// A label of more than 63 octets is refused without asking a name server.
TEST(SocketAddress, AHostThatNamesNothingIsRefusedWithTheReason) {
    const auto found = resolve(std::string(300, 'a'), 80);
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().message(), "");
    EXPECT_STREQ(found.error().category().name(), "getaddrinfo");
}

// promise: unix-client
TEST(SocketAddress, APeerOverAUnixSocketIsCalledSo) {
    SocketAddress address;
    EXPECT_EQ(address.address(), base::Address{});
    address.storage.ss_family = AF_UNIX;
    EXPECT_EQ(address.address(), (base::Address{"unix", 0}));
    EXPECT_TRUE(base::is_unix(address.address()));
}

// A client of a socket that serves both families.
TEST(SocketAddress, AnIPv4AddressInAnIPv6AddressIsTheIPv4Address) {
    EXPECT_EQ(resolved("::ffff:192.0.2.1", 80).front().address(), (base::Address{"192.0.2.1", 80}));
}

TEST(SocketAddress, KnowsTheAnyAddressOfIPv6) {
    EXPECT_TRUE(resolved("::", 80).front().is_any_ipv6());
    for (const char* other : {"::1", "0.0.0.0"}) EXPECT_FALSE(resolved(other, 80).front().is_any_ipv6()) << other;
}

}  // namespace
}  // namespace proapi::net
