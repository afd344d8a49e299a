// The application's end of a WebSocket over a transport that only records: states, queue, water marks, waiters. Nothing
// that the application calls ever calls back.
#include "service/websocket.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/cpp/error_text.hpp"

namespace proapi::service {
namespace {

struct RecordingTransport final : WebSocketTransport {
    void accept(std::string_view subprotocol, const http::Headers&) override {
        log.push_back("accept " + std::string(subprotocol));
    }
    void reject(int status, std::string_view body, const http::Headers&) override {
        log.push_back("reject " + std::to_string(status) + " " + std::string(body));
    }
    void send(MessageKind kind, base::Bytes payload, ws::Encoding) override {
        buffered += payload.size();
        log.push_back((kind == MessageKind::text ? "text " : "binary ") + std::string(base::as_text(payload)));
    }
    void send_shared(SharedMessage& message) override {
        buffered += message.frame().plain().size();
        log.push_back("shared " + std::string(base::as_text(message.view().payload)));
    }
    void close(std::uint16_t code, std::string_view reason) override {
        log.push_back("close " + std::to_string(code) + " " + std::string(reason));
    }
    void log_fault(std::uint16_t code, std::string_view reason) override {
        faults.push_back(std::to_string(code) + " " + std::string(reason));
    }
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return buffered; }
    void resume_reading() override { ++resumed; }
    void schedule_notify() override { ++scheduled; }

    std::vector<std::string> log, faults;
    std::size_t buffered = 0;
    int resumed = 0, scheduled = 0;
};

struct Mailbox final : Receiver {
    void on_message(MessageView message) override { received.emplace_back(base::as_text(message.payload)); }
    void on_end() override { ++ends; }
    std::vector<std::string> received;
    int ends = 0;
};

struct Bell final : Waiter {
    void on_ready() override { ++rung; }
    int rung = 0;
};

class WebSocketTest : public ::testing::Test {
protected:
    WebSocketTest() {
        RequestInfo request;
        request.head.headers.add("Sec-WebSocket-Protocol", "chat.v2, chat.v1");
        settings.receive_queue_messages = 3;
        settings.receive_queue_bytes = 100;
        settings.high_water = 10;
        settings.low_water = 4;
        settings.max_buffered = 50;
        websocket = base::IntrusivePtr<WebSocket>(new WebSocket(std::move(request), settings, transport));
    }

    void accept() { ASSERT_TRUE(websocket->accept(std::nullopt, {})); }
    void deliver(std::string_view text) { websocket->on_message({MessageKind::text, base::as_bytes(text)}); }
    SendOutcome send(std::string_view text) {
        const auto sent = websocket->send(MessageKind::text, base::as_bytes(text));
        EXPECT_EQ(error_text(sent), "");
        return *sent;
    }
    SendOutcome send_shared(std::string_view text) {
        SharedMessage message(MessageKind::text, base::as_bytes(text));
        const auto sent = websocket->send_shared(message);
        EXPECT_EQ(error_text(sent), "");
        return *sent;
    }
    std::string receive_now() {
        const auto received = websocket->try_receive();
        if (!received) return "error: " + received.error().text;
        return *received ? (*received)->data : "nothing";
    }

    RecordingTransport transport;
    WebSocketSettings settings;
    base::IntrusivePtr<WebSocket> websocket;
};

TEST_F(WebSocketTest, AcceptsOnlyWhatTheClientOffered) {
    const auto refused = websocket->accept("chat.v3", {});
    EXPECT_EQ(refused.error().code, ErrorCode::subprotocol_not_offered);
    EXPECT_NE(refused.error().text.find("'chat.v2', 'chat.v1'"), std::string::npos) << refused.error().text;
    EXPECT_TRUE(websocket->accept("chat.v1", {}));
    EXPECT_EQ(websocket->subprotocol(), "chat.v1");
    EXPECT_EQ(websocket->accept(std::nullopt, {}).error().kind(), ErrorKind::state);
    EXPECT_EQ(transport.log, (std::vector<std::string>{"accept chat.v1"}));
}

TEST_F(WebSocketTest, HeadersThatWouldBreakTheHandshakeAreRefusedBeforeAnythingIsSent) {
    EXPECT_EQ(websocket->accept(std::nullopt, {{"X-A", "b\r\nSet-Cookie: c"}}).error().kind(), ErrorKind::value);
    EXPECT_EQ(websocket->accept(std::nullopt, {{"Sec-WebSocket-Accept", "x"}}).error().kind(), ErrorKind::value);
    EXPECT_EQ(websocket->accept(std::nullopt, {{"upgrade", "x"}}).error().kind(), ErrorKind::value);
    EXPECT_TRUE(transport.log.empty());
    EXPECT_FALSE(websocket->is_accepted());
}

TEST_F(WebSocketTest, UseBeforeAcceptIsAStateError) {
    EXPECT_EQ(websocket->send(MessageKind::text, {}).error().kind(), ErrorKind::state);
    EXPECT_EQ(websocket->try_receive().error().kind(), ErrorKind::state);
}

TEST_F(WebSocketTest, ClosingBeforeAcceptRejectsWith403) {
    EXPECT_TRUE(websocket->close(1000, ""));
    EXPECT_EQ(transport.log, (std::vector<std::string>{"reject 403 "}));
    EXPECT_EQ(websocket->accept(std::nullopt, {}).error().kind(), ErrorKind::disconnect);
}

TEST_F(WebSocketTest, CloseChecksItsArgumentsAndStaysOpen) {
    accept();
    for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535})
        EXPECT_EQ(websocket->close(static_cast<std::uint16_t>(code), "").error().kind(), ErrorKind::value) << code;
    EXPECT_EQ(websocket->close(1000, std::string(124, 'x')).error().kind(), ErrorKind::value);
    EXPECT_EQ(websocket->close(1000, "\xff").error().kind(), ErrorKind::value);
    EXPECT_FALSE(websocket->is_closed());
    for (const int code : {1000, 1003, 1007, 1014, 3000, 4999}) {
        RecordingTransport other;
        const base::IntrusivePtr<WebSocket> one(new WebSocket(RequestInfo{}, settings, other));
        ASSERT_TRUE(one->accept(std::nullopt, {}));
        EXPECT_TRUE(one->close(static_cast<std::uint16_t>(code), std::string(123, 'x'))) << code;
    }
}

