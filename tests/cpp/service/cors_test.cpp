// CORS: what preflights are answered, and which fields the other responses get.
#include "service/cors.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/cpp/error_text.hpp"
#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

using test::FakeCarrier;
using test::request_of;

using Fields = std::vector<std::string_view>;

constexpr std::string_view app_page = "https://app.example.org";

class CorsTest : public testing::Test, protected Application, protected Log {
protected:
    CorsTest() {
        site.routes.emplace_back();
        EXPECT_EQ(error_text(site.router.add("OPTIONS", "/own", 0)), "");
    }
    ~CorsTest() override {
        if (websocket) websocket->detach();
    }
    void on_websocket(base::IntrusivePtr<WebSocket> opened) override { websocket = std::move(opened); }
    void on_request(base::IntrusivePtr<Exchange> exchange) override {
        EXPECT_TRUE(exchange->respond(200, own_fields, "own"));
    }
    void write(LogLevel, std::string_view) override {}

    void use(const CorsOptions& options) {
        auto made = Cors::make(options);
        ASSERT_TRUE(made) << made.error().text;
        site.middleware = {*std::move(made)};
    }
    FakeCarrier open(RequestInfo info) {
        FakeCarrier carrier;
        service.open(carrier.open(std::move(info)));
        return carrier;
    }
    FakeCarrier ask(std::string_view method, std::string_view path, http::Headers fields) {
        fields.add("Host", "localhost");
        return open(request_of(method, path, std::move(fields)));
    }
    FakeCarrier preflight(std::string_view origin, std::string_view method, std::string_view headers = {},
                          std::string_view path = "/nothing") {
        http::Headers fields{{"Origin", origin}, {"Access-Control-Request-Method", method}};
        if (!headers.empty()) fields.add("Access-Control-Request-Headers", headers);
        return ask("OPTIONS", path, std::move(fields));
    }
    // Returns the origin that may read the response to a page of `origin`; "" if it may not.
    std::string allowed(std::string_view origin) {
        return std::string(
            ask("GET", "/", {{"Origin", origin}}).headers.get("access-control-allow-origin").value_or(""));
    }

    http::Headers own_fields;
    Site site;
    test::FakeClock clock;
    Service service{site, *this, *this, clock};
    base::IntrusivePtr<WebSocket> websocket;
};

[[nodiscard]] CorsOptions options_for(std::vector<std::string> origins) {
    CorsOptions options;
    options.allow_origins = std::move(origins);
    options.allow_methods = {"GET"};
    return options;
}

[[nodiscard]] std::string fault(const CorsOptions& options) {
    const auto made = Cors::make(options);
    return made ? "" : made.error().text;
}

