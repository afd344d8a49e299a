// ws/connection beyond the vectors: both roles talking to each other, every close code, random cuts of random sessions,
// lent and retained input.
#include "ws/connection.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/cpp/base/seed.hpp"
#include "tests/cpp/ws/replay.hpp"

namespace proapi::ws {
namespace {

using tests::Octets;
using tests::take_all;

std::string text_of(const Event& event) {
    return std::string{base::as_text(event.payload)};
}

class Pair : public testing::Test {
protected:
    // Moves the output of `from` into `to`, in a block that lives until the next call.
    void deliver(Connection& from, Connection& to) {
        block_ = take_all(from.output());
        to.feed(block_);
    }
    Connection server{Role::server, {}};
    Connection client{Role::client, {}, tests::sample_masking_key};
    Octets block_;
};

// promise: client-role
TEST_F(Pair, MessagesOfEverySizeClassGoBothWays) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 4095U, 4096U, 65535U, 65536U, 65537U, 1048576U}) {
        const Octets payload(size, 'm');
        for (const Opcode opcode : {Opcode::text, Opcode::binary}) {
            client.send_message(opcode, payload);
            deliver(client, server);
            Event event = server.next_event();
            ASSERT_EQ(event.kind, EventKind::message);
            ASSERT_EQ(event.opcode, opcode);
            ASSERT_EQ(Octets(event.payload.begin(), event.payload.end()), payload);
            server.send_message(opcode, event.payload);
            ASSERT_EQ(server.next_event().kind, EventKind::need_data);
            deliver(server, client);
            event = client.next_event();
            ASSERT_EQ(event.kind, EventKind::message);
            ASSERT_EQ(event.payload.size(), size);
            ASSERT_EQ(client.next_event().kind, EventKind::need_data);
        }
    }
}

TEST_F(Pair, PingIsAnsweredBeforeItIsTold) {
    client.send_ping(base::as_bytes("are you there"));
    deliver(client, server);
    EXPECT_EQ(server.next_event().kind, EventKind::ping);
    deliver(server, client);
    const Event event = client.next_event();
    EXPECT_EQ(event.kind, EventKind::pong);
    EXPECT_EQ(text_of(event), "are you there");
}

TEST_F(Pair, AnAnswerMayReuseTheEventsOctets) {
    client.send_message(Opcode::text, base::as_bytes("echo"));
    client.send_pong(base::as_bytes("unasked"));
    deliver(client, server);
    const Event event = server.next_event();
    server.send_ping(event.payload);
    EXPECT_EQ(text_of(event), "echo") << "sending must not change the view";
    EXPECT_EQ(server.next_event().kind, EventKind::pong);
}

TEST_F(Pair, TheClosingHandshake) {
    client.send_close(4001, "done");
    client.send_close(4002, "twice");
    client.send_message(Opcode::text, base::as_bytes("too late"));
    EXPECT_TRUE(client.close_sent());
    EXPECT_FALSE(client.close_received());
    deliver(client, server);
    Event event = server.next_event();
    EXPECT_EQ(event.kind, EventKind::close);
    EXPECT_EQ(event.code, 4001);
    EXPECT_EQ(text_of(event), "done");
    EXPECT_TRUE(server.close_sent());
    EXPECT_TRUE(server.close_received());
    EXPECT_FALSE(server.has_failed());
    EXPECT_EQ(server.next_event().kind, EventKind::need_data);
    deliver(server, client);
    event = client.next_event();
    EXPECT_EQ(event.kind, EventKind::close);
    EXPECT_EQ(event.code, 4001);
    EXPECT_TRUE(client.output().empty());
}

TEST_F(Pair, BothCloseAtOnce) {
    client.send_close(1000, "");
    server.send_close(1001, "leaving");
    Octets from_client = take_all(client.output());
    Octets from_server = take_all(server.output());
    server.feed(from_client);
    client.feed(from_server);
    EXPECT_EQ(server.next_event().code, 1000);
    EXPECT_EQ(client.next_event().code, 1001);
    EXPECT_TRUE(server.output().empty());
    EXPECT_TRUE(client.output().empty());
}

