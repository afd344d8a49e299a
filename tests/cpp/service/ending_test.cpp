// The table of service/ending.hpp: how a handler ended, against what its client gets and what is logged.
#include "service/ending.hpp"

#include <gtest/gtest.h>

#include "service/websocket.hpp"
#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

// Keeps the last thing that the client gets.
struct OneConnection final : WebSocketTransport {
    explicit OneConnection(std::string_view target = "/chat/1", std::string host = "127.0.0.1") {
        RequestInfo request = test::request_of("GET", target);
        request.client.host = std::move(host);
        websocket = base::IntrusivePtr<WebSocket>(new WebSocket(std::move(request), settings, *this));
    }
    void accept(std::string_view, const http::Headers&) override {}
    void reject(int status, std::string_view body, const http::Headers&) override {
        end = std::to_string(status) + " " + std::string(body);
    }
    void send(MessageKind, base::Bytes, ws::Encoding) override {}
    void send_shared(SharedMessage&) override {}
    void close(std::uint16_t code, std::string_view reason) override {
        end = std::to_string(code) + " " + std::string(reason);
    }
    void log_fault(std::uint16_t, std::string_view) override {}
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return 0; }
    void resume_reading() override {}
    void schedule_notify() override {}

    WebSocketSettings settings;
    base::IntrusivePtr<WebSocket> websocket;
    std::string end;
};

struct EndRow {
    HandlerEnd end;
    std::string close, rejection;
};
const EndRow end_rows[] = {
    {HandlerEnd::returned, "1000 ", "403 "},
    {HandlerEnd::disconnected, "1000 ", "403 "},
    {HandlerEnd::wrong_kind, "1003 this kind of message is not expected here", "500 Internal Server Error\n"},
    {HandlerEnd::wrong_content, "1007 the content of the message is not what is expected here",
     "500 Internal Server Error\n"},
    {HandlerEnd::stopped, "1001 the server is stopping", "503 The server is stopping.\n"},
    {HandlerEnd::failed, "1011 internal error", "500 Internal Server Error\n"},
};

TEST(EndWebSocket, ClosesWhatWasAcceptedAndRejectsTheRest) {
    for (const auto& [end, close, rejection] : end_rows) {
        OneConnection accepted, connecting;
        ASSERT_TRUE(accepted.websocket->accept(std::nullopt, {}));
        static_cast<void>(end_websocket(*accepted.websocket, end, "chat"));
        EXPECT_EQ(accepted.end, close);
        static_cast<void>(end_websocket(*connecting.websocket, end, "chat"));
        EXPECT_EQ(connecting.end, rejection);
    }
}

TEST(EndWebSocket, LeavesAnEndThatIsThereAlready) {
    for (const EndRow& row : end_rows) {
        OneConnection closed, gone;
        ASSERT_TRUE(closed.websocket->accept(std::nullopt, {}));
        ASSERT_TRUE(closed.websocket->close(4000, "mine"));
        static_cast<void>(end_websocket(*closed.websocket, row.end, "chat"));
        EXPECT_EQ(closed.end, "4000 mine");
        gone.websocket->on_end();
        EXPECT_FALSE(end_websocket(*gone.websocket, row.end, "chat"));
        EXPECT_EQ(gone.end, "");
    }
}

TEST(EndWebSocket, AClientsMistakeIsALineForTheLog) {
    OneConnection one;
    ASSERT_TRUE(one.websocket->accept(std::nullopt, {}));
    EXPECT_EQ(end_websocket(*one.websocket, HandlerEnd::wrong_content, "chat", "expected JSON\nforged"),
              "/chat/1: closed 127.0.0.1 with 1007: expected JSON\\x0aforged");
    OneConnection talkative;
    ASSERT_TRUE(talkative.websocket->accept(std::nullopt, {}));
    EXPECT_TRUE(end_websocket(*talkative.websocket, HandlerEnd::wrong_kind, "chat", std::string(2000, 'x'))
                    ->ends_with(std::string(1024, 'x') + "..."))
        << "bounded";
    OneConnection without_accept("/chat/1%0A?token=secret");
    OneConnection odd_client("/", "9.9.9.9\nERROR");
    ASSERT_TRUE(odd_client.websocket->accept(std::nullopt, {}));
    EXPECT_EQ(end_websocket(*odd_client.websocket, HandlerEnd::wrong_kind, "chat", "x"),
              "/: closed 9.9.9.9\\x0aERROR with 1003: x");
    EXPECT_EQ(end_websocket(*without_accept.websocket, HandlerEnd::returned, "chat"),
              "/chat/1%0A: refused with 403: the handler chat returned without accept()");
    for (const HandlerEnd end : {HandlerEnd::returned, HandlerEnd::stopped, HandlerEnd::failed}) {
        OneConnection other;
        ASSERT_TRUE(other.websocket->accept(std::nullopt, {}));
        EXPECT_FALSE(end_websocket(*other.websocket, end, "chat"));
    }
}

TEST(EndRequest, AStopIsA503AndEverythingElseA500) {
    for (const auto& [end, status] : {std::pair(HandlerEnd::stopped, 503), std::pair(HandlerEnd::failed, 500)}) {
        test::FakeCarrier carrier;
        end_request(*carrier.open(test::request_of("GET", "/")), end);
        EXPECT_EQ(carrier.status, status);
    }
}

TEST(EndRequest, AStartedResponseIsCutAndAFinishedOneIsLeft) {
    for (const HandlerEnd end : {HandlerEnd::stopped, HandlerEnd::failed}) {
        test::FakeCarrier started, finished;
        const auto exchange = started.open(test::request_of("GET", "/"));
        ASSERT_TRUE(exchange->start(200, {}, std::nullopt));
        end_request(*exchange, end);
        EXPECT_TRUE(started.aborted);

        const auto whole = finished.open(test::request_of("GET", "/"));
        ASSERT_TRUE(whole->respond(200, {}, "done"));
        end_request(*whole, end);
        EXPECT_FALSE(finished.aborted);
        EXPECT_EQ(finished.body, "done");
    }
}

}  // namespace
}  // namespace proapi::service
