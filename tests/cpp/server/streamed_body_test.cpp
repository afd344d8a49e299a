// A request body that is read in parts over a socket: when the server reads from the client, backpressure, and the end.
#include <gtest/gtest.h>

#include "local_server.hpp"
#include "tests/cpp/error_text.hpp"
#include "tests/cpp/http/coded_text.hpp"

namespace proapi::server::test {
namespace {

using service::Exchange;

// Reads when the test asks for it.
class Streaming final : public service::Application, private service::Waiter {
public:
    void on_websocket(base::IntrusivePtr<service::WebSocket>) override {}
    void on_request(base::IntrusivePtr<Exchange> opened) override {
        exchange = std::move(opened);
        if (reads_at_once) read();
    }

    // Reads all that is there, and continues when more arrives.
    void read() {
        while (true) {
            const auto part = exchange->read_body();
            if (!part) error = part.error();
            if (!part || !*part) break;
            body += **part;
        }
        if (!error && !exchange->is_body_whole()) exchange->wait_body(*this);
    }

    base::IntrusivePtr<Exchange> exchange;
    std::string body;
    std::optional<service::Error> error;
    bool reads_at_once = true;

private:
    void on_ready() override { read(); }
};

class StreamedBody : public testing::Test {
protected:
    StreamedBody() {
        route.body = service::Route::Body::streamed;
        route.http_settings.max_body_size = 10'000'000;
        EXPECT_EQ(error_text(server.site.router.add("PUT", "/stream", server.site.routes.size() - 1)), "");
        server.site.settings.body_grace = service::Duration(50);
    }

    static std::string head(const std::string& fields) {
        return "PUT /stream HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
    }

    void turns_for(std::chrono::milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end) server.reactor.turn(net::Duration(1));
    }