TEST_F(CorsTest, APreflightIsAnsweredForEveryPath) {
    CorsOptions options = options_for({std::string(app_page)});
    options.allow_methods = {"get", "PUT"};
    options.allow_headers = {"X-Token"};
    options.max_age = std::chrono::seconds(5);
    use(options);
    for (const char* path : {"/nothing", "/own", "/%ff", "*"}) {
        const FakeCarrier carrier = preflight(app_page, "PUT", "content-type,x-token", path);
        EXPECT_EQ(carrier.status, 200);
        EXPECT_EQ(carrier.body, "OK\n");
        EXPECT_EQ(carrier.headers.get("Access-Control-Allow-Origin"), app_page);
        EXPECT_EQ(carrier.headers.get("Access-Control-Allow-Methods"), "GET, PUT, HEAD");
        EXPECT_EQ(carrier.headers.get("Access-Control-Allow-Headers"),
                  "X-Token, Accept, Accept-Language, Content-Language, Content-Type");
        EXPECT_EQ(carrier.headers.get("Access-Control-Max-Age"), "5");
        EXPECT_EQ(carrier.headers.getlist("Vary"),
                  Fields{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"});
        EXPECT_FALSE(carrier.headers.contains("Access-Control-Allow-Credentials"));
        EXPECT_FALSE(carrier.headers.contains("Access-Control-Allow-Private-Network"));
    }
}

TEST_F(CorsTest, ARefusedPreflightSaysWhy) {
    CorsOptions options = options_for({std::string(app_page)});
    options.allow_headers = {"X-Token"};
    use(options);
    const struct {
        std::string_view origin, method, headers, expected;
        bool is_readable;
    } cases[] = {
        {"https://evil.test", "GET", "", "the origin \"https://evil.test\" is not allowed: see allow_origins", false},
        {app_page, "PUT", "", "the method \"PUT\" is not allowed, only GET, HEAD: see allow_methods", true},
        {app_page, "get", "", "the method \"get\" is not allowed", true},
        {app_page, "", "", "the method \"\" is not allowed", true},
        {app_page, "GET", "x-token, x-other", "the header field \"x-other\" is not allowed: see allow_headers", true},
        {app_page, "GET", "a b", "the header field \"a b\"", true},
    };
    for (const auto& [origin, method, headers, expected, is_readable] : cases) {
        const FakeCarrier carrier = preflight(origin, method, headers);
        EXPECT_EQ(carrier.status, 400);
        EXPECT_NE(carrier.body.find(expected), std::string::npos) << carrier.body;
        EXPECT_EQ(carrier.headers.contains("Access-Control-Allow-Origin"), is_readable) << carrier.body;
        EXPECT_FALSE(carrier.headers.contains("Access-Control-Allow-Methods"));
        EXPECT_TRUE(carrier.headers.has_token("Vary", "Origin"));
    }
}

TEST_F(CorsTest, OtherRequestsWithOptionsReachTheirHandlers) {
    use(options_for({"*"}));
    EXPECT_EQ(ask("OPTIONS", "/own", {{"Origin", app_page}}).body, "own");
    EXPECT_EQ(ask("OPTIONS", "/own", {{"Access-Control-Request-Method", "GET"}}).body, "own");
    EXPECT_EQ(ask("GET", "/own", {{"Origin", app_page}, {"Access-Control-Request-Method", "GET"}}).status, 405);
}

TEST_F(CorsTest, AnyHeaderIsEchoedBecauseAuthorizationNeedsItsName) {
    CorsOptions options = options_for({"*"});
    options.allow_headers = {"*"};
    use(options);
    EXPECT_EQ(preflight(app_page, "GET", "authorization,x-a").headers.get("Access-Control-Allow-Headers"),
              "authorization, x-a");
    EXPECT_FALSE(preflight(app_page, "GET").headers.contains("Access-Control-Allow-Headers"));
    EXPECT_EQ(preflight(app_page, "GET", "a b").status, 400);
}

TEST_F(CorsTest, AnyMethodMeansTheUsualOnes) {
    CorsOptions options = options_for({"*"});
    options.allow_methods = {"*"};
    use(options);
    EXPECT_EQ(preflight(app_page, "DELETE").headers.get("Access-Control-Allow-Methods"),
              "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    EXPECT_EQ(preflight(app_page, "PROPFIND").status, 400);
}

TEST_F(CorsTest, APrivateNetworkIsOpenedIfTheApplicationSaysSo) {
    const auto answer = [&] {
        return ask("OPTIONS", "/",
                   {{"Origin", app_page},
                    {"Access-Control-Request-Method", "GET"},
                    {"Access-Control-Request-Private-Network", "true"}})
            .headers.get("Access-Control-Allow-Private-Network")
            .has_value();
    };
    CorsOptions options = options_for({"*"});
    use(options);
    EXPECT_FALSE(answer());
    options.allow_private_network = true;
    use(options);
    EXPECT_TRUE(answer());
    EXPECT_FALSE(preflight(app_page, "GET").headers.contains("Access-Control-Allow-Private-Network"));
}

TEST_F(CorsTest, TheEnginesOwnRefusalsCanBeRead) {
    CorsOptions options = options_for({std::string(app_page)});
    options.expose_headers = {"X-Total", "ETag"};
    use(options);
    const FakeCarrier carrier = ask("GET", "/nothing", {{"Origin", app_page}});
    EXPECT_EQ(carrier.status, 404);
    EXPECT_EQ(carrier.headers.get("Access-Control-Allow-Origin"), app_page);
    EXPECT_EQ(carrier.headers.get("Access-Control-Expose-Headers"), "X-Total, ETag");
    FakeCarrier malformed;
    service.open_malformed(malformed.open({.head = {}, .match = {}, .client = {}}), {400, "no request"});
    EXPECT_EQ(malformed.headers.get("Vary"), "Origin");
    EXPECT_FALSE(malformed.headers.contains("Access-Control-Allow-Origin")) << "its origin is not known";
}

TEST_F(CorsTest, OriginsAreComparedByTheRuleOfWebSockets) {
    use(options_for({"HTTPS://App.Example.org:443/", "http://localhost:3000", "capacitor://localhost"}));
    for (const char* origin : {"https://app.example.org", "https://APP.example.org", "https://app.example.org:443",
                               "http://localhost:3000", "capacitor://localhost"})
        EXPECT_EQ(allowed(origin), origin) << "echoed as the browser has written it";
    for (const char* origin : {"http://app.example.org", "https://app.example.org:8443", "https://example.org",
                               "https://app.example.org.evil.test", "https://app.example.org/page", "null", "", "*",
                               "http://localhost", "https://app.example.org, https://evil.test"})
        EXPECT_EQ(allowed(origin), "") << origin;
    const FakeCarrier two = ask("GET", "/", {{"Origin", app_page}, {"Origin", app_page}});
    EXPECT_FALSE(two.headers.contains("Access-Control-Allow-Origin"));
}

TEST_F(CorsTest, AnyOriginWithoutCredentialsIsOneAnswerForAll) {
    use(options_for({"*"}));
    EXPECT_EQ(allowed("https://evil.test"), "*");
    EXPECT_EQ(allowed("null"), "*");
    const FakeCarrier carrier = ask("GET", "/", {});
    EXPECT_EQ(carrier.headers.get("Access-Control-Allow-Origin"), "*") << "a cache may give it to a page";
    EXPECT_FALSE(carrier.headers.contains("Vary"));
}

TEST_F(CorsTest, WithCredentialsTheOriginIsEchoed) {
    CorsOptions options = options_for({"*"});
    options.allow_credentials = true;
    use(options);
    const FakeCarrier carrier = ask("GET", "/", {{"Origin", app_page}});
    EXPECT_EQ(carrier.headers.get("Access-Control-Allow-Origin"), app_page);
    EXPECT_EQ(carrier.headers.get("Access-Control-Allow-Credentials"), "true");
    EXPECT_EQ(carrier.headers.get("Vary"), "Origin");
    EXPECT_EQ(allowed("null"), "") << "the origin of every sandboxed frame";
    EXPECT_EQ(allowed("\xC3\xA4"), "") << "no origin";
    const FakeCarrier other = ask("GET", "/", {});
    EXPECT_EQ(other.headers.get("Vary"), "Origin") << "a cache must not give this one to a page";
    EXPECT_FALSE(other.headers.contains("Access-Control-Allow-Origin"));
}

TEST_F(CorsTest, NullIsAllowedIfItIsListed) {
    CorsOptions options = options_for({"null"});
    options.allow_credentials = true;
    use(options);
    EXPECT_EQ(allowed("null"), "null");
}

TEST_F(CorsTest, TheExpressionIsAskedAboutOriginsThatAreNotListed) {
    std::vector<std::string> asked;
    CorsOptions options = options_for({std::string(app_page)});
    options.matches_origin = [&](std::string_view origin) {
        asked.emplace_back(origin);
        return origin.starts_with("https://pr-");
    };
    use(options);
    EXPECT_EQ(allowed(app_page), app_page);
    EXPECT_EQ(allowed("https://pr-1.example.org:443"), "https://pr-1.example.org:443");
    EXPECT_EQ(allowed("https://other.example.org"), "");
    EXPECT_EQ(allowed("null"), "");
    EXPECT_EQ(allowed("https://pr-1.example.org/path"), "");
    EXPECT_EQ(allowed("https://pr-" + std::string(400, 'a')), "");
    EXPECT_EQ(asked, (std::vector<std::string>{"https://pr-1.example.org", "https://other.example.org"}));
}

TEST_F(CorsTest, AHandlersOwnFieldsWin) {
    CorsOptions options = options_for({std::string(app_page)});
    options.allow_credentials = true;
    use(options);
    own_fields = {{"access-control-allow-origin", "*"}, {"Vary", "Cookie"}};
    const FakeCarrier carrier = ask("OPTIONS", "/own", {{"Origin", app_page}});
    EXPECT_EQ(carrier.headers.getlist("Access-Control-Allow-Origin"), Fields{"*"});
    EXPECT_FALSE(carrier.headers.contains("Access-Control-Allow-Credentials"));
    EXPECT_EQ(carrier.headers.getlist("Vary"), Fields{"Cookie, Origin"});
}

TEST_F(CorsTest, HandshakesAreLeftAlone) {
    site.routes.emplace_back().kind = Route::Kind::websocket;
    EXPECT_EQ(error_text(site.router.add(http::websocket_method, "/ws", 1)), "");
    use(options_for({std::string(app_page)}));
    RequestInfo info = request_of("GET", "/ws", {{"Host", "localhost"}, {"Origin", app_page}});
    info.kind = RequestKind::checked_handshake;
    const FakeCarrier carrier = open(std::move(info));
    EXPECT_EQ(carrier.status, 403) << "the Origin rule has decided";
    EXPECT_TRUE(carrier.headers.getlist("Vary").empty());
}

TEST_F(CorsTest, WhatWebSocketsAdmitByDefault) {
    CorsOptions options = options_for({"https://APP.example.org/", "null"});
    EXPECT_TRUE((*Cors::make(options))->websocket_origins().empty()) << "a handshake carries cookies";
    options.allow_credentials = true;
    EXPECT_EQ((*Cors::make(options))->websocket_origins(),
              (std::vector<std::string>{"https://APP.example.org", "null"}));
}

TEST_F(CorsTest, WhatOptionsCanNotBe) {
    EXPECT_EQ(fault(options_for({})), "");
    for (const char* origin : {"https://example.org/path", "https://*.example.org", "example.org", "", "https://"}) {
        const std::string text = fault(options_for({origin}));
        EXPECT_NE(text.find("allow_origins: expected"), std::string::npos) << origin;
        EXPECT_NE(text.find("got '" + std::string(origin) + "'"), std::string::npos) << text;
    }
    CorsOptions options = options_for({"*"});
    options.allow_methods = {"GET POST"};
    EXPECT_EQ(fault(options), "allow_methods: expected '*' or HTTP methods, got 'GET POST'");
    options = options_for({"*"});
    options.allow_headers = {"X-A\r\n"};
    EXPECT_NE(fault(options).find("allow_headers: expected"), std::string::npos);
    options = options_for({"*"});
    options.expose_headers = {""};
    EXPECT_NE(fault(options).find("expose_headers: expected"), std::string::npos);
    options.expose_headers = {"*"};
    EXPECT_EQ(fault(options), "");
    options.allow_credentials = true;
    EXPECT_NE(fault(options).find("expose_headers: expected"), std::string::npos);
    options = options_for({"*"});
    options.max_age = std::chrono::seconds(-1);
    EXPECT_EQ(fault(options), "max_age: expected seconds from 0 to 31536000, got -1");
}

}  // namespace
}  // namespace proapi::service