TEST_F(Pair, NothingIsSentAfterAFailure) {
    Octets bad{0xC1, 0x80, 0, 0, 0, 0};
    server.feed(bad);
    EXPECT_EQ(server.next_event().kind, EventKind::failed);
    EXPECT_TRUE(server.has_failed());
    EXPECT_FALSE(server.close_received());
    take_all(server.output());
    server.send_message(Opcode::text, base::as_bytes("x"));
    server.send_ping({});
    server.send_close(1000, "");
    EXPECT_TRUE(server.output().empty());
    Octets more(100, 0xFF);
    server.feed(more);
    EXPECT_FALSE(server.has_input());
    EXPECT_EQ(server.next_event().kind, EventKind::need_data);
    EXPECT_EQ(server.buffered_input_bytes(), 0U);
}

TEST_F(Pair, InputIsRetainedUntilItIsRead) {
    for (int i = 0; i < 3; ++i) client.send_message(Opcode::text, base::as_bytes("message " + std::to_string(i)));
    deliver(client, server);
    EXPECT_TRUE(server.has_input());
    EXPECT_EQ(text_of(server.next_event()), "message 0");
    server.retain_input();
    std::fill(block_.begin(), block_.end(), std::uint8_t{0});
    EXPECT_TRUE(server.has_input());
    EXPECT_EQ(server.buffered_input_bytes(), 2U * (2 + 4 + 9));
    client.send_message(Opcode::text, base::as_bytes("message 3"));
    deliver(client, server);
    for (int i = 1; i < 4; ++i) EXPECT_EQ(text_of(server.next_event()), "message " + std::to_string(i));
    EXPECT_FALSE(server.has_input());
    EXPECT_EQ(server.next_event().kind, EventKind::need_data);
    EXPECT_EQ(server.buffered_input_bytes(), 0U);
}

TEST_F(Pair, AMessageIsInProgressFromItsFirstToItsLastOctet) {
    client.send_message(Opcode::binary, base::as_bytes("progress"));
    const Octets frame = take_all(client.output());
    EXPECT_FALSE(server.message_in_progress());
    for (std::size_t i = 0; i < frame.size(); ++i) {
        Octets octet{frame[i]};
        server.feed(octet);
        const Event event = server.next_event();
        const bool last = i + 1 == frame.size();
        EXPECT_EQ(event.kind == EventKind::message, last);
        EXPECT_EQ(server.message_in_progress(), !last) << i;
    }
    client.send_ping(base::as_bytes("x"));
    const Octets ping = take_all(client.output());
    for (const std::uint8_t value : ping) {
        Octets octet{value};
        server.feed(octet);
        static_cast<void>(server.next_event());
        EXPECT_FALSE(server.message_in_progress()) << "a ping is not a message";
    }
}

// promise: texts-name-the-setting, message-limits
TEST(Connection, ReasonsNameTheSetting) {
    struct Case {
        ConnectionLimits limits;
        Octets input;
        std::string setting;
    };
    const std::vector<Case> cases{
        {{.max_message_size_bytes = 3}, {0x82, 0x84, 0, 0, 0, 0}, "max_message_size"},
        {{.max_fragments = 0}, {0x02, 0x81, 0, 0, 0, 0}, "max_fragments"},
        {{.max_empty_fragments = 0}, {0x02, 0x80, 0, 0, 0, 0}, "max_empty_fragments"},
    };
    for (const Case& one : cases) {
        const auto outcome = tests::replay({Role::server, one.limits, {}, one.input}, {}, tests::Handing::lend);
        ASSERT_EQ(outcome.events.size(), 1U);
        const std::string text{base::as_text(outcome.events[0].payload)};
        EXPECT_NE(text.find(one.setting), std::string::npos) << text;
        EXPECT_TRUE(text.starts_with("expected ")) << text;
        EXPECT_NE(text.find("got "), std::string::npos) << text;
    }
}

TEST(Connection, EveryCloseCode) {
    for (std::uint32_t code = 0; code <= 65535; ++code) {
        const bool lawful =
            (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
        Octets input{0x88, 0x82, 0, 0, 0, 0, static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)};
        Connection connection{Role::server, {}};
        connection.feed(input);
        const Event event = connection.next_event();
        ASSERT_EQ(event.kind, lawful ? EventKind::close : EventKind::failed) << code;
        ASSERT_EQ(event.code, lawful ? code : 1002) << code;
        const Octets output = take_all(connection.output());
        ASSERT_GE(output.size(), 4U);
        ASSERT_EQ(output[0], 0x88);
        ASSERT_EQ(output[2] << 8 | output[3], lawful ? static_cast<int>(code) : 1002);
    }
}

