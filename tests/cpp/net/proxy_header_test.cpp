// Headers of the PROXY protocol, versions 1 and 2: what is accepted, what is refused and at which octet, cut anywhere.
#include "net/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>

namespace proapi::net {
namespace {

using namespace std::string_literals;

const std::string signature_2 = "\r\n\r\n\0\r\nQUIT\n"s;

// Returns a header of version 2 with these two octets, the length of `block`, and `block`.
std::string version_2(std::uint8_t command, std::uint8_t family, const std::string& block) {
    return signature_2 + static_cast<char>(command) + static_cast<char>(family) + static_cast<char>(block.size() >> 8) +
           static_cast<char>(block.size() & 0xff) + block;
}

const std::string ipv4_ends = "\xc0\x00\x02\x01\xcb\x00\x71\x01\xdc\x04\x01\xbb"s;  // 192.0.2.1:56324 203.0.113.1:443
const std::string ipv6_ends =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x50\x00\x00"s;

// Returns "need data", the error, or the size, "local" or the two ends.
std::string described(std::string_view octets) {
    const ProxyHeaderResult result = parse_proxy_header(base::as_bytes(octets));
    if (result.state == ProxyHeaderResult::State::need_data) return "need data";
    if (result.state == ProxyHeaderResult::State::failed) return std::string(describe(result.error));
    const ProxyHeader& header = result.header;
    EXPECT_EQ(header.source.has_value(), header.destination.has_value());
    return std::to_string(header.size_bytes) + (header.is_local ? " local" : "") +
           (header.source ? " " + base::to_string(*header.source) + " " + base::to_string(*header.destination) : "");
}

// The same result as soon as all its octets have arrived, and before that the need for more; whatever follows.
void expect_header(const std::string& octets, const std::string& expected) {
    for (std::size_t cut = 0; cut < octets.size(); ++cut)
        EXPECT_EQ(described(octets.substr(0, cut)), "need data") << cut << " octets of " << octets;
    for (const std::string& rest : {""s, "GET / HTTP/1.1\r\n"s, octets, std::string(5000, '\n')})
        EXPECT_EQ(described(octets + rest), std::to_string(octets.size()) + expected) << octets;
}

// Refused at the last of these octets, and however many follow.
void expect_refused(const std::string& octets, std::string_view words) {
    for (std::size_t cut = 0; cut < octets.size(); ++cut)
        EXPECT_EQ(described(octets.substr(0, cut)), "need data") << cut << " octets of " << octets;
    for (const std::string& rest : {""s, "x"s, "\r\n"s, std::string(5000, 'x')})
        EXPECT_EQ(described(octets + rest), words) << octets;
}

TEST(ProxyHeader, Version1) {
    expect_header("PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n", " 192.0.2.1:56324 203.0.113.1:443");
    expect_header("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", " 0.0.0.0:0 255.255.255.255:65535");
    expect_header("PROXY TCP6 2001:db8::1 2001:DB8::2 80 1\r\n", " [2001:db8::1]:80 [2001:db8::2]:1");
    expect_header("PROXY TCP6 ::ffff:192.0.2.1 ::1 80 1\r\n", " 192.0.2.1:80 [::1]:1");
    expect_header("PROXY UNKNOWN\r\n", "");
    expect_header("PROXY UNKNOWN ffff::1 nonsense \t 99999\r\n", "");
    // The longest ones of section 2.1: 56 and 104 octets, and with UNKNOWN 107.
    expect_header("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
                  " 255.255.255.255:65535 255.255.255.255:65535");
    const std::string longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    expect_header("PROXY TCP6 " + longest + " " + longest + " 65535 65535\r\n",
                  " [" + longest + "]:65535 [" + longest + "]:65535");
    expect_header("PROXY UNKNOWN " + longest + " " + longest + " 65535 65535\r\n", "");
}

TEST(ProxyHeader, MalformedLines) {
    for (const char* text : {"",
                             "TCP4",
                             "TCP4 ",
                             "TCP4 192.0.2.1",
                             "TCP4 192.0.2.1 203.0.113.1",
                             "UNKNOWNS",
                             "unknown",
                             "TCP4 192.0.2.1 203.0.113.1 1",
                             "TCP4 192.0.2.1 203.0.113.1 1 2 ",
                             "TCP5 1.1.1.1 1.1.1.1 1 2",
                             "TCP4 192.0.2.1 203.0.113.1 1 2 3",
                             "TCP4  192.0.2.1 203.0.113.1 1 2",
                             "tcp4 1.1.1.1 1.1.1.1 1 2",
                             "TCP4 192.0.2.1 203.0.113.1 1  2",
                             " TCP4 192.0.2.1 203.0.113.1 1 2",
                             "UDP4 1.1.1.1 1.1.1.1 1 2",
                             "TCP4 192.0.2.01 203.0.113.1 1 2",
                             "TCP4 192.0.2.256 203.0.113.1 1 2",
                             "TCP4 2001:db8::1 ::1 1 2",
                             "TCP6 192.0.2.1 203.0.113.1 1 2",
                             "TCP6 [::1] ::1 1 2",
                             "TCP6 fe80::1%lo ::1 1 2",
                             "TCP4 192.0.2.1 203.0.113.1 65536 2",
                             "TCP4 192.0.2.1 203.0.113.1 -1 2",
                             "TCP4 192.0.2.1 203.0.113.1 +1 2",
                             "TCP4 192.0.2.1 203.0.113.1 01 2",
                             "TCP4 1.1.1.1 1.1.1.1 1 2x",
                             "TCP4 192.0.2.1 203.0.113.1 0x1 2",
                             "TCP4 name.example 203.0.113.1 1 2"})
        expect_refused("PROXY "s + text + "\r\n", "a malformed line (version 1)");
    expect_refused("PROXY TCP4 192.0.2.1 203.0.113.1 1 2\n", "a malformed line (version 1)");
    expect_refused("PROXY TCP4 192.0.2.1 203.0.113.1 1 2\r\r", "a malformed line (version 1)");
    expect_refused("PROXY UNKNOWN \rx", "a malformed line (version 1)");
    EXPECT_EQ(described("PROXY TCP4 192.0.2.1\0 203.0.113.1 1 2\r\n"s), "a malformed line (version 1)");
}

TEST(ProxyHeader, ALineEndsWithin107Octets) {
    const std::string words = "a line of more than 107 octets (version 1)";
    const std::string start = "PROXY UNKNOWN ";
    expect_header(start + std::string(105 - start.size(), 'x') + "\r\n", "");
    expect_refused(start + std::string(107 - start.size(), 'x'), words);
    expect_refused(start + std::string(106 - start.size(), 'x') + "\r", words);
}

TEST(ProxyHeader, Version2) {
    expect_header(version_2(0x21, 0x11, ipv4_ends), " 192.0.2.1:56324 203.0.113.1:443");
    expect_header(version_2(0x21, 0x12, ipv4_ends), " 192.0.2.1:56324 203.0.113.1:443");
    expect_header(version_2(0x21, 0x21, ipv6_ends), " [2001:db8::1]:80 [2001:db8::2]:0");
    expect_header(version_2(0x21, 0x22, ipv6_ends), " [2001:db8::1]:80 [2001:db8::2]:0");
    expect_header(version_2(0x21, 0x31, std::string(216, '/')), "");
    expect_header(version_2(0x21, 0x32, std::string(216, '/')), "");
    expect_header(version_2(0x21, 0x00, ""), "");
    expect_header(version_2(0x21, 0x00, "whatever the proxy adds"), "");
}

TEST(ProxyHeader, TlvsAreSkipped) {
    expect_header(version_2(0x21, 0x11, ipv4_ends + "\x04\x00\x02\x00\x00"s), " 192.0.2.1:56324 203.0.113.1:443");
    expect_header(version_2(0x21, 0x11, ipv4_ends + std::string(4096 - 16 - 12, '\xff')),
                  " 192.0.2.1:56324 203.0.113.1:443");
}

TEST(ProxyHeader, TheAddressesOfALocalConnectionAreIgnored) {
    expect_header(version_2(0x20, 0x00, ""), " local");
    expect_header(version_2(0x20, 0x11, ipv4_ends), " local");
    expect_header(version_2(0x20, 0x11, ""), " local");
    expect_header(version_2(0x20, 0xff, "x"), " local");
}

TEST(ProxyHeader, WhatVersion2Refuses) {
    for (const char version : {'\x11', '\x01', '\x31', '\xf1'})
        expect_refused(signature_2 + version, "one of an unknown version");
    const auto head = [](std::uint8_t command, std::uint8_t family, std::size_t length) {
        return version_2(command, family, std::string(length, '\0')).substr(0, 16);
    };
    for (const std::uint8_t command : std::initializer_list<std::uint8_t>{0x22, 0x2f})
        expect_refused(head(command, 0x11, 12), "one with an unknown command (version 2)");
    for (const std::uint8_t family :
         std::initializer_list<std::uint8_t>{0x01, 0x02, 0x10, 0x13, 0x20, 0x2f, 0x30, 0x41, 0xf1, 0xff})
        expect_refused(head(0x21, family, 216), "one with an unknown address family (version 2)");
    for (const auto& [family, length] :
         {std::pair<std::uint8_t, std::size_t>{0x11, 11}, {0x11, 0}, {0x21, 35}, {0x21, 12}, {0x31, 215}})
        expect_refused(head(0x21, family, length), "one that is too short for its addresses (version 2)");
    for (const std::size_t length : {4081, 65'535})
        for (const std::uint8_t command : std::initializer_list<std::uint8_t>{0x20, 0x21})
            expect_refused(head(command, 0x11, length), "one of more than 4096 octets (version 2)");
}

TEST(ProxyHeader, WhatIsNotAHeader) {
    for (const char* text : {"G", "PROXX", "PROXY\t", "p", " ", "\n", "\r\r", "\r\n\r\nX", "\x16"})
        expect_refused(text, "something else");
    expect_refused("\r\n\r\n\0\r\nQUIT\r"s, "something else");
    expect_refused("\0"s, "something else");
}

}  // namespace
}  // namespace proapi::net
