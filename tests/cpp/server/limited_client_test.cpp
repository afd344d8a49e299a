// How fast one client may send messages, and how long its WebSocket may stay open, over a connection in memory.
#include <gtest/gtest.h>

#include "websocket_session_fixture.hpp"

namespace proapi::server::test {
namespace {

using namespace std::string_literals;

class LimitedClientTest : public WebSocketSessionTest {
protected:
    // Texts of one octet, from "0" on: as the client sends them, and as it gets them back.
    static std::string frames(int count) {
        std::string octets;
        for (int i = 0; i < count; ++i) octets += frame(0x81, std::to_string(i));
        return octets;
    }
    static std::string echoes(int count) {
        std::string octets;
        for (int i = 0; i < count; ++i) octets += "\x81\x01" + std::to_string(i);
        return octets;
    }
    // Opens a WebSocket whose messages nobody receives.
    void open_without_handler() {
        served.application.accepts = false;
        served.start();
        client = served.connect();
        client->send(handshake());
        served.turns();
        EXPECT_TRUE(websocket().accept(std::nullopt, {}));
        served.turns();
    }
    bool receives(const std::string& octets) {
        return served.turn_until([&] { return client->received() == octets; });
    }
};

TEST_F(LimitedClientTest, ABurstIsNotDelayed) {
    settings().message_rate = 1;
    settings().message_burst = 3;
    open();
    EXPECT_EQ(answer(frames(3)), echoes(3));
}

// promise: message-rate
TEST_F(LimitedClientTest, MoreMessagesWaitAndNoneIsLost) {
    settings().message_rate = 200;
    settings().message_burst = 1;
    open();
    client->forget_received();
    const std::uint64_t before_ms = served.reactor.now_ms();
    client->send(frames(10));
    ASSERT_TRUE(receives(echoes(10)));
    EXPECT_GE(served.reactor.now_ms() - before_ms, 9U * 5U);
}

TEST_F(LimitedClientTest, ControlFramesKeepTheirPlace) {
    settings().message_rate = 20;
    settings().message_burst = 1;
    open();
    EXPECT_EQ(answer(frames(2) + frame(0x89, "?") + frame(0x88, close_1000)), echoes(1));
    EXPECT_TRUE(receives(echoes(2) + "\x8a\x01?" + "\x88\x02" + close_1000));
    EXPECT_EQ(websocket().close_code(), 1000);
}

TEST_F(LimitedClientTest, ControlFramesTakeNoTokens) {
    settings().message_rate = settings().message_burst = 1;
    open();
    std::string pings, pongs;
    for (int i = 0; i < 100; ++i) pings += frame(0x89, "?"), pongs += "\x8a\x01?";
    EXPECT_EQ(answer(pings + frames(1)), pongs + echoes(1));
}

TEST_F(LimitedClientTest, AFragmentedMessageTakesOneToken) {
    settings().message_rate = 1;
    settings().message_burst = 2;
    open();
    EXPECT_EQ(answer(frame(0x01, "a") + frame(0x00, "b") + frame(0x80, "c") + frames(1)),
              "\x81\x03"
              "abc" +
                  echoes(1));
}

// promise: message-rate
TEST_F(LimitedClientTest, AClientWithinItsRateIsNotPaused) {
    settings().message_rate = settings().message_burst = 1;
    open();
    EXPECT_EQ(answer(frames(1)), echoes(1));
    client->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(served.open(), 0U) << "the socket is read though the next message would have to wait";
}

TEST_F(LimitedClientTest, WhatCameBeforeTheClientsEndIsDelivered) {
    settings().message_rate = 200;
    settings().message_burst = 1;
    open_without_handler();
    client->send(frames(3));
    client->transport().shutdown_write();
    ASSERT_TRUE(served.turn_until([&] { return websocket().is_closed(); }));
    for (const char* text : {"0", "1", "2"}) EXPECT_EQ((*websocket().try_receive())->data, text);
    EXPECT_FALSE(websocket().try_receive());
    EXPECT_EQ(websocket().close_code(), 1006);
}

// promise: message-rate
TEST_F(LimitedClientTest, APausedClientIsPingedAndNotLost) {
    settings().ping_interval = settings().ping_timeout = service::Duration(20);
    settings().message_rate = 4;
    settings().message_burst = 1;
    open();
    client->forget_received();
    client->send(frames(2) + frame(0x8a, ""));
    const std::string ping = "\x89\0"s;
    ASSERT_TRUE(served.turn_until([&] { return client->received().ends_with(echoes(2).substr(3)); }));
    EXPECT_TRUE(client->received().starts_with(echoes(1) + ping + ping + ping)) << "pings let the kernel notice a loss";
    EXPECT_TRUE(served.turn_until([&] { return served.open() == 0; })) << "silent after the pause";
    EXPECT_EQ(websocket().close_reason(), "ping timeout");
}

TEST_F(LimitedClientTest, AnEndDoesNotWaitForAToken) {
    settings().message_rate = settings().message_burst = 1;
    open();
    EXPECT_EQ(answer(frames(2)), echoes(1));
    EXPECT_TRUE(websocket().close(1000, ""));
    served.turns();
    EXPECT_EQ(answer(frame(0x88, close_1000)), "");
    EXPECT_EQ(client->end_error(), 0) << "the server has read the Close behind the message that had to wait";
}

// promise: message-rate, texts-name-the-setting
TEST_F(LimitedClientTest, MoreMessagesCloseTheConnectionIfTheRouteSaysSo) {
    settings().message_rate = 1;
    settings().message_burst = 2;
    settings().message_rate_action = service::RateAction::close;
    open();
    const std::string reason = "expected at most 1 messages a second (message_rate), 2 at once (message_burst)";
    const auto size = static_cast<char>(reason.size() + 2);
    EXPECT_EQ(answer(frames(5)), echoes(2) + '\x88' + size + "\x03\xf0" + reason);
    EXPECT_EQ(websocket().close_code(), 1008);
    EXPECT_EQ(handler().ends, 1);
    EXPECT_EQ(closed(1008), 1U);
    EXPECT_TRUE(served.log.has("192.0.2.7:4242 closed with 1008")) << "one line";
    EXPECT_EQ(served.log.lines.size(), 1U);
    EXPECT_EQ(answer(frame(0x88, "\x03\xf0")), "");
    EXPECT_EQ(client->end_error(), 0);
}

// promise: max-lifetime, texts-name-the-setting
TEST_F(LimitedClientTest, ALifetimeEndsWith1001) {
    settings().max_lifetime = service::Duration(300);
    const std::uint64_t before_ms = served.reactor.now_ms();
    open();
    client->forget_received();
    ASSERT_TRUE(served.turn_until([&] { return !client->received().empty(); }));
    EXPECT_GE(served.reactor.now_ms() - before_ms, 299U);
    EXPECT_EQ(handler().ends, 1);
    const std::string reason = "the connection has reached its max_lifetime";
    EXPECT_EQ(client->received(), "\x88" + std::string(1, static_cast<char>(reason.size() + 2)) + "\x03\xe9" + reason);
    EXPECT_EQ(websocket().close_code(), 1001);
    EXPECT_EQ(closed(1001), 1U);
    EXPECT_TRUE(served.log.lines.empty()) << "nobody's fault";
    EXPECT_EQ(answer(frame(0x88, "\x03\xe9")), "");
    EXPECT_EQ(client->end_error(), 0);
}

// promise: max-lifetime, messages-before-own-end
TEST_F(LimitedClientTest, MessagesFromBeforeTheEndOfALifetimeRemain) {
    settings().max_lifetime = service::Duration(30);
    open_without_handler();
    client->send(frames(1));
    ASSERT_TRUE(served.turn_until([&] { return websocket().is_closed(); }));
    const auto received = websocket().try_receive();
    ASSERT_TRUE(received && *received);
    EXPECT_EQ((*received)->data, "0");
    EXPECT_EQ(websocket().try_receive().error().text,
              "the connection has ended with code 1001 (the connection has reached its max_lifetime)");
}

// promise: max-lifetime
TEST_F(LimitedClientTest, LifetimesThatBeginTogetherEndApart) {
    settings().max_lifetime = service::Duration(500);
    open();
    std::vector<std::unique_ptr<MemoryClient>> others;
    for (int i = 0; i < 9; ++i) {
        others.push_back(served.connect());
        others.back()->send(handshake());
    }
    served.turns();
    const auto count_closed = [&] { return closed(1001); };
    std::uint64_t turns_with_an_end = 0;
    ASSERT_TRUE(served.turn_until([&, before = count_closed()]() mutable {
        turns_with_an_end += std::exchange(before, count_closed()) != count_closed() ? 1 : 0;
        return before == 10;
    }));
    EXPECT_GT(turns_with_an_end, 3U) << "ten ends, spread over 50 ms";
}

}  // namespace
}  // namespace proapi::server::test
