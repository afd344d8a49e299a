// The Host rule, row by row: which hosts a server answers for, depending on where it listens, what is listed, and what
// arrives.
// promise: hosts
#include "service/host_rule.hpp"

#include <gtest/gtest.h>

#include "service/settings.hpp"
#include "tests/cpp/error_text.hpp"

namespace proapi::service {
namespace {

struct Arrival {
    Reach reach;
    bool is_handshake;
};
constexpr Arrival of_request{Reach::loopback, false}, of_handshake{Reach::loopback, true};
constexpr Arrival request_from_network{Reach::network, false}, handshake_from_network{Reach::network, true};

http::RequestHead head_of(std::string_view host) {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/";
    head.headers.add("Host", host);
    return head;
}

RequestInfo request_of(http::RequestHead head, Arrival arrival) {
    RequestInfo request{.head = std::move(head), .match = {}, .client = {}};
    request.reach = arrival.reach;
    request.kind = arrival.is_handshake ? RequestKind::handshake : RequestKind::http;
    return request;
}

bool is_served(std::string_view host, const Site& site, Arrival arrival) {
    return check_host(request_of(head_of(host), arrival), site).has_value();
}

Site listing(std::string_view hosts, std::string_view origins = "") {
    Site site;
    EXPECT_EQ(error_text(set_setting(site.settings, "allowed_hosts", hosts)), "");
    EXPECT_EQ(error_text(set_setting(site.settings, "allowed_origins", origins)), "");
    return site;
}

TEST(HostRule, OnLoopbackLoopbackNamesAreServed) {
    for (const char* host :
         {"localhost", "LocalHost:8000", "localhost:", "localhost.", "localhost.:8000", "app.localhost:8000",
          "127.0.0.1", "127.0.0.1:1", "127.1.2.3", "[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]"})
        for (const Arrival arrival : {of_request, of_handshake}) EXPECT_TRUE(is_served(host, {}, arrival)) << host;
}

TEST(HostRule, OnLoopbackOtherNamesAreNot) {
    for (const char* host : {"rebound.example",
                             "rebound.example:8000",
                             "localhost.evil.example",
                             "notlocalhost",
                             ".localhost",
                             "localhost..",
                             "127.0.0.1.nip.io",
                             "127.1",
                             "2130706433",
                             "0x7f000001",
                             "0177.0.0.1",
                             "0.0.0.0:8000",
                             "[::]",
                             "192.0.2.1",
                             "[2001:db8::1]",
                             "user@localhost",
                             "localhost, localhost",
                             "localhost:x",
                             "[::1",
                             ".",
                             ""})
        for (const Arrival arrival : {of_request, of_handshake}) EXPECT_FALSE(is_served(host, {}, arrival)) << host;
}

TEST(HostRule, OnANetworkAnyHostIsServedUntilSomeAreListed) {
    for (const Arrival arrival : {request_from_network, handshake_from_network}) {
        EXPECT_TRUE(is_served("anything.example", {}, arrival));
        EXPECT_TRUE(is_served("localhost", {}, arrival));
        EXPECT_TRUE(is_served("anything.example", listing("", "https://good.example"), arrival));
        const Site site = listing("good.example");
        EXPECT_TRUE(is_served("good.example:8000", site, arrival));
        EXPECT_FALSE(is_served("anything.example", site, arrival));
        EXPECT_FALSE(is_served("localhost", site, arrival))
            << "a loopback name is not the network's name for the server";
    }
}

TEST(HostRule, WhatIsListed) {
    const Site site = listing("Good.example, *.sub.example, 192.0.2.1, [2001:db8::1], 2001:db8::2, dot.example.");
    for (const char* host :
         {"good.example", "GOOD.EXAMPLE:1", "good.example.", "a.sub.example", "a.b.SUB.example:80", "a.sub.example.",
          "192.0.2.1:8000", "[2001:db8::1]:8000", "[2001:DB8::2]", "dot.example", "localhost"})
        EXPECT_TRUE(is_served(host, site, of_request)) << host;
    for (const char* host : {"www.good.example", "good.example.evil", "sub.example", ".sub.example", "xsub.example",
                             "192.0.2.2", "[2001:db8::3]"})
        EXPECT_FALSE(is_served(host, site, of_request)) << host;
    EXPECT_TRUE(is_served("anything.example", listing("*"), of_request));
    EXPECT_TRUE(is_served("anything.example", listing("*"), request_from_network));
    EXPECT_FALSE(is_served("not a host", listing("*"), of_request));
}

TEST(HostRule, HostsOfListedOriginsAreServed) {
    Site site = listing("", "https://good.example, http://port.example:8080, http://[2001:db8::1]:80, null, file://");
    for (const char* host : {"good.example", "good.example:9", "port.example", "[2001:db8::1]"})
        EXPECT_TRUE(is_served(host, site, of_request)) << host;
    for (const char* host : {"other.example", "null", "."}) EXPECT_FALSE(is_served(host, site, of_request)) << host;
    EXPECT_FALSE(is_served("other.example", listing("", "*"), of_request)) << "any origin does not mean any host";

    ASSERT_EQ(error_text(set_setting(site.routes.emplace_back().settings, "allowed_origins", "https://route.example")),
              "");
    EXPECT_TRUE(is_served("route.example", site, of_request));
    site.settings.allowed_hosts = {"api.example"};
    for (const char* host : {"api.example", "good.example", "route.example"})
        EXPECT_TRUE(is_served(host, site, request_from_network)) << host;
}

// A page can set X-Forwarded-For in a fetch(), but never Via; in a WebSocket's handshake it can set neither.
TEST(HostRule, AProxyIsBelievedWhereNoPageCanHaveWrittenWhatItSays) {
    const auto is_served_with = [](const char* field, const Site& site, Arrival arrival) {
        http::RequestHead head = head_of("site.example");
        head.headers.add(field, "1.1 proxy");
        return check_host(request_of(head, arrival), site).has_value();
    };
    EXPECT_TRUE(is_served_with("Via", {}, of_request));
    EXPECT_TRUE(is_served_with("via", {}, of_handshake));
    for (const char* field : {"X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP"}) {
        EXPECT_FALSE(is_served_with(field, {}, of_request)) << field;
        EXPECT_TRUE(is_served_with(field, {}, of_handshake)) << field;
    }
    EXPECT_FALSE(is_served_with("X-Via", {}, of_handshake));
    for (const Arrival arrival : {of_request, of_handshake, request_from_network, handshake_from_network})
        EXPECT_FALSE(is_served_with("Via", listing("other.example"), arrival)) << "the list takes precedence";
}

TEST(HostRule, HttpOneZeroNeedsNoHost) {
    http::RequestHead head;
    head.target = "/";
    head.minor_version = 0;
    EXPECT_EQ(error_text(check_host(request_of(head, of_request), {})), "");
    EXPECT_EQ(error_text(check_host(request_of(head, request_from_network), listing("good.example"))), "");
}

TEST(HostRule, TheAuthorityOfAnAbsoluteFormAndTheFieldAreBothJudged) {
    const auto is_served_at = [](const char* target, const char* host) {
        http::RequestHead head = head_of(host);
        head.target = target;
        return check_host(request_of(head, of_request), {}).has_value();
    };
    EXPECT_TRUE(is_served_at("http://localhost:8000/", "localhost:8000"));
    EXPECT_FALSE(is_served_at("http://rebound.example/", "localhost"));
    EXPECT_FALSE(is_served_at("http://localhost/", "rebound.example"));
    EXPECT_TRUE(is_served_at("*", "localhost"));
    EXPECT_FALSE(is_served_at("*", "rebound.example"));
}

TEST(HostRule, EveryHostFieldIsJudged) {
    for (const auto& [one, other] : {std::pair{"localhost", "rebound.example"}, {"rebound.example", "localhost"}}) {
        http::RequestHead head = head_of(one);
        head.headers.add("host", other);
        EXPECT_NE(error_text(check_host(request_of(head, of_request), {})), "");
    }
}

TEST(HostRule, TheLogLineSaysWhyAndNamesTheSetting) {
    const std::string on_loopback =
        error_text(check_host(request_of(head_of("rebound.example:8000\x1b"), of_request), {}));
    EXPECT_NE(on_loopback.find("host 'rebound.example:8000\\x1b' refused"), std::string::npos) << on_loopback;
    EXPECT_NE(on_loopback.find("loopback"), std::string::npos) << on_loopback;
    EXPECT_NE(on_loopback.find("allowed_hosts"), std::string::npos) << on_loopback;
    const std::string listed =
        error_text(check_host(request_of(head_of("other.example"), request_from_network), listing("good.example")));
    EXPECT_NE(listed.find("host 'other.example' refused"), std::string::npos) << listed;
    EXPECT_NE(listed.find("allowed_hosts"), std::string::npos) << listed;
}

TEST(HostRule, WhomAServerCanBeReachedBy) {
    for (const char* host : {"127.0.0.1", "127.9.9.9", "127.255.255.4", "::1", "::ffff:127.0.0.1", "localhost"})
        EXPECT_EQ(find_reach(host), Reach::loopback) << host;
    for (const char* host :
         {"0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0", "/run/app.sock", "a.127.0.0.1", ""})
        EXPECT_EQ(find_reach(host), Reach::network) << host;
}

TEST(HostRule, WhatCanBeListed) {
    for (const char* text : {"*", "a", "chat.example.org", "*.example.org", "192.0.2.1", "::1", "[::1]", "a_b.example",
                             "xn--caf-dma.example", "example.org."})
        EXPECT_TRUE(is_host_pattern(text)) << text;
    for (const char* text : {"",
                             ".",
                             "*.",
                             "**",
                             "a*.example",
                             "*a.example",
                             "*.*.example",
                             "a.*.example",
                             "https://a.example",
                             "a.example/",
                             "a.example/page",
                             "a.example:8000",
                             "a.example:",
                             "[::1]:8000",
                             "[::1]:",
                             "user@a.example",
                             "a example",
                             "\xc3\xa9.example",
                             "::g",
                             "[x]"})
        EXPECT_FALSE(is_host_pattern(text)) << text;
}

}  // namespace
}  // namespace proapi::service
