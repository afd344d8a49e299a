// Idle connections make room for newcomers, but not those whose next request has come.
#include <gtest/gtest.h>

#include <string>

#include "local_server.hpp"
#include "server/exchange.hpp"

namespace proapi::server {
namespace {

class Answering final : public Application {
public:
    void on_websocket(base::IntrusivePtr<WebSocket>) override {}
    void on_request(base::IntrusivePtr<Exchange> exchange) override {
        static_cast<void>(exchange->respond(200, {}, "answer"));
    }
};

TEST(ScarceConnections, WhoseNextRequestHasComeIsNotIdle) {
    const std::string request = "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    Answering application;
    test::LocalServer served{application};
    served.site.settings.max_connections = 1;
    served.start();
    const net::Descriptor kept = served.connect();
    served.turns();
    served.send(kept.get(), request);
    ASSERT_TRUE(test::LocalServer::received(kept.get()).ends_with("answer"));

    // The newcomer's event is the first of the turn.
    const net::Descriptor newcomer = served.connect();
    ASSERT_EQ(::send(kept.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    served.turns();
    EXPECT_TRUE(test::LocalServer::received(kept.get()).ends_with("answer"));
    EXPECT_TRUE(test::LocalServer::received(newcomer.get()).starts_with("HTTP/1.1 503 "));

    // It has been answered: it is idle again, and goes.
    const net::Descriptor next = served.connect();
    served.turns();
    served.send(next.get(), request);
    EXPECT_TRUE(test::LocalServer::received(next.get()).ends_with("answer"));
    EXPECT_EQ(served.server->counts().open, 1U);
}

}  // namespace
}  // namespace proapi::server
