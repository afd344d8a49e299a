// Lists of trusted proxies: which texts they take, and which addresses they contain.
#include "service/trusted_networks.hpp"

#include <gtest/gtest.h>

namespace proapi::service {
namespace {

TEST(TrustedNetworks, TakeAddressesNetworksAndUnix) {
    for (const char* text : {"127.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "192.0.2.128/25", "::1", "::/0",
                             "2001:db8::/32", "2001:db8::1/128", "fe80::/10", "::ffff:10.0.0.0/104", "unix"})
        EXPECT_TRUE(is_trusted_network(text)) << text;
}

TEST(TrustedNetworks, TakeNothingElse) {
    for (const char* text : {"",
                             "*",
                             "localhost",
                             "proxy.example",
                             "Unix",
                             "unix:",
                             "/run/proxy.sock",
                             "10.0.0.0/33",
                             "10.0.0.0/",
                             "10.0.0.0/-1",
                             "10.0.0.0/+8",
                             "10.0.0.0/08",
                             "10.0.0.0/8/8",
                             "10.0.0.0/255.0.0.0",
                             "10/8",
                             "10.0.0.0 /8",
                             " 10.0.0.1",
                             "10.0.0.1:80",
                             "[::1]",
                             "::/129",
                             "fe80::1%lo",
                             "/8",
                             "10.0.0.0/99999999999"})
        EXPECT_FALSE(is_trusted_network(text)) << text;
}

TEST(TrustedNetworks, RefuseBitsBeyondThePrefix) {
    for (const char* text : {"10.0.0.1/8", "192.0.2.64/25", "0.0.0.1/31", "2001:db8::1/64", "8000::/0", "ff80::/8"})
        EXPECT_FALSE(is_trusted_network(text)) << text;
}

struct NetworkRow {
    const char* network;
    std::vector<const char*> inside, outside;
};

TEST(TrustedNetworks, ContainWhatBeginsWithThePrefix) {
    const NetworkRow rows[] = {
        {"127.0.0.1", {"127.0.0.1", "::ffff:127.0.0.1"}, {"127.0.0.2", "::1", "::127.0.0.1"}},
        {"10.0.0.0/8", {"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"}, {"9.255.255.255", "11.0.0.0", "::10.1.2.3"}},
        {"192.0.2.128/25", {"192.0.2.128", "192.0.2.255"}, {"192.0.2.127", "192.0.3.128"}},
        {"192.0.2.4/31", {"192.0.2.4", "192.0.2.5"}, {"192.0.2.3", "192.0.2.6"}},
        {"0.0.0.0/0", {"0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"}, {"::", "::1", "2001:db8::1"}},
        {"::/0", {"::", "::1", "ffff::", "::1.2.3.4"}, {"1.2.3.4", "::ffff:1.2.3.4"}},
        {"::/1", {"::1"}, {"8000::", "1.2.3.4"}},
        {"2001:db8::/32", {"2001:db8::", "2001:db8:ffff::1"}, {"2001:db7:ffff::", "2001:db9::"}},
        {"fe80::/10", {"fe80::1", "febf::1"}, {"fec0::1", "fe7f::1"}},
        {"2001:db8::1", {"2001:db8::1", "2001:DB8:0::1"}, {"2001:db8::2"}},
        {"::ffff:10.0.0.0/104", {"10.0.0.1", "::ffff:10.0.0.1"}, {"11.0.0.1"}},
    };
    for (const NetworkRow& row : rows) {
        const TrustedNetworks networks({row.network});
        for (const char* address : row.inside) EXPECT_TRUE(networks.contains(address)) << row.network << address;
        for (const char* address : row.outside) EXPECT_FALSE(networks.contains(address)) << row.network << address;
    }
}

TEST(TrustedNetworks, UnixIsThePeerWithoutAnAddress) {
    EXPECT_TRUE(TrustedNetworks({"unix"}).trusts_unix());
    EXPECT_FALSE(TrustedNetworks({"127.0.0.1"}).trusts_unix());
    EXPECT_FALSE(TrustedNetworks({"unix"}).contains(""));
    EXPECT_FALSE(TrustedNetworks({"unix"}).contains("127.0.0.1"));
    EXPECT_FALSE(TrustedNetworks({"0.0.0.0/0", "::/0"}).contains(""));
}

TEST(TrustedNetworks, WhatIsNotAnAddressIsNotTrusted) {
    const TrustedNetworks everybody({"0.0.0.0/0", "::/0", "unix"});
    for (const char* host : {"localhost", "unix", "127.0.0.1:80", "[::1]", "fe80::1%lo", " "})
        EXPECT_FALSE(everybody.contains(host)) << host;
}

TEST(TrustedNetworks, AreUnitedInAList) {
    const TrustedNetworks networks({"127.0.0.1", "2001:db8::/32", "unix"});
    for (const char* host : {"127.0.0.1", "2001:db8::7"}) EXPECT_TRUE(networks.contains(host)) << host;
    EXPECT_TRUE(networks.trusts_unix());
    EXPECT_FALSE(networks.contains("192.0.2.1"));
    EXPECT_FALSE(networks.empty());
    EXPECT_TRUE(TrustedNetworks({}).empty());
    EXPECT_FALSE(TrustedNetworks({}).contains("127.0.0.1"));
    EXPECT_FALSE(TrustedNetworks({}).contains(""));
    EXPECT_FALSE(TrustedNetworks({"unix"}).empty());
}

}  // namespace
}  // namespace proapi::service
