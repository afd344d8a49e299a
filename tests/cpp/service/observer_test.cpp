// What observers are told about requests and WebSockets, and when.
#include "service/observer.hpp"

#include <gtest/gtest.h>

#include "tests/cpp/error_text.hpp"
#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

using test::FakeCarrier;
using test::FakeClock;
using test::request_of;
using namespace std::chrono_literals;

// Records one line for each call.
struct Recorder final : Observer {
    void on_request(const RequestRecord& record) noexcept override {
        lines.push_back("request " + record.request.head.target + " on '" + std::string(record.route) + "' " +
                        std::to_string(record.status) + ", " + std::to_string(record.sent_bytes) + " octets, " +
                        milliseconds(record.duration));
    }
    void on_accept(const WebSocketRecord& record) noexcept override {
        lines.push_back("accepted on '" + std::string(record.route) + "' after " + milliseconds(record.duration));
    }
    void on_end(const WebSocketRecord& record) noexcept override {
        lines.push_back("ended with " + std::to_string(record.close_code.value_or(0)) + ", received " +
                        std::to_string(record.received_messages) + " of " + std::to_string(record.received_bytes) +
                        ", sent " + std::to_string(record.sent_messages) + " of " + std::to_string(record.sent_bytes) +
                        ", " + milliseconds(record.duration));
    }
    static std::string milliseconds(std::chrono::steady_clock::duration duration) {
        return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
    }
    std::vector<std::string> lines;
};

class ObserverTest : public testing::Test, protected Application, protected Log {
protected:
    ObserverTest() {
        service.add_observer(recorder);
        Route& page = site.routes.emplace_back();
        page.pattern = "/hello/{name}";
        EXPECT_EQ(error_text(site.router.add("GET", page.pattern, 0)), "");
        Route& socket = site.routes.emplace_back();
        socket.kind = Route::Kind::websocket;
        socket.pattern = "/ws";
        EXPECT_EQ(error_text(site.router.add(http::websocket_method, socket.pattern, 1)), "");
    }
    void on_websocket(base::IntrusivePtr<WebSocket> opened) override { websocket = std::move(opened); }
    void on_request(base::IntrusivePtr<Exchange>) override {}
    void write(LogLevel, std::string_view) override {}

    void open(std::string_view method, std::string_view target, RequestKind kind = RequestKind::http) {
        RequestInfo request = request_of(method, target);
        request.kind = kind;
        service.open(carrier.open(std::move(request)));
    }

    const std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
    Site site;
    FakeClock clock;
    Service service{site, *this, *this, clock};
    FakeCarrier carrier;
    base::IntrusivePtr<WebSocket> websocket;
};

TEST_F(ObserverTest, OfACompressedFileWhatIsSent) {
    site.settings.compress = true;
    service.open(carrier.open(request_of("GET", "/hello/you", {{"Host", "localhost"}, {"Accept-Encoding", "gzip"}})));
    const std::string text(5000, 'x');
    EXPECT_TRUE(carrier.exchange->respond_with_file(200, {{"Content-Type", "text/plain"}},
                                                    {base::Descriptor(), 0, text.size()}));
    const std::size_t sent = carrier.exchange->encode_file(base::as_bytes(text), true).size();
    EXPECT_LT(sent, 100U);
    carrier.exchange->on_end();
    ASSERT_EQ(recorder->lines.size(), 1U);
    EXPECT_NE(recorder->lines.front().find(" " + std::to_string(sent) + " octets"), std::string::npos)
        << recorder->lines.front();
}

TEST_F(ObserverTest, ARequestWhenItsExchangeIsOver) {
    open("GET", "/hello/you");
    clock.passed = 1500ms;
    EXPECT_TRUE(carrier.exchange->respond(201, {}, "four"));
    EXPECT_TRUE(recorder->lines.empty());
    carrier.exchange->on_end();
    EXPECT_EQ(recorder->lines,
              std::vector<std::string>{"request /hello/you on '/hello/{name}' 201, 4 octets, 1500 ms"});
}

TEST_F(ObserverTest, TheEnginesOwnRefusals) {
    open("GET", "/nothing");
    carrier.exchange->on_end();
    service.open_malformed(carrier.open({.head = {}, .match = {}, .client = {}}), {400, "no request"});
    carrier.exchange->on_end();
    EXPECT_EQ(recorder->lines, (std::vector<std::string>{"request /nothing on '' 404, 35 octets, 0 ms",
                                                         "request  on '' 400, 11 octets, 0 ms"}));
}

TEST_F(ObserverTest, AClientThatLeavesHasNoStatus) {
    open("GET", "/hello/you");
    carrier.exchange->on_end();
    EXPECT_EQ(recorder->lines, std::vector<std::string>{"request /hello/you on '/hello/{name}' 0, 0 octets, 0 ms"});
}

TEST_F(ObserverTest, AFileCountsAsWhatIsSentOfIt) {
    open("GET", "/hello/you");
    EXPECT_TRUE(carrier.exchange->respond_with_file(206, {}, {base::Descriptor(), 0, 1000}));
    carrier.exchange->on_end();
    EXPECT_EQ(recorder->lines,
              std::vector<std::string>{"request /hello/you on '/hello/{name}' 206, 1000 octets, 0 ms"});
}

TEST_F(ObserverTest, ToHeadNothingIsSent) {
    open("HEAD", "/hello/you");
    EXPECT_TRUE(carrier.exchange->respond(200, {}, "four"));
    carrier.exchange->on_end();
    EXPECT_EQ(recorder->lines, std::vector<std::string>{"request /hello/you on '/hello/{name}' 200, 0 octets, 0 ms"});
}

TEST_F(ObserverTest, AWebSocketWhenItIsAcceptedAndWhenItIsOver) {
    open("GET", "/ws", RequestKind::checked_handshake);
    ASSERT_TRUE(websocket);
    clock.passed = 5ms;
    EXPECT_TRUE(websocket->accept(std::nullopt, {}));
    websocket->on_message({MessageKind::text, base::as_bytes("one")});
    websocket->enqueue({MessageKind::text, "three"});
    EXPECT_TRUE(websocket->send(MessageKind::text, base::as_bytes("answer")));
    clock.passed = 2s;
    websocket->on_close(1001, "");
    EXPECT_EQ(recorder->lines.size(), 1U);
    websocket->on_end();
    EXPECT_EQ(recorder->lines, (std::vector<std::string>{"accepted on '/ws' after 5 ms",
                                                         "ended with 1001, received 2 of 8, sent 1 of 6, 2000 ms"}));
}

TEST_F(ObserverTest, AHandshakeThatItsHandlerRefusesIsARequest) {
    open("GET", "/ws", RequestKind::checked_handshake);
    EXPECT_TRUE(websocket->reject(403, "no", {}));
    websocket->on_end();
    EXPECT_EQ(recorder->lines, std::vector<std::string>{"request /ws on '/ws' 403, 2 octets, 0 ms"});
}

TEST_F(ObserverTest, WithoutObserversNothingIsCounted) {
    Service other{site, *this, *this, clock};
    other.open(carrier.open(request_of("GET", "/hello/you")));
    EXPECT_EQ(carrier.exchange->observation(), nullptr);
}

}  // namespace
}  // namespace proapi::service