    Streaming application;
    LocalServer server{application};
    service::Route& route = server.site.routes.emplace_back();
    base::Descriptor client = server.connect();
};

TEST_F(StreamedBody, ItComesInPartsAndTheNextRequestBehindIt) {
    server.send(client.get(), head("Content-Length: 8\r\n") + "one ");
    EXPECT_EQ(application.body, "one ");
    EXPECT_FALSE(application.exchange->is_body_whole());
    server.send(client.get(), "two!" + head("Content-Length: 0\r\n"));
    EXPECT_EQ(application.body, "one two!");
    EXPECT_TRUE(application.exchange->is_body_whole());
    const auto first = application.exchange;
    EXPECT_TRUE(first->respond(200, {}, "done"));
    server.turns();
    EXPECT_NE(LocalServer::received(client.get()).find("200"), std::string::npos);
    EXPECT_NE(application.exchange, first) << "the connection is kept";
}

TEST_F(StreamedBody, Chunks) {
    server.send(client.get(), head("Transfer-Encoding: chunked\r\n") + "4\r\none \r\n");
    EXPECT_EQ(application.body, "one ");
    server.send(client.get(), "3\r\ntwo\r\n0\r\n\r\n");
    EXPECT_EQ(application.body, "one two");
    EXPECT_TRUE(application.exchange->is_body_whole());
}

TEST_F(StreamedBody, TheClientIsToldToContinueOnceTheBodyIsAskedFor) {
    application.reads_at_once = false;
    server.send(client.get(), head("Content-Length: 3\r\nExpect: 100-continue\r\n"));
    ASSERT_TRUE(application.exchange);
    EXPECT_EQ(LocalServer::received(client.get()), "");
    application.read();
    server.turns();
    EXPECT_EQ(LocalServer::received(client.get()), "HTTP/1.1 100 Continue\r\n\r\n");
    server.send(client.get(), "yes");
    EXPECT_EQ(application.body, "yes");
}

TEST_F(StreamedBody, WhoAnswersWithoutItNeverAsksForIt) {
    application.reads_at_once = false;
    server.send(client.get(), head("Content-Length: 3\r\nExpect: 100-continue\r\n"));
    EXPECT_TRUE(application.exchange->respond(403, {}, "no"));
    server.turns();
    const std::string answer = LocalServer::received(client.get());
    EXPECT_EQ(answer.find("HTTP/1.1 403"), 0U) << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
}

TEST_F(StreamedBody, WhatCameBeforeItWasAskedForIsKept) {
    application.reads_at_once = false;
    server.send(client.get(), head("Content-Length: 6\r\n") + "abc");
    EXPECT_EQ(application.body, "");
    application.read();
    server.turns();
    EXPECT_EQ(application.body, "abc");
    server.send(client.get(), "def");
    EXPECT_EQ(application.body, "abcdef");
}

// The body stands for more than one turn decodes, and nothing else wakes the session.
TEST_F(StreamedBody, WhatOneTurnDoesNotDecodeIsDecodedInTheNext) {
    constexpr std::size_t size = 2'000'000;
    server.site.settings.high_water = size;
    const std::string octets = http::test::encoded(http::ContentCoding::gzip, std::string(size, 'x'));
    const std::string fields = "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(octets.size()) + "\r\n";
    for (const std::size_t cut : {std::size_t{10}, octets.size() - 1}) {
        for (const bool reads_at_once : {true, false}) {
            application.reads_at_once = reads_at_once;
            application.body.clear();
            server.send(client.get(), head(fields) + octets.substr(0, cut));
            if (!reads_at_once) application.read();
            for (int i = 0; i < 10; ++i) server.turns();
            server.send(client.get(), octets.substr(cut));
            for (int i = 0; i < 10; ++i) server.turns();
            EXPECT_TRUE(application.exchange->is_body_whole());
            EXPECT_EQ(application.body.size(), size);
            ASSERT_TRUE(application.exchange->respond(200, {}, "done"));
            server.turns();
        }
    }
}

TEST_F(StreamedBody, AReaderThatDoesNotReadHoldsTheClientBackAndIsNotTooSlow) {
    application.reads_at_once = false;
    server.send(client.get(), head("Content-Length: 9000000\r\n"));
    EXPECT_EQ(*application.exchange->read_body(), std::nullopt);
    const std::string octets(100'000, 'x');
    std::size_t sent = 0;
    for (int i = 0; i < 200; ++i) {
        const ssize_t count = ::send(client.get(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) sent += static_cast<std::size_t>(count);
        server.turns();
    }
    EXPECT_LT(sent, 9'000'000U) << "the kernel's buffers are full, and nobody reads from them";
    turns_for(std::chrono::milliseconds(120));  // more than twice body_grace
    EXPECT_FALSE(application.exchange->body_refusal());
    application.read();
    while (application.body.size() < sent) server.turns();
    EXPECT_EQ(application.body, std::string(sent, 'x'));
}

TEST_F(StreamedBody, AClientThatIsTooSlowIsToldToTheReader) {
    server.send(client.get(), head("Content-Length: 100000\r\n") + "x");
    turns_for(std::chrono::milliseconds(120));
    EXPECT_EQ(application.exchange->body_refusal().value_or(service::RefusalText{}).status, 408);
    EXPECT_TRUE(application.error);
    EXPECT_TRUE(application.exchange->respond(408, {}, "too slow"));
    server.turns();
    EXPECT_EQ(LocalServer::received(client.get()).find("HTTP/1.1 408"), 0U);
}

TEST_F(StreamedBody, BeyondItsLimitItFails) {
    route.http_settings.max_body_size = 10;
    server.send(client.get(), head("Transfer-Encoding: chunked\r\n") + "8\r\n01234567\r\n8\r\n01234567\r\n");
    EXPECT_EQ(application.body, "01234567");
    EXPECT_EQ(application.exchange->body_refusal().value_or(service::RefusalText{}).status, 413);
    application.exchange->fail();
    server.turns();
    EXPECT_EQ(LocalServer::received(client.get()).find("HTTP/1.1 500"), 0U);
}

TEST_F(StreamedBody, ALengthBeyondItsLimitIsRefusedBeforeTheApplicationIsCalled) {
    route.http_settings.max_body_size = 10;
    server.send(client.get(), head("Content-Length: 11\r\nExpect: 100-continue\r\n"));
    EXPECT_FALSE(application.exchange);
    server.turns();
    EXPECT_EQ(LocalServer::received(client.get()).find("HTTP/1.1 413"), 0U);
}

TEST_F(StreamedBody, ABodyThatHasArrivedIsWholeWhenTheApplicationIsCalled) {
    application.reads_at_once = false;
    const std::string sent = head("Content-Length: 3\r\n") + "one";
    server.send(client.get(), sent + head("Content-Length: 3\r\n") + "tw");
    ASSERT_TRUE(application.exchange);
    EXPECT_TRUE(application.exchange->is_body_whole());
    EXPECT_EQ(application.exchange->take_body(), "one");
    EXPECT_TRUE(application.exchange->respond(200, {}, "done"));
    application.exchange.reset();
    server.turns();
    ASSERT_TRUE(application.exchange) << "the next request has its head";
    EXPECT_FALSE(application.exchange->is_body_whole()) << "but an octet is missing";
    server.send(client.get(), "o");
    application.read();
    server.turns();
    EXPECT_EQ(application.body, "two");
}

TEST_F(StreamedBody, AnAnswerBeforeItsEndEndsTheConnection) {
    server.send(client.get(), head("Content-Length: 100\r\n") + "begun");
    EXPECT_TRUE(application.exchange->respond(200, {}, "enough"));
    server.turns();
    EXPECT_NE(LocalServer::received(client.get()).find("enough"), std::string::npos);
    server.send(client.get(), head("Content-Length: 4\r\n") + "next");
    EXPECT_EQ(application.body, "begun") << "the octets after it are not a request";
}

TEST_F(StreamedBody, AClientThatLeavesIsToldToTheReader) {
    server.send(client.get(), head("Content-Length: 100\r\n") + "begun");
    client.reset();
    server.turns();
    ASSERT_TRUE(application.error);
    EXPECT_EQ(application.error->code, service::ErrorCode::client_has_gone);
    EXPECT_TRUE(application.exchange->has_ended());
}

TEST_F(StreamedBody, BothDirectionsAtOnce) {
    server.send(client.get(), head("Content-Length: 6\r\n") + "abc");
    EXPECT_TRUE(application.exchange->start(200, {}, std::nullopt));
    EXPECT_TRUE(application.exchange->write(base::as_bytes(application.body)));
    server.turns();
    EXPECT_NE(LocalServer::received(client.get()).find("abc"), std::string::npos);
    server.send(client.get(), "def");
    EXPECT_EQ(application.body, "abcdef");
    EXPECT_TRUE(application.exchange->finish());
    server.turns();
    EXPECT_NE(LocalServer::received(client.get()).find("0\r\n\r\n"), std::string::npos);
}

TEST_F(StreamedBody, AStopLeavesItsReaderTime) {
    server.send(client.get(), head("Content-Length: 6\r\n") + "abc");
    server.server->stop([] {});
    server.turns();
    server.send(client.get(), "def");
    EXPECT_EQ(application.body, "abcdef");
    EXPECT_TRUE(application.exchange->respond(200, {}, "done"));
    server.turns();
    EXPECT_NE(LocalServer::received(client.get()).find("done"), std::string::npos);
}

}  // namespace
}  // namespace proapi::server::test
