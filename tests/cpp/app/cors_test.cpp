// CORS of a C++ application: its options, and what they mean for WebSockets.
#include "app/cors.hpp"

#include <gtest/gtest.h>

#include "tests/cpp/app/client.hpp"

namespace proapi::detail {
namespace {

int handshake(const RunningServer& server, const std::string& origin) {
    return test::Client(server.port(), "/ws", "Origin: " + origin + "\r\n").status();
}

void add_websocket(ProAPI& app) {
    app.websocket("/ws", [](WebSocketConnection websocket) -> Task<> { co_await websocket.accept(); });
}

// promise: cors
TEST(Cors, ARegularExpressionMatchesTheWholeOriginWithoutCase) {
    const auto cors = make_cors({.allow_origin_regex = R"(https://[a-z]+\.example\.org)"});
    const auto allowed = [&](std::string_view origin) {
        service::RequestInfo request;
        request.head.headers.add("Origin", origin);
        http::Headers headers;
        cors->on_response(request, 200, headers);
        return headers.contains("Access-Control-Allow-Origin");
    };
    EXPECT_TRUE(allowed("https://app.example.org"));
    EXPECT_TRUE(allowed("https://APP.example.org"));
    EXPECT_FALSE(allowed("https://app.example.org.evil.test"));
    EXPECT_FALSE(allowed("https://evil.test/https://app.example.org"));
    EXPECT_FALSE(allowed("null"));
}

// promise: cors
TEST(Cors, OptionsThatCanNotBeAreRefused) {
    EXPECT_THROW(static_cast<void>(make_cors({.allow_origins = {"https://*.example.org"}})), std::invalid_argument);
    const std::string text = test::error_of([] { static_cast<void>(make_cors({.allow_origin_regex = "https://("})); });
    EXPECT_EQ(text.find("allow_origin_regex: expected a regular expression, got 'https://('"), 0u) << text;
}

TEST(Cors, IsSetOnceAndBeforeTheApplicationServes) {
    ProAPI app;
    app.cors({.allow_origins = {"*"}});
    EXPECT_THROW(app.cors({}), std::logic_error);
    ProAPI other;
    const RunningServer server = other.start({.port = 0});
    EXPECT_THROW(other.cors({}), std::logic_error);
}

// promise: cors
TEST(Cors, WebSocketsAdmitTheSameOriginsIfCredentialsAreAllowed) {
    ProAPI app, without, own;
    for (ProAPI* each : {&app, &without, &own}) add_websocket(*each);
    app.cors({.allow_origins = {"https://app.example.org"}, .allow_credentials = true});
    without.cors({.allow_origins = {"https://app.example.org"}});
    own.setting("allowed_origins", "https://own.example.org");
    own.cors({.allow_origins = {"https://app.example.org"}, .allow_credentials = true});
    EXPECT_EQ(handshake(app.start({.port = 0}), "https://app.example.org"), 101);
    EXPECT_EQ(handshake(without.start({.port = 0}), "https://app.example.org"), 403);
    const RunningServer server = own.start({.port = 0});
    EXPECT_EQ(handshake(server, "https://app.example.org"), 403);
    EXPECT_EQ(handshake(server, "https://own.example.org"), 101);
}

}  // namespace
}  // namespace proapi::detail
