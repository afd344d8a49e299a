// Who the client is, and what it asked for, as trusted proxies say. The peer of each request is a trusted proxy; so are
// 10.0.0.0/8 and 2001:db8:aaaa::/48.
// promise: trusted-proxies
#include "service/real_client.hpp"

#include <gtest/gtest.h>

#include "tests/cpp/error_text.hpp"

namespace proapi::service {
namespace {

const TrustedNetworks proxies({"127.0.0.1", "10.0.0.0/8", "2001:db8:aaaa::/48"});

// Returns "client:port", "http" or "https", and the host, separated by spaces; "-" for what nobody says.
std::string find_client_in(const http::Headers& headers) {
    const RealClient found = find_real_client(headers, proxies);
    const std::string scheme = !found.is_secure ? "-" : *found.is_secure ? "https" : "http";
    return (found.client ? base::to_string(*found.client) : "-") + " " + scheme + " " +
           (found.host.empty() ? "-" : found.host);
}

struct Finding {
    http::Headers headers;
    const char* found;
    const char* why;
};

void expect_rows(const std::vector<Finding>& rows) {
    for (const Finding& row : rows) EXPECT_EQ(find_client_in(row.headers), row.found) << row.why;
}

TEST(RealClient, OfXForwardedFor) {
    const auto rows = [](std::initializer_list<std::array<const char*, 3>> texts) {
        std::vector<Finding> all;
        for (const auto& [value, found, why] : texts) all.push_back({{{"X-Forwarded-For", value}}, found, why});
        return all;
    };
    expect_rows(rows({
        {"192.0.2.1", "192.0.2.1:0 - -", "one proxy"},
        {"192.0.2.1:4711", "192.0.2.1:4711 - -", "with a port"},
        {"2001:db8::1", "[2001:db8::1]:0 - -", "IPv6"},
        {"[2001:db8::1]:80", "[2001:db8::1]:80 - -", "IPv6 with a port"},
        {"::ffff:192.0.2.1", "192.0.2.1:0 - -", "IPv4 through a socket of IPv6"},
        {"192.0.2.1, 10.0.0.2", "192.0.2.1:0 - -", "two proxies"},
        {"192.0.2.1, ::ffff:10.0.0.2, 2001:db8:aaaa::1", "192.0.2.1:0 - -", "three, of both families"},
        {"6.6.6.6, 192.0.2.1", "192.0.2.1:0 - -", "the client has invented the first"},
        {"6.6.6.6, 10.0.0.1, 192.0.2.1, 10.0.0.2", "192.0.2.1:0 - -", "a trusted address left of the client"},
        {"10.0.0.3, 10.0.0.2", "10.0.0.3:0 - -", "the client is a proxy itself"},
        {"192.0.2.1,,, 10.0.0.2 ,", "192.0.2.1:0 - -", "empty members"},
        {"192.0.2.1, nonsense", "- - -", "malformed: nothing left of it counts"},
        {"192.0.2.1, nonsense, 10.0.0.2", "10.0.0.2:0 - -", "malformed: the last trusted statement counts"},
        {"192.0.2.1, unknown, 10.0.0.2", "10.0.0.2:0 - -", "nobody knows who called 10.0.0.2"},
        {"192.0.2.1, _hidden", "- - -", "the proxy does not say who called it"},
        {"192.0.2.1, 10.0.0.256", "- - -", "not an address"},
        {"192.0.2.1, 10.0.0.2:99999", "- - -", "not a port"},
        {"\", 192.0.2.1", "192.0.2.1:0 - -", "a quote of the client swallows nothing"},
        {"192.0.2.1 10.0.0.2", "- - -", "without a comma"},
        {"127.0.0.1", "127.0.0.1:0 - -", "from the proxy's machine"},
        {"unix:", "- - -", "as nginx names a client of its Unix socket"},
        {"", "- - -", "nothing"},
    }));
}

TEST(RealClient, SeveralFieldsAreOneList) {
    expect_rows({
        {{{"X-Forwarded-For", "192.0.2.1"}, {"x-forwarded-for", "10.0.0.2"}}, "192.0.2.1:0 - -", "two fields"},
        {{{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1:0 - -", "the client's first"},
        {{{"Forwarded", "for=6.6.6.6"}, {"Forwarded", "for=192.0.2.1"}}, "192.0.2.1:0 - -", "the same of Forwarded"},
        {{{"Forwarded", "for=\""}, {"Forwarded", "for=192.0.2.1"}},
         "192.0.2.1:0 - -",
         "a quote does not reach into the next field"},
    });
}

TEST(RealClient, WhatItAskedFor) {
    const auto headers = [](const char* clients, const char* schemes, const char* hosts) {
        return http::Headers{{"X-Forwarded-For", clients}, {"X-Forwarded-Proto", schemes}, {"X-Forwarded-Host", hosts}};
    };
    expect_rows({
        {headers("192.0.2.1", "https", "a.example"), "192.0.2.1:0 https a.example", "one proxy"},
        {headers("192.0.2.1", "HTTP", "a.example:8080"), "192.0.2.1:0 http a.example:8080", "plain"},
        {headers("192.0.2.1", "wss", "a.example"), "192.0.2.1:0 https a.example", "a handshake by Traefik"},
        {headers("192.0.2.1", "gopher", "a.example"), "192.0.2.1:0 - a.example", "an unknown scheme"},
        {headers("192.0.2.1", "https, http", "evil.example, a.example"), "192.0.2.1:0 http a.example",
         "what the client has invented is left of what its proxy has added"},
        {headers("192.0.2.1, 10.0.0.2", "https, http", "a.example, b.example"), "192.0.2.1:0 https a.example",
         "both proxies add: the one nearest to the client knows"},
        {headers("192.0.2.1, 10.0.0.2", "https", "a.example"), "192.0.2.1:0 https a.example", "one of two overwrites"},
        {headers("6.6.6.6, 192.0.2.1, 10.0.0.2", "gopher, https, http", "x, a, b"), "192.0.2.1:0 https a",
         "three statements for two proxies"},
        {headers("nonsense", "https, http", "a, b"), "- http b", "the peer's own statement counts"},
        {headers("unknown", "https", "a"), "- https a", "a client without a name"},
    });
    expect_rows({
        {{{"X-Forwarded-Proto", "https"}}, "- https -", "the scheme alone"},
        {{{"X-Forwarded-Host", "a.example"}}, "- - a.example", "the host alone"},
        {{}, "- - -", "nothing"},
    });
}

TEST(RealClient, OfForwarded) {
    const auto rows = [](std::initializer_list<std::array<const char*, 3>> texts) {
        std::vector<Finding> all;
        for (const auto& [value, found, why] : texts) all.push_back({{{"Forwarded", value}}, found, why});
        return all;
    };
    expect_rows(rows({
        {"for=192.0.2.60;proto=https;host=a.example;by=10.0.0.1", "192.0.2.60:0 https a.example", "one proxy"},
        {R"(For="[2001:db8:cafe::17]:4711")", "[2001:db8:cafe::17]:4711 - -", "IPv6"},
        {"for=192.0.2.1;proto=https;host=a, for=10.0.0.2;proto=http;host=b", "192.0.2.1:0 https a", "two proxies"},
        {"for=192.0.2.1, for=10.0.0.2;proto=http;host=b", "192.0.2.1:0 http b", "the second names more"},
        {"for=6.6.6.6;host=evil;proto=http, for=192.0.2.1;host=a;proto=https", "192.0.2.1:0 https a",
         "the client has invented the first"},
        {"for=6.6.6.6, for=192.0.2.1;proto=https, for=10.0.0.2", "192.0.2.1:0 https -", "the same before two proxies"},
        {"for=192.0.2.1, for=unknown;proto=https", "- https -", "the proxy does not know its client"},
        {"for=192.0.2.1, for=_hidden;host=a", "- - a", "the proxy hides its client"},
        {"for=192.0.2.1, proto=https", "- https -", "the proxy names no client"},
        {"for=192.0.2.1;proto=https, for=10.0.0.2;for=10.0.0.3", "- - -", "malformed: nothing of it counts"},
        {"for=192.0.2.1, nonsense, for=10.0.0.2;proto=http", "10.0.0.2:0 http -", "malformed: the walk ends"},
        {R"(for=6.6.6.6;x=", for=192.0.2.1)", "- - -", "an unclosed quote: it is unknown who wrote what"},
        {R"(for=6.6.6.6;x=", for="[2001:db8::1]")", "- - -", "the same before a proxy that quotes"},
        {R"(for="192.0.2.1, 10.0.0.2")", "- - -", "a list in quotes is not an address"},
    }));
}

TEST(RealClient, ForwardedIsIgnoredNextToXForwarded) {
    expect_rows({
        {{{"Forwarded", "for=6.6.6.6;host=evil;proto=https"}, {"X-Forwarded-For", "192.0.2.1"}},
         "192.0.2.1:0 - -",
         "nginx passes on the Forwarded of its client"},
        {{{"X-Forwarded-Proto", "http"}, {"Forwarded", "for=6.6.6.6"}}, "- http -", "even if it names no client"},
    });
}

// ---- the request --------------------------------------------------------------------------------------------------

RequestInfo request_with(http::Headers headers, Reach reach = Reach::network, std::string target = "/page?a=1") {
    RequestInfo request{.head = {}, .match = {}, .client = {"127.0.0.1", 50'000}, .reach = reach};
    request.head.method = "GET";
    request.head.target = std::move(target);
    request.head.headers = std::move(headers);
    return request;
}

TEST(RealClient, IsTheClientOfTheRequest) {
    RequestInfo request = request_with({{"Host", "backend:8000"},
                                        {"X-Forwarded-For", "192.0.2.1"},
                                        {"X-Forwarded-Proto", "https"},
                                        {"X-Forwarded-Host", "chat.example.org"}});
    ASSERT_TRUE(take_real_client(request, {}, proxies));
    EXPECT_EQ(request.client, (base::Address{"192.0.2.1", 0}));
    EXPECT_TRUE(request.secure);
    EXPECT_EQ(request.head.headers.getlist("Host"), std::vector<std::string_view>{"chat.example.org"});
    EXPECT_EQ(make_url(request, UrlKind::http), "https://chat.example.org/page?a=1");
    EXPECT_EQ(make_url(request, UrlKind::websocket), "wss://chat.example.org/page?a=1");
}

TEST(RealClient, AProxyThatSaysNothingIsTheClient) {
    RequestInfo request = request_with({{"Host", "backend:8000"}});
    request.secure = true;
    ASSERT_TRUE(take_real_client(request, {}, proxies));
    EXPECT_EQ(request.client, (base::Address{"127.0.0.1", 50'000}));
    EXPECT_TRUE(request.secure) << "by the proxy's own TLS";
    EXPECT_EQ(request.head.host(), "backend:8000");
}

TEST(RealClient, APlainClientOfAProxyThatSpeaksTlsIsPlain) {
    RequestInfo request = request_with({{"Host", "a"}, {"X-Forwarded-Proto", "http"}});
    request.secure = true;
    ASSERT_TRUE(take_real_client(request, {}, proxies));
    EXPECT_FALSE(request.secure);
}

TEST(RealClient, TheForwardedHostWinsOverTheAuthorityOfTheTarget) {
    for (const auto& [target, url] : {std::pair{"http://backend/page?a=1", "http://a.example/page?a=1"},
                                      {"http://backend", "http://a.example/"},
                                      {"/page", "http://a.example/page"}}) {
        RequestInfo request =
            request_with({{"Host", "backend"}, {"X-Forwarded-Host", "a.example"}}, Reach::network, target);
        ASSERT_TRUE(take_real_client(request, {}, proxies));
        EXPECT_EQ(make_url(request, UrlKind::http), url);
    }
}

TEST(RealClient, AHostThatIsNotOneIsRefused) {
    for (const http::Headers& fields :
         {http::Headers{{"X-Forwarded-Host", "a b"}}, http::Headers{{"X-Forwarded-Host", "user@a.example"}},
          http::Headers{{"X-Forwarded-Host", "a.example:port"}}, http::Headers{{"X-Forwarded-Host", "a/b"}},
          http::Headers{{"X-Forwarded-Host", "[::1"}}, http::Headers{{"Forwarded", R"(host="a b")"}},
          http::Headers{{"Forwarded", R"(host="a,b")"}}}) {
        RequestInfo request = request_with(fields);
        EXPECT_FALSE(take_real_client(request, {}, proxies)) << (*fields.begin()).value;
        EXPECT_EQ(request.client.host, "127.0.0.1");
    }
}

Site serving(std::string_view hosts) {
    Site site;
    EXPECT_EQ(error_text(set_setting(site.settings, "allowed_hosts", hosts)), "");
    return site;
}

TEST(RealClient, TheHostRuleAppliesToTheForwardedHost) {
    const Site site = serving("chat.example.org");
    for (const auto& [host, passes] : {std::pair{"chat.example.org", true}, {"evil.example", false}}) {
        RequestInfo request = request_with({{"Host", "backend:8000"}, {"X-Forwarded-Host", host}});
        ASSERT_TRUE(take_real_client(request, site, proxies));
        EXPECT_EQ(check_host(request, site).has_value(), passes) << host;
    }
}

// DNS rebinding: the browser of a page runs on the machine of a trusted proxy.
TEST(RealClient, OnLoopbackAPageCannotNameAnotherHost) {
    const Site site = serving("chat.example.org");
    for (const char* host : {"localhost", "chat.example.org"}) {
        RequestInfo request = request_with({{"Host", "rebound.example"}, {"X-Forwarded-Host", host}}, Reach::loopback);
        ASSERT_TRUE(take_real_client(request, site, proxies));
        EXPECT_EQ(request.head.host(), "rebound.example");
        EXPECT_FALSE(check_host(request, site)) << host;
    }
    RequestInfo request =
        request_with({{"Host", "127.0.0.1:8000"}, {"X-Forwarded-Host", "chat.example.org"}}, Reach::loopback);
    ASSERT_TRUE(take_real_client(request, site, proxies));
    EXPECT_EQ(request.head.host(), "chat.example.org") << "as Apache sends it without ProxyPreserveHost";
    EXPECT_TRUE(check_host(request, site));
}

TEST(RealClient, OnLoopbackAnyHostIsServedUntilSomeAreListed) {
    const auto is_served = [](const char* own, const char* forwarded, const Site& site) {
        RequestInfo request = request_with({{"Host", own}, {"X-Forwarded-Host", forwarded}}, Reach::loopback);
        EXPECT_TRUE(take_real_client(request, site, proxies));
        return check_host(request, site).has_value();
    };
    EXPECT_TRUE(is_served("127.0.0.1:8000", "chat.example.org", {}));
    EXPECT_FALSE(is_served("rebound.example", "chat.example.org", {}));
    EXPECT_FALSE(is_served("rebound.example", "localhost", {}));
    EXPECT_TRUE(is_served("127.0.0.1:8000", "chat.example.org", serving("chat.example.org")));
    EXPECT_FALSE(is_served("127.0.0.1:8000", "evil.example", serving("chat.example.org")));
}

}  // namespace
}  // namespace proapi::service
