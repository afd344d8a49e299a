// WebSockets over a connection in memory: the handshake, messages, pings, the closing handshake and the time limits;
// each cut at every octet, and each with every read and write failing.
#include "server/websocket_session.hpp"

#include <gtest/gtest.h>

#include "every_failure.hpp"
#include "websocket_session_fixture.hpp"

namespace proapi::server::test {
namespace {

using namespace std::string_literals;

TEST_F(WebSocketSessionTest, EchoesMessages) {
    open();
    EXPECT_EQ(answer(frame(0x81, "text")), "\x81\x04text");
    EXPECT_EQ(answer(frame(0x82, "\xff\xfe")), "\x82\x02\xff\xfe");
    EXPECT_EQ(answer(frame(0x81, "")), "\x81\0"s);
    EXPECT_EQ(served.server->load().websockets, 1U);
}

TEST_F(WebSocketSessionTest, GathersFragments) {
    open();
    EXPECT_EQ(answer(frame(0x01, "one ")), "");
    EXPECT_EQ(served.server->load().partial_bytes, 4U);
    EXPECT_EQ(answer(frame(0x00, "two ")), "");
    EXPECT_EQ(answer(frame(0x80, "three")), "\x81\x0done two three");
    EXPECT_EQ(served.server->load().partial_bytes, 0U);
}

TEST_F(WebSocketSessionTest, AnswersPingsBetweenFragments) {
    open();
    EXPECT_EQ(answer(frame(0x01, "one ") + frame(0x89, "alive?")),
              "\x8a\x06"
              "alive?");
    EXPECT_EQ(answer(frame(0x80, "two")), "\x81\x07one two");
}

TEST_F(WebSocketSessionTest, APongIsNoMessage) {
    open();
    EXPECT_EQ(answer(frame(0x8a, "unasked")), "");
}

TEST_F(WebSocketSessionTest, TheClientCloses) {
    open();
    EXPECT_EQ(answer(frame(0x88, close_1000)), "\x88\x02" + close_1000);
    EXPECT_EQ(handler().ends, 1);
    EXPECT_EQ(websocket().close_code(), 1000);
    EXPECT_EQ(client->end_error(), 0) << "the server ends its side first (RFC 6455 section 7.1.1)";
    EXPECT_EQ(served.open(), 1U);
    client->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(served.open(), 0U);
    EXPECT_EQ(closed(1000), 1U);
}

TEST_F(WebSocketSessionTest, TheHandlerCloses) {
    open();
    client->forget_received();
    EXPECT_TRUE(websocket().close(1000, "bye"));
    served.turns();
    EXPECT_EQ(client->received(), "\x88\x05" + close_1000 + "bye");
    EXPECT_FALSE(client->has_ended());
    EXPECT_EQ(answer(frame(0x88, close_1000)), "");
    EXPECT_EQ(client->end_error(), 0);
    EXPECT_EQ(handler().ends, 1);
    EXPECT_EQ(closed(1000), 1U);
}

TEST_F(WebSocketSessionTest, AClientThatDoesNotAnswerAClose) {
    served.site.settings.close_timeout = service::Duration(20);
    open();
    EXPECT_TRUE(websocket().close(1000, ""));
    EXPECT_TRUE(served.turn_until([&] { return served.open() == 0; }));
    served.turns();
    EXPECT_TRUE(client->has_ended());
}

TEST_F(WebSocketSessionTest, AClientThatLeavesWithoutAClose) {
    open();
    client->transport().shutdown_write();
    served.turns();
    EXPECT_EQ(served.open(), 0U);
    EXPECT_EQ(handler().ends, 1);
    EXPECT_EQ(websocket().close_code(), 1006);
    EXPECT_EQ(closed(1006), 1U);
}

TEST_F(WebSocketSessionTest, AFaultIsAnsweredWithItsCode) {
    open();
    const std::string all = answer(frame(0x83, "no such opcode"));
    EXPECT_TRUE(all.starts_with("\x88")) << all;
    EXPECT_EQ(all.substr(2, 2), "\x03\xea");
    EXPECT_EQ(handler().ends, 1);
    EXPECT_EQ(client->end_error(), 0);
    EXPECT_EQ(closed(1002), 1U);
    EXPECT_TRUE(served.log.has("192.0.2.7:4242 closed with 1002"));
}

TEST_F(WebSocketSessionTest, TheHandlerRejects) {
    served.application.accepts = false;
    client = served.connect();
    EXPECT_EQ(answer(handshake() + frame(0x81, "early")), "");
    EXPECT_TRUE(websocket().reject(403, "not today\n", {}));
    served.turns();
    EXPECT_TRUE(client->received().starts_with("HTTP/1.1 403 ")) << client->received();
    EXPECT_TRUE(client->received().ends_with("\r\n\r\nnot today\n")) << client->received();
    EXPECT_EQ(client->end_error(), 0);
}

TEST_F(WebSocketSessionTest, AcceptHasItsTime) {
    served.application.accepts = false;
    served.site.settings.accept_timeout = service::Duration(20);
    served.start();
    client = served.connect();
    client->send(handshake());
    EXPECT_TRUE(served.turn_until([&] { return client->has_ended(); }));
    EXPECT_TRUE(client->received().starts_with("HTTP/1.1 503 ")) << client->received();
}

TEST_F(WebSocketSessionTest, ASilentClientIsPingedAndThenLost) {
    settings().ping_interval = settings().ping_timeout = service::Duration(20);
    open();
    client->forget_received();
    EXPECT_TRUE(served.turn_until([&] { return !client->received().empty(); }));
    EXPECT_EQ(client->received(), "\x89\0"s);
    EXPECT_TRUE(served.turn_until([&] { return served.open() == 0; }));
    served.turns();
    EXPECT_EQ(client->end_error(), ECONNRESET);
    EXPECT_EQ(websocket().close_code(), 1006);
    EXPECT_EQ(websocket().close_reason(), "ping timeout");
    EXPECT_EQ(handler().ends, 1);
}

TEST_F(WebSocketSessionTest, AClientThatAnswersPingsStays) {
    settings().ping_interval = settings().ping_timeout = service::Duration(20);
    open();
    for (int i = 0; i < 4; ++i) {
        client->forget_received();
        ASSERT_TRUE(served.turn_until([&] { return client->received() == "\x89\0"s; }));
        client->send(frame(0x8a, ""));
        served.turns();
    }
    EXPECT_EQ(served.open(), 1U);
}

// The client has not read the ping yet, because it is still reading earlier output.
TEST_F(WebSocketSessionTest, AClientThatTakesOutputIsAlive) {
    settings().ping_interval = settings().ping_timeout = service::Duration(20);
    open();
    client->transport().set_behaviour({.receive_buffer_bytes = 10, .max_read_bytes = 1});
    client->transport().stop_reading();
    EXPECT_TRUE(websocket().send(service::MessageKind::binary, base::as_bytes(std::string(2'000, 'x'))));
    for (int octets = 0; octets < 20; ++octets) {
        client->transport().start_reading();
        served.reactor.turn(net::Duration(0));
        client->transport().stop_reading();
        served.turns();
        served.reactor.turn(net::Duration(5));
        ASSERT_EQ(served.open(), 1U);
    }
    EXPECT_TRUE(served.turn_until([&] { return served.open() == 0; })) << "the client reads nothing more";
}

TEST_F(WebSocketSessionTest, AMessageHasItsTime) {
    settings().message_timeout = service::Duration(20);
    open();
    client->send(frame(0x01, "half"));
    EXPECT_TRUE(served.turn_until([&] { return websocket().is_closed(); }));
    EXPECT_EQ(websocket().close_code(), 1008);
}

TEST_F(WebSocketSessionTest, AFullQueuePausesReading) {
    settings().receive_queue_messages = 2;
    served.application.accepts = false;
    served.start();
    client = served.connect();
    client->send(handshake());
    served.turns();
    EXPECT_TRUE(websocket().accept(std::nullopt, {}));  // and reads nothing
    std::string octets;
    for (int i = 0; i < 5; ++i) octets += frame(0x81, std::to_string(i));
    client->send(octets);
    served.turns();
    client->send(frame(0x81, "unread"));
    served.turns();
    EXPECT_FALSE(websocket().wants_messages());
    EXPECT_GT(client->transport().delivered_octets(), 0U);
    client->forget_received();
    handler().run();
    served.turns();
    EXPECT_EQ(client->received(),
              "\x81\x01"
              "0\x81\x01"
              "1\x81\x01"
              "2\x81\x01"
              "3\x81\x01"
              "4\x81\x06unread");
}

// ---- message_rate, max_lifetime -----------------------------------------------------------------------------------

TEST_F(WebSocketSessionTest, ALargeMessageGoesOutAtTheCall) {
    open();
    client->forget_received();
    const std::string large(100'000, 'x');
    EXPECT_TRUE(websocket().send(service::MessageKind::text, base::as_bytes("before")));
    EXPECT_EQ(*websocket().send(service::MessageKind::binary, base::as_bytes(large)), service::SendOutcome::sent);
    EXPECT_EQ(served.server->load().send_queued_bytes, 0U) << "everything was sent at the call";
    served.turns();
    EXPECT_EQ(client->received(),
              "\x81\x06"
              "before\x82\x7f\0\0\0\0\0\x01\x86\xa0"s +
                  large);
}

TEST_F(WebSocketSessionTest, ALargeMessageWaitsForAClientThatDoesNotRead) {
    open({.send_buffer_bytes = 10'000});
    client->transport().set_behaviour({.receive_buffer_bytes = 0});
    client->forget_received();
    const std::string large(100'000, 'x');
    EXPECT_EQ(*websocket().send(service::MessageKind::binary, base::as_bytes(large)), service::SendOutcome::full);
    EXPECT_EQ(served.server->load().send_queued_bytes, large.size() + 10 - 10'000);
    client->transport().set_behaviour({});
    served.turns();
    EXPECT_EQ(client->received(), "\x82\x7f\0\0\0\0\0\x01\x86\xa0"s + large);
}

TEST_F(WebSocketSessionTest, ASlowConsumerIsClosed) {
    settings().max_buffered = settings().high_water = 1'000;
    settings().low_water = 100;
    open({.send_buffer_bytes = 100});
    client->transport().set_behaviour({.receive_buffer_bytes = 0});
    auto outcome = service::SendOutcome::sent;
    for (int i = 0; i < 20 && outcome != service::SendOutcome::ended; ++i) {
        outcome = *websocket().send(service::MessageKind::text, base::as_bytes(std::string(100, 'x')));
        served.turns();
    }
    EXPECT_EQ(outcome, service::SendOutcome::ended);
    EXPECT_EQ(websocket().close_code(), 1008);
}

TEST_F(WebSocketSessionTest, AStopSays1001) {
    open();
    client->forget_received();
    bool has_stopped = false;
    served.server->stop([&] { has_stopped = true; });
    served.turns();
    EXPECT_EQ(client->received().substr(2, 2), "\x03\xe9");
    EXPECT_EQ(handler().ends, 1);
    EXPECT_EQ(answer(frame(0x88, "\x03\xe9")), "");
    client->transport().shutdown_write();
    served.turns();
    EXPECT_TRUE(has_stopped);
}

// ---- every cut, every failure -----------------------------------------------------------------------------------

const Parts conversation{
    handshake(),
    frame(0x81, "whole"),
    frame(0x01, "one "),
    frame(0x89, "alive?"),
    frame(0x00, "two ") + frame(0x80, "three"),
    frame(0x82, "\x01\x02") + frame(0x81, "last"),
    frame(0x88, close_1000),
};
const std::string answers =
    "\x81\x05whole\x8a\x06"
    "alive?\x81\x0done two three\x82\x02\x01\x02\x81\x04last\x88\x02\x03\xe8";

[[nodiscard]] std::string joined_conversation() {
    std::string all;
    for (const std::string& part : conversation) all += part;
    return all;
}

TEST(WebSocketSessionCuts, EveryCutGivesTheSameAnswers) {
    const Outcome right = run_client(conversation, {}, nullptr);
    ASSERT_TRUE(right.received.starts_with("HTTP/1.1 101 ")) << right.received;
    ASSERT_TRUE(right.received.ends_with("\r\n\r\n" + answers)) << right.received;
    expect_with_every_cut(joined_conversation(), right);
}

TEST(WebSocketSessionFailures, EachEndsTheConnectionAndIsToldOnce) {
    expect_with_every_failure(conversation, run_client(conversation, {}, nullptr));
}

TEST(WebSocketSessionFailures, OneReadAndOneWriteForAll) {
    const Parts parts{joined_conversation()};
    const Outcome right = run_client(parts, {}, nullptr);
    ASSERT_TRUE(right.received.ends_with(answers)) << right.received;
    expect_with_every_failure(parts, right);
}

TEST(WebSocketSessionFailures, WithoutAClose) {
    const Parts parts(conversation.begin(), conversation.end() - 1);
    expect_with_every_failure(parts, run_client(parts, {}, nullptr));
}

TEST(WebSocketSessionFailures, AFault) {
    const Parts parts{handshake(), frame(0x81, "right"), frame(0x83, "wrong")};
    expect_with_every_failure(parts, run_client(parts, {}, nullptr));
}

// The handler closes or rejects, and the client does not answer.
TEST(WebSocketSessionFailures, WhatTheHandlerEnds) {
    for (const bool accepts : {true, false}) {
        const std::size_t operations = for_each_failure([&](net::MemoryFailure& failure) {
            MemoryServer served;
            served.site.settings.close_timeout = service::Duration(1);
            served.application.accepts = accepts;
            const auto client = served.connect({}, &failure);
            client->send(handshake());
            served.turns();
            if (!served.application.echoing.empty()) {
                EchoHandler& handler = *served.application.echoing.front();
                EXPECT_TRUE(handler.websocket->close(1000, "bye"));
                EXPECT_TRUE(served.turn_until([&] { return served.open() == 0; }));
                EXPECT_TRUE(handler.websocket->has_ended());
                EXPECT_EQ(handler.ends, accepts ? 1 : 0);
            }
            served.turns();
            EXPECT_EQ(served.open(), 0U);
        });
        EXPECT_GT(operations, 1U);
    }
}

}  // namespace
}  // namespace proapi::server::test