TEST_F(WebSocketTest, ASecondCloseDoesNothing) {
    accept();
    EXPECT_TRUE(websocket->close(3001, "first"));
    EXPECT_TRUE(websocket->close(3002, "second"));
    EXPECT_EQ(transport.log.back(), "close 3001 first");
    EXPECT_EQ(websocket->close_code(), 3001);
}

TEST_F(WebSocketTest, AMessageGoesStraightToTheReceiverThatWaitsElseIntoTheQueue) {
    accept();
    Mailbox mailbox;
    websocket->wait_message(mailbox);
    deliver("direct");
    deliver("queued");
    EXPECT_EQ(mailbox.received, (std::vector<std::string>{"direct"}));
    EXPECT_EQ(receive_now(), "queued");
    EXPECT_EQ(receive_now(), "nothing");
}

TEST_F(WebSocketTest, AFullQueueWantsNoMoreAndResumesWhenThereIsRoom) {
    accept();
    for (const char* text : {"1", "2", "3"}) {
        EXPECT_TRUE(websocket->wants_messages());
        deliver(text);
    }
    EXPECT_FALSE(websocket->wants_messages());
    EXPECT_EQ(receive_now(), "1");
    EXPECT_EQ(transport.resumed, 1);
    EXPECT_TRUE(websocket->wants_messages());
    deliver(std::string(200, 'x'));
    EXPECT_FALSE(websocket->wants_messages()) << "the octets count as well";
}

TEST_F(WebSocketTest, TwoReceiversAtOnceAreAStateError) {
    accept();
    Mailbox mailbox;
    websocket->wait_message(mailbox);
    EXPECT_EQ(websocket->try_receive().error().kind(), ErrorKind::state);
    websocket->cancel_receive(mailbox);
    deliver("kept");
    EXPECT_EQ(receive_now(), "kept");
    EXPECT_TRUE(mailbox.received.empty());
}

TEST_F(WebSocketTest, WhatCameBeforeThePeersCloseIsDeliveredBeforeIt) {
    accept();
    deliver("last words");
    websocket->on_close(4000, "bye");
    EXPECT_TRUE(websocket->is_closed());
    EXPECT_EQ(receive_now(), "last words");
    const auto received = websocket->try_receive();
    EXPECT_EQ(received.error().kind(), ErrorKind::disconnect);
    EXPECT_NE(received.error().text.find("4000"), std::string::npos);
}

// promise: messages-before-own-end
TEST_F(WebSocketTest, WhatWasReceivedBeforeTheServersOwnCloseIsStillGivenUnlessTheApplicationCloses) {
    accept();
    deliver("one");
    deliver("two");
    websocket->fail(1001, "the server is stopping");
    deliver("too late");
    EXPECT_EQ(receive_now(), "one");
    ASSERT_TRUE(websocket->close(1000, {}));
    EXPECT_EQ(receive_now(), "two") << "received before the close";
    EXPECT_NE(receive_now().find("1001"), std::string::npos);
    EXPECT_EQ(transport.log.back(), "close 1001 the server is stopping");
    EXPECT_TRUE(transport.faults.empty()) << "a stop is not the peer's fault";
}

// promise: messages-before-own-end
TEST_F(WebSocketTest, TheApplicationsOwnCloseDropsWhatItDidNotReceive) {
    accept();
    deliver("one");
    ASSERT_TRUE(websocket->close(1000, {}));
    EXPECT_TRUE(transport.faults.empty());
    EXPECT_NE(receive_now().find("1000"), std::string::npos);
}

