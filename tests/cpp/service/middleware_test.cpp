// The order in which middlewares see requests and responses, and what they may do with them.
#include "service/middleware.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/cpp/error_text.hpp"
#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

using test::FakeCarrier;
using test::request_of;

using Lines = std::vector<std::string>;

class Named final : public Middleware {
public:
    Named(std::string name, Lines& lines) : name_(std::move(name)), lines_(lines) {}
    void open(base::IntrusivePtr<Exchange> exchange, const Next& next) const override {
        lines_.push_back(name_ + " in");
        next(std::move(exchange));
    }
    void on_response(const RequestInfo&, int status, http::Headers& headers) const override {
        lines_.push_back(name_ + " out " + std::to_string(status));
        headers.add("X-Passed", name_);
    }

private:
    std::string name_;
    Lines& lines_;
};

// Answers the exchange itself, passes it on, or does so later.
class Gate final : public Middleware {
public:
    void open(base::IntrusivePtr<Exchange> exchange, const Next& next) const override {
        if (exchange->request().head.headers.contains("X-Later")) {
            waiting = exchange;
            later = next;
        } else if (exchange->request().head.headers.contains("Authorization")) {
            next(std::move(exchange));
        } else {
            exchange->refuse(401, "Who are you?", {{"WWW-Authenticate", "Bearer"}});
        }
    }
    mutable base::IntrusivePtr<Exchange> waiting;
    mutable std::optional<Next> later;
};

class MiddlewareTest : public testing::Test, protected Application, protected Log {
protected:
    MiddlewareTest() {
        site.routes.emplace_back();
        EXPECT_EQ(error_text(site.router.add("POST", "/", 0)), "");
        site.routes.emplace_back().kind = Route::Kind::websocket;
        EXPECT_EQ(error_text(site.router.add(http::websocket_method, "/ws", 1)), "");
    }
    ~MiddlewareTest() override {
        if (websocket) websocket->detach();
    }
    void on_websocket(base::IntrusivePtr<WebSocket> opened) override { websocket = std::move(opened); }
    void on_request(base::IntrusivePtr<Exchange> exchange) override { request = std::move(exchange); }
    void write(LogLevel, std::string_view) override {}

    void open(RequestInfo info, Exchange::Body body = Exchange::Body::none) {
        service.open(carrier.open(std::move(info), body));
    }
    static RequestInfo handshake() {
        RequestInfo info = request_of("GET", "/ws");
        info.kind = RequestKind::checked_handshake;
        return info;
    }

    Lines lines;
    Site site;
    test::FakeClock clock;
    Service service{site, *this, *this, clock};
    FakeCarrier carrier;
    base::IntrusivePtr<Exchange> request;
    base::IntrusivePtr<WebSocket> websocket;
};

TEST_F(MiddlewareTest, TheFirstSeesARequestFirstAndAResponseLast) {
    site.middleware = {std::make_shared<Named>("first", lines), std::make_shared<Named>("second", lines)};
    open(request_of("POST", "/"));
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->respond(201, {{"X-Own", "1"}}, "done"));
    EXPECT_EQ(lines, (Lines{"first in", "second in", "second out 201", "first out 201"}));
    EXPECT_EQ(carrier.headers.getlist("X-Passed"), (std::vector<std::string_view>{"second", "first"}));
    EXPECT_EQ(carrier.headers.get("X-Own"), "1");
}

TEST_F(MiddlewareTest, TheEnginesOwnRefusalsPassToo) {
    site.middleware = {std::make_shared<Named>("one", lines)};
    open(request_of("GET", "/nothing"));
    EXPECT_EQ(carrier.status, 404);
    EXPECT_EQ(carrier.headers.get("X-Passed"), "one");
    service.open_malformed(carrier.open({.head = {}, .match = {}, .client = {}}), {400, "no request"});
    EXPECT_EQ(carrier.headers.get("X-Passed"), "one");
    EXPECT_EQ(lines, (Lines{"one in", "one out 404", "one out 400"}))
        << "an invalid request is not passed to middleware";
}

TEST_F(MiddlewareTest, OneThatAnswersKeepsTheRequestFromTheRest) {
    site.middleware = {std::make_shared<Named>("outer", lines), std::make_shared<Gate>(),
                       std::make_shared<Named>("inner", lines)};
    open(request_of("POST", "/"), Exchange::Body::waiting);
    EXPECT_EQ(carrier.status, 401);
    EXPECT_FALSE(request);
    EXPECT_FALSE(carrier.body_limit) << "the body was not asked for";
    EXPECT_EQ(lines.front(), "outer in");
    EXPECT_EQ(std::ranges::count(lines, "inner in"), 0);
}

TEST_F(MiddlewareTest, OneMayGoOnLater) {
    const auto gate = std::make_shared<Gate>();
    site.middleware = {gate, std::make_shared<Named>("inner", lines)};
    open(request_of("POST", "/", {{"Host", "localhost"}, {"X-Later", "1"}}), Exchange::Body::waiting);
    EXPECT_FALSE(request);
    (*gate->later)(std::move(gate->waiting));
    EXPECT_EQ(carrier.body_limit, site.settings.max_body_size);
    carrier.exchange->on_body_end("whole");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body(), "whole");
}

TEST_F(MiddlewareTest, HandshakesPassBothWays) {
    site.middleware = {std::make_shared<Named>("one", lines)};
    open(handshake());
    ASSERT_TRUE(websocket);
    EXPECT_TRUE(websocket->accept(std::nullopt, {}));
    EXPECT_EQ(lines, (Lines{"one in", "one out 101"}));
    FakeCarrier other;
    service.open(other.open(handshake()));
    EXPECT_TRUE(websocket->reject(403, "no", {}));
    EXPECT_EQ(lines.back(), "one out 403");
}

TEST_F(MiddlewareTest, OneThatRefusesAHandshakeDoesSoBeforeTheUpgrade) {
    site.middleware = {std::make_shared<Gate>()};
    open(handshake());
    EXPECT_EQ(carrier.status, 401);
    EXPECT_FALSE(websocket);
}

}  // namespace
}  // namespace proapi::service
