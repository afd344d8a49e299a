// Idle connections make room for new ones, but not if their next request has arrived.
// promise: idle-connections-make-room
#include <gtest/gtest.h>

#include <string>

#include "local_server.hpp"
#include "service/exchange.hpp"

namespace proapi::server {
namespace {

class Answering final : public service::Application {
public:
    void on_websocket(base::IntrusivePtr<service::WebSocket>) override {}
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        if (exchange->request().head.raw_path() != "/echo/later") {
            static_cast<void>(exchange->respond(200, {}, "answer"));
            return;
        }
        static_cast<void>(exchange->start(200, {}, 6));
        static_cast<void>(exchange->write(base::as_bytes("answer")));
        streaming = std::move(exchange);
    }
    base::IntrusivePtr<service::Exchange> streaming;
};

// A server at its connection limit: a new connection finds room only if an idle one is closed.
class ScarceConnections : public testing::Test {
protected:
    ScarceConnections() {
        served.site.settings.max_connections = 1;
        served.start();
        kept = served.connect();
        served.turns();
    }
    ~ScarceConnections() override { application.streaming.reset(); }
    std::string answer(const base::Descriptor& socket, const std::string& octets) {
        served.send(socket.get(), octets);
        return test::LocalServer::received(socket.get());
    }
    std::string answer_to_newcomer() {
        const base::Descriptor newcomer = served.connect();
        served.turns();
        return answer(newcomer, request);
    }

    const std::string request = "GET /echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    Answering application;
    test::LocalServer served{application};
    base::Descriptor kept;
};

TEST_F(ScarceConnections, WhoseNextRequestHasComeIsNotIdle) {
    ASSERT_TRUE(answer(kept, request).ends_with("answer"));

    // The event of the new connection is the first of the turn.
    const base::Descriptor newcomer = served.connect();
    ASSERT_EQ(::send(kept.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    served.turns();
    EXPECT_TRUE(test::LocalServer::received(kept.get()).ends_with("answer"));
    EXPECT_TRUE(test::LocalServer::received(newcomer.get()).starts_with("HTTP/1.1 503 "));

    // After its answer, `kept` is idle again and makes room.
    EXPECT_TRUE(answer_to_newcomer().ends_with("answer"));
}

// The client has its last octet before the handler ends the response.
TEST_F(ScarceConnections, OneWhoseResponseEndsWithNothingLeftToWriteIsIdle) {
    ASSERT_TRUE(answer(kept, "GET /echo/later HTTP/1.1\r\nHost: localhost\r\n\r\n").ends_with("answer"));
    EXPECT_TRUE(answer_to_newcomer().starts_with("HTTP/1.1 503 "));
    EXPECT_TRUE(application.streaming->finish());
    served.turns();
    EXPECT_TRUE(answer_to_newcomer().ends_with("answer"));
}

TEST_F(ScarceConnections, AnEmptyLineIsNoRequest) {
    ASSERT_TRUE(answer(kept, request).ends_with("answer"));
    EXPECT_EQ(answer(kept, "\r\n"), "");
    EXPECT_TRUE(answer_to_newcomer().ends_with("answer"));
}

TEST_F(ScarceConnections, AnEmptyLineInTwoPartsIsNoRequestEither) {
    ASSERT_TRUE(answer(kept, request).ends_with("answer"));
    EXPECT_EQ(answer(kept, "\r"), "");
    EXPECT_EQ(answer(kept, "\n"), "");
    EXPECT_TRUE(answer_to_newcomer().ends_with("answer"));
}

TEST_F(ScarceConnections, AnEmptyLineThatComesWithANewcomerMakesItIdleLater) {
    ASSERT_TRUE(answer(kept, request).ends_with("answer"));
    const base::Descriptor newcomer = served.connect();
    ASSERT_EQ(::send(kept.get(), "\r\n", 2, MSG_NOSIGNAL), 2);
    served.turns();
    EXPECT_TRUE(test::LocalServer::received(newcomer.get()).starts_with("HTTP/1.1 503 "));
    EXPECT_TRUE(answer_to_newcomer().ends_with("answer"));
}

TEST_F(ScarceConnections, OneThatHasAskedForNothingYetIsNotIdle) {
    EXPECT_TRUE(answer_to_newcomer().starts_with("HTTP/1.1 503 "));
}

}  // namespace
}  // namespace proapi::server
