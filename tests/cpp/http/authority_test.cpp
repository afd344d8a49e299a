// Host and port of a request, and the names of this machine: the vectors, and every octet.
#include <gtest/gtest.h>

#include "http/url.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

TEST(Authority, Vectors) {
    for (const vectors::Json& vector : vectors::decoding("parse_authority")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        const auto authority = parse_authority(vectors::octets(vector.at("given")));
        const vectors::Json& expected = vector.at("expect");
        ASSERT_EQ(authority.has_value(), !expected.is_null());
        if (!authority) continue;
        EXPECT_EQ(authority->host, vectors::octets(expected.at(0)));
        ASSERT_EQ(authority->port.has_value(), !expected.at(1).is_null());
        if (authority->port) {
            EXPECT_EQ(*authority->port, expected.at(1).get<int>());
        }
    }
}

TEST(Authority, LoopbackVectors) {
    for (const vectors::Json& vector : vectors::decoding("is_loopback_name")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        EXPECT_EQ(is_loopback_name(vectors::octets(vector.at("given"))), vector.at("expect").get<bool>());
    }
}

// RFC 3986 section 3.2.2: unreserved and sub-delims. The comma is refused, because lists of hosts can smuggle requests.
TEST(Authority, AHostHasNoOctetThatCouldEndIt) {
    constexpr std::string_view punctuation = "-._~!$&'()*+;=";
    for (int octet = 0; octet < 256; ++octet) {
        const char c = static_cast<char>(octet);
        const bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool expected = is_alphanumeric || punctuation.find(c) != std::string_view::npos;
        EXPECT_EQ(parse_authority(std::string(1, c)).has_value(), expected) << octet;
        EXPECT_EQ(parse_authority("a" + std::string(1, c) + "b").has_value(), expected) << octet;
    }
}

TEST(Authority, AnEscapeInAHostNeedsTwoDigits) {
    EXPECT_TRUE(parse_authority("a%41"));
    for (const char* host : {"%", "a%4", "a%4:80", "a%g1", "a%1g", "%%41"}) EXPECT_FALSE(parse_authority(host)) << host;
}

TEST(Authority, APortIsDigitsBelow65536) {
    EXPECT_EQ(parse_authority("a:65535")->port, 65535);
    EXPECT_EQ(parse_authority("a:0000000000065535")->port, 65535);
    for (const char* text : {"a:65536", "a:99999999999999999999", "a:-1", "a:+1", "a: 1", "a:1 ", "a:1:2", "a:0x50"})
        EXPECT_FALSE(parse_authority(text)) << text;
}

TEST(Authority, AfterTheBracketComesAPortOrNothing) {
    EXPECT_EQ(parse_authority("[::1]:8000")->port, 8000);
    for (const char* text : {"[::1]8000", "[::1]a", "[::1]]", "[]", "[]:80", "[a]", "[127.0.0.1]", "[fe80::1%25eth0]"})
        EXPECT_FALSE(parse_authority(text)) << text;
}

}  // namespace
}  // namespace proapi::http
