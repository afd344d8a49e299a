// The checks that every request passes, without a socket: which requests reach the application, and how others are
// refused.
#include "service/service.hpp"

#include <gtest/gtest.h>

#include "tests/cpp/error_text.hpp"
#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

using test::FakeCarrier;
using test::request_of;

class ServiceTest : public testing::Test, protected Application, protected Log {
protected:
    ServiceTest() {
        EXPECT_EQ(error_text(site.router.add("GET", "/hello/{name}", add(Route::Kind::http))), "");
        EXPECT_EQ(error_text(site.router.add("POST", "/upload", add(Route::Kind::http))), "");
        EXPECT_EQ(error_text(site.router.add("PUT", "/stream", add(Route::Kind::http, Route::Body::streamed))), "");
        EXPECT_EQ(error_text(site.router.add(http::websocket_method, "/ws", add(Route::Kind::websocket))), "");
        EXPECT_EQ(error_text(site.router.add("GET", "/files/{path:path}", add(Route::Kind::files))), "");
        site.routes.back().directory = "/nowhere-at-all";
    }
    ~ServiceTest() override {
        if (websocket) websocket->detach();
    }

    void on_websocket(base::IntrusivePtr<WebSocket> opened) override { websocket = std::move(opened); }
    void on_request(base::IntrusivePtr<Exchange> opened) override { request = std::move(opened); }
    void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }

    // Opens the exchange. Returns the status of an immediate answer, or 0 if there is none.
    int open(RequestInfo info, Exchange::Body body = Exchange::Body::none) {
        carrier = FakeCarrier();
        service.open(carrier.open(std::move(info), body));
        return carrier.status;
    }

    [[nodiscard]] static RequestInfo handshake(http::Headers more = {}) {
        http::Headers headers{{"Host", "localhost"},
                              {"Upgrade", "websocket"},
                              {"Connection", "Upgrade"},
                              {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                              {"Sec-WebSocket-Version", "13"}};
        for (const auto& [name, value] : more) headers.add(name, value);
        RequestInfo info = request_of("GET", "/ws", std::move(headers));
        info.kind = RequestKind::handshake;
        return info;
    }

    Site site;
    test::FakeClock clock;
    Service service{site, *this, *this, clock};
    FakeCarrier carrier;
    base::IntrusivePtr<Exchange> request;
    base::IntrusivePtr<WebSocket> websocket;
    std::vector<std::string> lines;

private:
    std::size_t add(Route::Kind kind, Route::Body body = Route::Body::whole) {
        Route& route = site.routes.emplace_back();
        route.kind = kind;
        route.body = body;
        return site.routes.size() - 1;
    }
};

TEST_F(ServiceTest, ARequestGetsToItsRoute) {
    EXPECT_EQ(open(request_of("GET", "/hello/you")), 0);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->request().match.route, 0U);
    EXPECT_EQ(request->request().match.parameters.front().value, "you");
}

TEST_F(ServiceTest, WhatIsNotServedIsRefused) {
    EXPECT_EQ(open(request_of("GET", "/nothing")), 404);
    EXPECT_EQ(carrier.body, "Nothing is served at this address.\n");
    EXPECT_EQ(open(request_of("DELETE", "/upload")), 405);
    EXPECT_EQ(carrier.headers.get("Allow"), "POST");
    EXPECT_EQ(open(request_of("GET", "/%ff")), 400);
    EXPECT_EQ(open(request_of("GET", "/ws")), 426);
    EXPECT_EQ(carrier.headers.get("Upgrade"), "websocket");
    EXPECT_FALSE(carrier.ends_connection);
    EXPECT_FALSE(request);
}

TEST_F(ServiceTest, WhatIsNoRequestIsRefusedAndEndsTheConnection) {
    service.open_malformed(carrier.open({.head = {}, .match = {}, .client = {}}), {431, "too long"});
    EXPECT_EQ(carrier.status, 431);
    EXPECT_TRUE(carrier.ends_connection);
}

