// The forms of a request target, split and checked.
#include "http/request_target.hpp"

#include <gtest/gtest.h>

#include <string>
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

void expect_parts(std::string_view method, std::string_view target, const Target& expected) {
    const Target parts = split_target(method, target);
    EXPECT_EQ(parts.raw_path, expected.raw_path) << target;
    EXPECT_EQ(parts.query, expected.query) << target;
    EXPECT_EQ(parts.authority, expected.authority) << target;
}

// RFC 9112 section 3.2.1.
TEST(RequestTarget, OriginFormIsPathAndQuery) {
    expect_parts("GET", "/where?q=now", {"/where", "q=now", ""});
    expect_parts("GET", "/", {"/", "", ""});
    expect_parts("GET", "/a?", {"/a", "", ""});
    expect_parts("GET", "/a?b?c", {"/a", "b?c", ""});
    expect_parts("GET", "//host/a", {"//host/a", "", ""});
    expect_parts("GET", "/%2F?%3F", {"/%2F", "%3F", ""});
}

// RFC 9112 section 3.2.2.
TEST(RequestTarget, AbsoluteFormHasAnAuthorityToo) {
    expect_parts("GET", "http://www.example.org/pub/WWW/TheProject.html",
                 {"/pub/WWW/TheProject.html", "", "www.example.org"});
    expect_parts("GET", "https://a:8000/b?c", {"/b", "c", "a:8000"});
    expect_parts("GET", "http://a", {"/", "", "a"});
    expect_parts("GET", "http://a?b", {"/", "b", "a"});
    expect_parts("GET", "http://[::1]:80/", {"/", "", "[::1]:80"});
}

TEST(RequestTarget, AUrlInTheQueryOfAnOriginFormIsNoAuthority) {
    expect_parts("GET", "/login?next=http://evil.example/", {"/login", "next=http://evil.example/", ""});
    expect_parts("GET", "/http://evil.example/", {"/http://evil.example/", "", ""});
}

// RFC 9112 section 3.2.4.
TEST(RequestTarget, OptionsAsksAboutTheServerAsAWhole) {
    expect_parts("OPTIONS", "*", {"*", "", ""});
    expect_parts("OPTIONS", "http://www.example.org:8001", {"*", "", "www.example.org:8001"});
    expect_parts("OPTIONS", "http://a/", {"/", "", "a"});
    expect_parts("OPTIONS", "http://a?b", {"/", "b", "a"});
}

TEST(RequestTarget, WhatItsFormsAllowIsAccepted) {
    for (const char* target : {"/", "/a?b", "//", "/?", "http://a", "HTTP://a/", "https://a:1/b", "http://[::1]/"})
        EXPECT_EQ(error_text(check_target("GET", target)), "") << target;
    EXPECT_EQ(error_text(check_target("OPTIONS", "*")), "");
}

TEST(RequestTarget, OnlyVisibleAsciiIsAccepted) {
    for (int octet = 0; octet < 256; ++octet) {
        const std::string target = "/a" + std::string(1, static_cast<char>(octet));
        const bool is_visible = octet > 0x20 && octet < 0x7f;
        const std::string_view words =
            !is_visible    ? "expected visible ASCII in the request target, got a control or non-ASCII character"
            : octet == '#' ? "expected no fragment in the request target, got \"#\""
                           : "";
        EXPECT_EQ(error_text(check_target("GET", target)), words) << octet;
    }
}

TEST(RequestTarget, TheAsteriskIsForOptionsOnly) {
    for (const char* method : {"GET", "HEAD", "options"})
        EXPECT_EQ(error_text(check_target(method, "*")), "expected \"*\" as request target with OPTIONS only")
            << method;
}

// Authority-form is for proxies (CONNECT); other schemes are for other servers.
TEST(RequestTarget, AnotherFormIsRefused) {
    for (const char* target : {"", "a", "a:80", "example.com/", "?a", "**", "ftp://a/", "ws://a/",
                               "javascript:alert(1)", "http:/a", "http:a", "://a", " http://a"}) {
        const std::string error = error_text(check_target("GET", target));
        EXPECT_TRUE(error.starts_with("expected ")) << target;
    }
    EXPECT_EQ(error_text(check_target("GET", "ws://a/")),
              "expected a request target that begins with \"/\", \"http://\" or \"https://\"");
}

TEST(RequestTarget, AnAbsoluteFormNeedsAHostWithoutUserInformation) {
    for (const char* target : {"http://", "http:///a", "http://:80/", "http://u@a/", "http://u:p@a/", "http://a:b/",
                               "http://a,b/", "http://[::1/"}) {
        EXPECT_EQ(error_text(check_target("GET", target)),
                  "expected host or host:port in the request target, without user information")
            << target;
    }
}

}  // namespace
}  // namespace proapi::http