// A random valid session: what a client sends, and the events that a server must report.
struct RandomSession {
    Octets input;
    std::vector<tests::ToldEvent> events;

    explicit RandomSession(tests::Random& random) {
        for (std::size_t i = random.between(1, 12); i > 0; --i) add_message(random);
    }

private:
    void add_frame(tests::Random& random, Opcode opcode, bool fin, base::Bytes payload) {
        FrameHeader header{opcode, fin, 0, true, {}, payload.size()};
        for (std::uint8_t& octet : header.masking_key) octet = random.octet();
        std::array<std::uint8_t, max_frame_header_bytes> head;
        const std::size_t size = write_frame_header(header, head.data());
        input.insert(input.end(), head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
        for (std::size_t i = 0; i < payload.size(); ++i) {
            input.push_back(static_cast<std::uint8_t>(payload[i] ^ header.masking_key[i % 4]));
        }
    }

    void add_message(tests::Random& random) {
        const Opcode opcode = random.between(0, 1) == 0 ? Opcode::text : Opcode::binary;
        Octets payload;
        for (std::size_t i = random.between(0, 1) * random.between(0, 300); i > 0; --i) {
            const base::Bytes piece = base::as_bytes(i % 3 == 0 ? "€" : i % 3 == 1 ? "a" : "😀");
            payload.insert(payload.end(), piece.begin(), piece.end());
        }
        base::Bytes rest{payload};
        for (bool first = true, last = false; !last; first = false) {
            const std::size_t size = random.between(0, 2) == 0 ? rest.size() : random.between(0, rest.size());
            last = size == rest.size() && random.between(0, 3) != 0;
            add_frame(random, first ? opcode : Opcode::continuation, last, rest.first(size));
            rest = rest.subspan(size);
            if (!last && random.between(0, 2) == 0) add_ping(random);
        }
        events.push_back({EventKind::message, opcode, 0, payload});
    }

    void add_ping(tests::Random& random) {
        const Octets payload = random.octets(random.between(0, 125));
        const bool ping = random.between(0, 1) == 0;
        add_frame(random, ping ? Opcode::ping : Opcode::pong, true, payload);
        events.push_back({ping ? EventKind::ping : EventKind::pong, ping ? Opcode::ping : Opcode::pong, 0, payload});
    }
};

TEST(Connection, RandomSessionsUnderRandomCuts) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (int round = 0; round < 1000; ++round) {
        const RandomSession session{random};
        std::vector<std::size_t> cuts;
        for (std::size_t at = random.between(0, 200); at < session.input.size(); at += random.between(1, 200))
            cuts.push_back(at);
        for (const auto handing :
             {tests::Handing::lend, tests::Handing::retain_between, tests::Handing::retain_at_once}) {
            const auto outcome = tests::replay({Role::server, {}, {}, session.input}, cuts, handing);
            ASSERT_EQ(outcome.events, session.events) << "round " << round << ": " << tests::to_hex(session.input);
        }
    }
}

// Whatever arrives, the machine ends with at most one close or failure, and reports the same under any cuts.
TEST(Connection, RandomOctetsUnderRandomCuts) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (int round = 0; round < 5000; ++round) {
        RandomSession session{random};
        for (std::size_t i = random.between(1, 4); i > 0; --i) {
            session.input[random.between(0, std::min<std::size_t>(session.input.size() - 1, 400))] = random.octet();
        }
        const tests::Session played{random.between(0, 9) == 0 ? Role::client : Role::server, {}, {}, session.input};
        const auto whole = tests::replay(played, {}, tests::Handing::lend);
        std::vector<std::size_t> cuts;
        for (std::size_t at = random.between(0, 30); at < session.input.size(); at += random.between(1, 30))
            cuts.push_back(at);
        ASSERT_EQ(tests::replay(played, cuts, tests::Handing::lend), whole) << tests::to_hex(session.input);
        ASSERT_EQ(tests::replay(played, cuts, tests::Handing::retain_between), whole) << tests::to_hex(session.input);
    }
}

}  // namespace
}  // namespace proapi::ws