TEST_F(ServiceTest, RoutesBeginWhereTheApplicationIsMounted) {
    RequestInfo info = request_of("GET", "/api/hello/you");
    info.mount_bytes = 4;
    EXPECT_EQ(open(std::move(info)), 0);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->request().match.parameters.front().value, "you");
    RequestInfo other = request_of("DELETE", "/api/upload");
    other.mount_bytes = 4;
    EXPECT_EQ(open(std::move(other)), 405);
}

TEST_F(ServiceTest, AForeignHostIsRefusedWhateverItAsksFor) {
    for (const char* target : {"/hello/you", "/nothing", "/ws"}) {
        EXPECT_EQ(open(request_of("GET", target, {{"Host", "rebound.example"}})), 421);
        EXPECT_TRUE(carrier.ends_connection);
    }
    EXPECT_FALSE(request);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines.front().find("421 /hello/you: host 'rebound.example' refused"), 0U) << lines.front();
}

TEST_F(ServiceTest, AHandlerIsCalledOnceTheBodyIsWhole) {
    EXPECT_EQ(open(request_of("POST", "/upload"), Exchange::Body::waiting), 0);
    EXPECT_FALSE(request);
    EXPECT_EQ(carrier.body_limit, site.settings.max_body_size);
    carrier.exchange->on_body_end("all of it");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body(), "all of it");
}

TEST_F(ServiceTest, AHandlerThatStreamsItIsCalledFromTheHeadOn) {
    EXPECT_EQ(open(request_of("PUT", "/stream"), Exchange::Body::waiting), 0);
    ASSERT_TRUE(request);
    EXPECT_FALSE(carrier.body_limit) << "the body is not asked for yet";
    EXPECT_FALSE(request->is_body_whole());
}

TEST_F(ServiceTest, WhatIsRefusedGetsNoBody) {
    EXPECT_EQ(open(request_of("POST", "/nothing"), Exchange::Body::waiting), 404);
    EXPECT_FALSE(carrier.body_limit);
}

TEST_F(ServiceTest, AHandshakeBecomesAWebSocket) {
    EXPECT_EQ(open(handshake()), 0);
    ASSERT_TRUE(websocket);
    EXPECT_EQ(websocket->request().match.route, 3U);
    EXPECT_TRUE(lines.empty());
}

TEST_F(ServiceTest, AHandshakeIsCheckedUnlessAnotherServerHasDoneIt) {
    RequestInfo info = request_of("GET", "/ws");
    info.kind = RequestKind::handshake;
    EXPECT_EQ(open(std::move(info)), 400);
    EXPECT_TRUE(carrier.ends_connection) << "the next octets may be frames";
    EXPECT_FALSE(websocket);
    RequestInfo checked = request_of("GET", "/ws");
    checked.kind = RequestKind::checked_handshake;
    EXPECT_EQ(open(std::move(checked)), 0);
    EXPECT_TRUE(websocket);
}

TEST_F(ServiceTest, AHandshakeWhereNoWebSocketIsServed) {
    RequestInfo info = handshake();
    info.head.target = "/hello/you";
    EXPECT_EQ(open(std::move(info)), 0);
    EXPECT_TRUE(request) << "a request that offers an upgrade is served without it";
    RequestInfo checked = request_of("GET", "/hello/you");
    checked.kind = RequestKind::checked_handshake;
    EXPECT_EQ(open(std::move(checked)), 404);
}

TEST_F(ServiceTest, AForeignOriginIsRefusedAndLogged) {
    EXPECT_EQ(open(handshake({{"Origin", "https://evil.example"}})), 403);
    EXPECT_EQ(carrier.body, "This origin may not connect.\n");
    EXPECT_TRUE(carrier.ends_connection);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_NE(lines.front().find("allowed_origins"), std::string::npos);
}

TEST_F(ServiceTest, TheExceptionForDevelopmentIsLoggedOnce) {
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(open(handshake({{"Origin", "null"}})), 0);
        EXPECT_TRUE(websocket);
    }
    EXPECT_EQ(lines.size(), 1U);
}