TEST_F(WebSocketTest, NothingTheApplicationCallsCallsBack) {
    accept();
    Mailbox mailbox;
    Bell drained, flushed, closed;
    websocket->wait_message(mailbox);
    transport.buffered = 20;
    websocket->wait_drained(drained);
    websocket->wait_flushed(flushed);
    websocket->wait_closed(closed);
    EXPECT_TRUE(websocket->close(1000, ""));
    EXPECT_EQ(mailbox.ends + drained.rung + flushed.rung + closed.rung, 0);
    EXPECT_GT(transport.scheduled, 0);
    websocket->notify();
    EXPECT_EQ(mailbox.ends, 1);
    EXPECT_EQ(drained.rung, 1);
    EXPECT_EQ(closed.rung, 0) << "the transport still exists";
    websocket->on_end();
    EXPECT_EQ(flushed.rung, 1);
    EXPECT_EQ(closed.rung, 1);
    EXPECT_TRUE(websocket->has_ended());
}

TEST_F(WebSocketTest, WhoWaitsForItToBeClosedIsCalledAtTheFirstSignOfIt) {
    accept();
    Bell closed, drained;
    websocket->wait_no_longer_open(closed);
    transport.buffered = 20;
    websocket->wait_drained(drained);
    transport.buffered = 0;
    websocket->on_drained();  // `closed` stays in the list, although nobody waits for output any more
    EXPECT_EQ(drained.rung, 1);
    EXPECT_EQ(closed.rung, 0);
    websocket->on_close(1001, "");
    EXPECT_EQ(closed.rung, 1);
    websocket->on_end();
    EXPECT_EQ(closed.rung, 1);
}

TEST_F(WebSocketTest, WhoWaitsForItToBeClosedIsCalledWhenTheTransportGoesFirst) {
    Bell closed;
    websocket->wait_no_longer_open(closed);
    websocket->on_end();
    EXPECT_EQ(closed.rung, 1);
}

TEST_F(WebSocketTest, SendersAreToldToWaitAboveHighWaterAndWokenAtLowWater) {
    accept();
    EXPECT_EQ(send("0123456789"), SendOutcome::sent);
    EXPECT_EQ(send("x"), SendOutcome::full);
    Bell bell;
    websocket->wait_drained(bell);
    transport.buffered = 5;
    websocket->on_drained();
    EXPECT_EQ(bell.rung, 0);
    transport.buffered = 4;
    websocket->on_drained();
    EXPECT_EQ(bell.rung, 1);
}

TEST_F(WebSocketTest, ASlowConsumerIsClosedWith1008) {
    accept();
    EXPECT_EQ(send(std::string(60, 'x')), SendOutcome::full) << "one message may go beyond max_buffered";
    EXPECT_EQ(send("y"), SendOutcome::ended);
    EXPECT_TRUE(transport.log.back().starts_with("close 1008 slow consumer")) << transport.log.back();
    EXPECT_EQ(websocket->close_code(), 1008);
    EXPECT_EQ(transport.faults.size(), 1U);
}

TEST_F(WebSocketTest, ASharedMessageKeepsTheRulesOfASend) {
    SharedMessage early(MessageKind::text, {});
    EXPECT_EQ(websocket->send_shared(early).error().kind(), ErrorKind::state);
    accept();
    EXPECT_EQ(send_shared("01234567"), SendOutcome::sent);
    EXPECT_EQ(send_shared("x"), SendOutcome::full) << "high_water";
    Bell bell;
    websocket->wait_drained(bell);
    transport.buffered = 4;
    websocket->on_drained();
    EXPECT_EQ(bell.rung, 1);
    EXPECT_EQ(send_shared(std::string(60, 'y')), SendOutcome::full) << "one message may go beyond max_buffered";
    EXPECT_EQ(send_shared("z"), SendOutcome::ended);
    EXPECT_TRUE(transport.log.back().starts_with("close 1008 slow consumer")) << transport.log.back();
    EXPECT_EQ(send_shared("z"), SendOutcome::ended) << "closed";
    EXPECT_EQ(transport.log.size(), 5U);
    websocket->on_end();
    EXPECT_EQ(send_shared("z"), SendOutcome::ended) << "the transport is gone";
}

TEST_F(WebSocketTest, AHandleStaysSafeWhenTheTransportIsGone) {
    accept();
    websocket->on_end();
    EXPECT_EQ(websocket->close_code(), 1006);
    EXPECT_EQ(send("x"), SendOutcome::ended);
    EXPECT_EQ(websocket->buffered_amount(), 0U);
    EXPECT_TRUE(websocket->close(1000, ""));
    EXPECT_EQ(websocket->accept(std::nullopt, {}).error().kind(), ErrorKind::state);
}

TEST_F(WebSocketTest, AQueueFilledBehindAReceiversBackIsHandedOverByNotify) {
    accept();
    Mailbox mailbox;
    websocket->wait_message(mailbox);
    websocket->enqueue({MessageKind::text, "first"});
    EXPECT_TRUE(mailbox.received.empty());
    websocket->notify();
    EXPECT_EQ(mailbox.received, (std::vector<std::string>{"first"}));
}

}  // namespace
}  // namespace proapi::service
