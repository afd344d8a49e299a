// base/ip_address, compared with the C library's inet_pton().
#include "base/ip_address.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/cpp/base/seed.hpp"

namespace proapi::base {
namespace {

template <class Address>
std::optional<Address> judge(int family, const std::string& text) {
    Address address{};
    if (::inet_pton(family, text.c_str(), address.data()) != 1) return std::nullopt;
    return address;
}

void expect_the_same(const std::string& text) {
    EXPECT_EQ(parse_ipv4(text), judge<Ipv4Address>(AF_INET, text)) << text;
    EXPECT_EQ(parse_ipv6(text), judge<Ipv6Address>(AF_INET6, text)) << text;
}

TEST(IpAddress, IsWhatTheCLibrarySays) {
    for (const char* text : {"",
                             "127.0.0.1",
                             "0.0.0.0",
                             "255.255.255.255",
                             "256.0.0.1",
                             "1.2.3",
                             "1.2.3.4.",
                             ".1.2.3.4",
                             "1.2.3.4.5",
                             "01.2.3.4",
                             "1.2.3.00",
                             "1.2.3.+4",
                             "1.2.3. 4",
                             "0x7f.0.0.1",
                             "1..2.3",
                             "::",
                             "::1",
                             "1::",
                             ":::",
                             ":",
                             "::1:",
                             ":1::",
                             "1:2:3:4:5:6:7:8",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7::",
                             "::2:3:4:5:6:7:8",
                             "1::3:4:5:6:7:8",
                             "1:2:3:4:5:6:7:8:9",
                             "1:2:3:4::5:6:7:8",
                             "1::2::3",
                             "12345::",
                             "g::",
                             "::ffff:127.0.0.1",
                             "::127.0.0.1",
                             "1:2:3:4:5:6:127.0.0.1",
                             "1:2:3:4:5:6:7:127.0.0.1",
                             "127.0.0.1::",
                             "::127.0.0.1:1",
                             "fe80::1%lo",
                             "[::1]",
                             "FFFF::ffff",
                             "::1.2.3",
                             "1:2:3:4:5:6:7:",
                             "0001::",
                             "00001::"})
        expect_the_same(text);
}

TEST(IpAddress, IsWhatTheCLibrarySaysOfWhateverComes) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    constexpr std::string_view letters = "01f9:::..25";
    for (int round = 0; round < 200'000; ++round) {
        std::string text;
        for (std::size_t left = random.between(0, 20); left > 0; --left)
            text += letters[random.between(0, letters.size() - 1)];
        expect_the_same(text);
    }
}

TEST(IpAddress, AnOctetOfZeroIsNoEnd) {
    EXPECT_EQ(parse_ipv4(std::string_view("1.2.3.4\0", 8)), std::nullopt);
    EXPECT_EQ(parse_ipv6(std::string_view("::1\0", 4)), std::nullopt);
}

std::string write_by_c_library(const Ipv6Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    return ::inet_ntop(AF_INET6, address.data(), text, sizeof text);
}

TEST(IpAddress, HasOneText) {
    for (const auto& [text, written] : {std::pair{"192.0.2.1", "192.0.2.1"},
                                        {"0.0.0.0", "0.0.0.0"},
                                        {"::ffff:192.0.2.1", "192.0.2.1"},
                                        {"::FFFF:c000:0201", "192.0.2.1"},
                                        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
                                        {"::", "::"},
                                        {"0:0:0:0:0:0:0:1", "::1"},
                                        {"1::", "1::"},
                                        {"1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"},
                                        {"1:0:0:4:0:0:7:8", "1::4:0:0:7:8"},
                                        {"1:0:0:4:0:0:0:8", "1:0:0:4::8"},
                                        {"0:0:1::", "0:0:1::"}}) {
        const auto address = parse_ip(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(to_string(*address), written) << text;
    }
    EXPECT_EQ(parse_ip("192.0.2.256"), std::nullopt);
    EXPECT_EQ(parse_ip("[::1]"), std::nullopt);
}

TEST(IpAddress, IsOneAddressHoweverItIsWritten) {
    EXPECT_EQ(parse_ip("::ffff:10.0.0.1"), parse_ip("10.0.0.1"));
    EXPECT_NE(parse_ip("::10.0.0.1"), parse_ip("10.0.0.1"));
    EXPECT_TRUE(parse_ip("::ffff:10.0.0.1")->is_ipv4());
    EXPECT_FALSE(parse_ip("::fffe:10.0.0.1")->is_ipv4());
}

TEST(IpAddress, IsWrittenAsTheCLibraryWritesIt) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (int round = 0; round < 20'000; ++round) {
        Ipv6Address octets{};
        for (std::uint8_t& octet : octets)
            octet = static_cast<std::uint8_t>(random.between(0, 3) == 0 ? random.between(0, 255) : 0);
        octets[2] = 1;  // the C library writes some addresses that begin with zeros as if they contained IPv4
        EXPECT_EQ(to_string(IpAddress(octets)), write_by_c_library(octets));
        EXPECT_EQ(parse_ip(to_string(IpAddress(octets))), IpAddress(octets));
    }
}

}  // namespace
}  // namespace proapi::base