TEST_F(ServiceTest, AClientThatDoesNotWaitGetsNoWebSocket) {
    carrier.client_waits = false;
    service.open(carrier.open(handshake()));
    EXPECT_EQ(carrier.status, 400);
    EXPECT_TRUE(carrier.ends_connection);
    EXPECT_FALSE(websocket);
}

TEST_F(ServiceTest, AfterAStopHandshakesAreRefused) {
    service.stop();
    EXPECT_EQ(open(handshake()), 503);
    EXPECT_EQ(carrier.headers.get("Retry-After"), "1");
    EXPECT_FALSE(websocket);
    EXPECT_EQ(open(request_of("GET", "/hello/you")), 0) << "requests that have arrived are answered";
}

TEST_F(ServiceTest, AFileThatIsNotThereIsRefused) {
    EXPECT_EQ(open(request_of("GET", "/files/a.txt")), 404);
    EXPECT_EQ(carrier.body, "Not Found\n");
}

TEST_F(ServiceTest, TheApplicationAnswersTheRefusalsThatItHasAskedFor) {
    site.answered_refusals.emplace().set(404).set(405).set(413).set(403);
    EXPECT_EQ(open(request_of("GET", "/nothing")), 0);
    ASSERT_TRUE(request && request->refusal());
    EXPECT_EQ(request->refusal()->status, 404);
    EXPECT_EQ(request->refusal()->text, "Nothing is served at this address.");
    EXPECT_TRUE(request->respond(404, {}, "own"));
    EXPECT_EQ(carrier.body, "own");

    EXPECT_EQ(open(request_of("GET", "/upload")), 0);
    EXPECT_EQ(request->refusal()->headers.get("Allow"), "POST");
    EXPECT_EQ(open(request_of("GET", "/files/a.txt")), 0);
    EXPECT_EQ(request->refusal()->text, "Not Found");
    EXPECT_FALSE(request->refusal()->headers.contains("Content-Type"));
    EXPECT_EQ(open(handshake({{"Origin", "https://evil.example"}})), 0);
    EXPECT_EQ(request->refusal()->status, 403);
    EXPECT_TRUE(carrier.ends_connection);
    EXPECT_FALSE(websocket);

    EXPECT_EQ(open(request_of("POST", "/upload"), Exchange::Body::waiting), 0);
    carrier.exchange->on_body_failed({413, "too long"});
    ASSERT_TRUE(request->refusal());
    EXPECT_EQ(request->refusal()->status, 413);
}

TEST_F(ServiceTest, TheApplicationMayServeFiles) {
    site.passes_files_to_application = true;
    EXPECT_EQ(open(request_of("GET", "/files/a.txt")), 0);
    ASSERT_TRUE(request);
    EXPECT_FALSE(request->refusal());
    EXPECT_EQ(request->request().match.route, site.routes.size() - 1);
}

TEST_F(ServiceTest, OtherRefusalsStayTheEngines) {
    site.answered_refusals.emplace().set(404).set(500);
    EXPECT_EQ(open(request_of("GET", "/upload")), 405);
    EXPECT_EQ(open(handshake({{"Origin", "https://evil.example"}})), 403);
    carrier = FakeCarrier();
    service.open_malformed(carrier.open({.head = {}, .match = {}, .client = {}}), {404, "no request"});
    EXPECT_EQ(carrier.status, 404) << "nothing is known of a request that could not be read";
    EXPECT_FALSE(request);
}

TEST_F(ServiceTest, AnApplicationsOwnFailureIsNotHandedBackToIt) {
    site.answered_refusals.emplace().set();
    EXPECT_EQ(open(request_of("GET", "/hello/you")), 0);
    ASSERT_TRUE(request);
    EXPECT_FALSE(request->refusal());
    request->fail();
    EXPECT_EQ(carrier.status, 500);

    EXPECT_EQ(open(request_of("GET", "/nothing")), 0);
    ASSERT_TRUE(request->refusal());
    request->fail();
    EXPECT_EQ(carrier.status, 500) << "never a loop";
}

}  // namespace
}  // namespace proapi::service
