// Elements of Forwarded and members of X-Forwarded-For: the examples of RFC 7239, and what breaks its grammar.
#include "http/forwarded.hpp"

#include <gtest/gtest.h>

#include "http/headers.hpp"

namespace proapi::http {
namespace {

// Returns "address port", "hidden port", or "malformed".
std::string described(const std::optional<ForwardedNode>& node) {
    if (!node) return "malformed";
    return (node->address ? base::to_string(*node->address) : "hidden") + " " + std::to_string(node->port);
}

// Returns "client|proto|host", or "malformed".
std::string described(std::string_view element) {
    const auto read = parse_forwarded_element(element);
    if (!read) return "malformed";
    return (read->client ? described(read->client) : "none") + "|" + read->proto + "|" + read->host;
}

TEST(Forwarded, Nodes) {
    for (const auto& [text, expected] : {std::pair{"192.0.2.43", "192.0.2.43 0"},
                                         {"192.0.2.43:47011", "192.0.2.43 47011"},
                                         {"192.0.2.43:0", "192.0.2.43 0"},
                                         {"192.0.2.43:65535", "192.0.2.43 65535"},
                                         {"192.0.2.43:_port", "192.0.2.43 0"},
                                         {"[2001:db8:cafe::17]", "2001:db8:cafe::17 0"},
                                         {"[2001:DB8:CAFE::17]:4711", "2001:db8:cafe::17 4711"},
                                         {"[::ffff:192.0.2.1]", "192.0.2.1 0"},
                                         {"unknown", "hidden 0"},
                                         {"UNKNOWN:80", "hidden 80"},
                                         {"_gazonk", "hidden 0"},
                                         {"_a.B-9_:_x", "hidden 0"}})
        EXPECT_EQ(described(parse_forwarded_node(text)), expected) << text;
}

TEST(Forwarded, WhatIsNotANode) {
    for (const char* text : {"",
                             ":",
                             ":80",
                             "192.0.2",
                             "192.0.2.256",
                             "192.0.2.043",
                             "192.0.2.43:",
                             "192.0.2.43:65536",
                             "192.0.2.43:123456",
                             "192.0.2.43:+1",
                             "192.0.2.43:8 ",
                             " 192.0.2.43",
                             "192.0.2.43 ",
                             "192.0.2.43:80:80",
                             "2001:db8::1",
                             "[2001:db8::1",
                             "2001:db8::1]",
                             "[]",
                             "[192.0.2.1]",
                             "[2001:db8::1]80",
                             "[2001:db8::1]:",
                             "[[::1]]",
                             "[::1]]",
                             "[fe80::1%lo]",
                             "[unknown]",
                             "_",
                             "_:80",
                             "_a b",
                             "_\xc3\xa9",
                             "name",
                             "example.org",
                             "unknown ",
                             "unix:",
                             "\"192.0.2.43\"",
                             "192.0.2.43:_",
                             "192.0.2.43/24"})
        EXPECT_EQ(described(parse_forwarded_node(text)), "malformed") << text;
    EXPECT_EQ(described(parse_forwarded_node(std::string_view("192.0.2.43\0", 11))), "malformed");
}

TEST(Forwarded, XForwardedForAlsoTakesIpv6WithoutBrackets) {
    for (const auto& [text, expected] : {std::pair{"192.0.2.43", "192.0.2.43 0"},
                                         {"192.0.2.43:80", "192.0.2.43 80"},
                                         {"2001:db8::1", "2001:db8::1 0"},
                                         {"::ffff:192.0.2.1", "192.0.2.1 0"},
                                         {"[2001:db8::1]:80", "2001:db8::1 80"},
                                         {"unknown", "hidden 0"},
                                         {"unix:", "malformed"},
                                         {"2001:db8::1:80:80:80:80:80:80:80", "malformed"}})
        EXPECT_EQ(described(parse_x_forwarded_for(text)), expected) << text;
}

// RFC 7239 section 4.
TEST(Forwarded, TheRfcsExamples) {
    for (const auto& [text, expected] :
         {std::pair{R"(for="_gazonk")", "hidden 0||"},
          {R"(For="[2001:db8:cafe::17]:4711")", "2001:db8:cafe::17 4711||"},
          {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60 0|http|"},
          {R"(for=192.0.2.43;proto=https;host="example.org:8443")", "192.0.2.43 0|https|example.org:8443"},
          {R"(FOR="192.0.2.43:47011" ; Proto = "HTTPS")", "malformed"},
          {R"(FOR="192.0.2.43:47011" ; Proto="HTTPS")", "192.0.2.43 47011|HTTPS|"}})
        EXPECT_EQ(described(text), expected) << text;
}

TEST(Forwarded, ParametersMayBeMissingUnknownOrEmpty) {
    for (const auto& [text, expected] : {std::pair{"proto=https", "none|https|"},
                                         {"host=example.org", "none||example.org"},
                                         {"by=unknown", "none||"},
                                         {"secret=_x;for=_y", "hidden 0||"},
                                         {";;for=192.0.2.1;;", "192.0.2.1 0||"},
                                         {R"(x="a,b;for=192.0.2.9";for=192.0.2.1)", "192.0.2.1 0||"},
                                         {R"(for="\1\9\2.0.2.1")", "192.0.2.1 0||"},
                                         {R"(host="a\"b")", "none||a\"b"},
                                         {"", "none||"}})
        EXPECT_EQ(described(text), expected) << text;
}

TEST(Forwarded, MalformedElements) {
    for (const char* text : {"192.0.2.1",
                             "for",
                             "for=",
                             "for=\"",
                             "for=\"192.0.2.1",
                             R"(for="192.0.2.1\")",
                             "for=192.0.2.1:80",
                             "for=[2001:db8::1]",
                             "for=\"2001:db8::1\"",
                             "for=192.0.2.1,",
                             "for=192.0.2.1;for=192.0.2.1",
                             "for=_a;FOR=_b",
                             "proto=http;proto=https",
                             "host=a;host=a",
                             "for=192.0.2.1 proto=https",
                             "for =192.0.2.1",
                             "for= 192.0.2.1",
                             "for=\"192.0.2.1\"x",
                             "=192.0.2.1",
                             "for=nobody",
                             "host=\"\"",
                             "proto=\"\"",
                             "for=\"\"",
                             "f\xc3\xb6r=_a",
                             "host=example.org:80",
                             "for=_a;b c=d"})
        EXPECT_EQ(described(text), "malformed") << text;
}

TEST(Forwarded, Schemes) {
    for (const char* scheme : {"https", "HTTPS", "wss", "Wss"}) EXPECT_EQ(is_secure_scheme(scheme), true) << scheme;
    for (const char* scheme : {"http", "HTTP", "ws"}) EXPECT_EQ(is_secure_scheme(scheme), false) << scheme;
    for (const char* scheme : {"", "httpss", "on", "https ", "https://", "ftp", "http,https"})
        EXPECT_EQ(is_secure_scheme(scheme), std::nullopt) << scheme;
}

TEST(Forwarded, CommasSeparateWhateverQuotesSay) {
    using Members = std::vector<std::string_view>;
    EXPECT_EQ(split_at_commas("a, b ,c"), (Members{"a", "b", "c"}));
    EXPECT_EQ(split_at_commas(",, a,\t,"), (Members{"a"}));
    EXPECT_EQ(split_at_commas(""), Members{});
    EXPECT_EQ(split_at_commas("\", 192.0.2.1"), (Members{"\"", "192.0.2.1"}));
    EXPECT_EQ(split_list("\", 192.0.2.1"), (Members{"\", 192.0.2.1"})) << "why X-Forwarded-For is split otherwise";
}

}  // namespace
}  // namespace proapi::http
