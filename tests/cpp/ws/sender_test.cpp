// ws/sender: the octets of frames in both roles, nothing after a Close, and one frame that many connections share.
#include "ws/sender.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/cpp/ws/replay.hpp"

namespace proapi::ws {
namespace {

using tests::Octets;
using tests::take_all;

Octets octets_of(base::Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

// RFC 6455 section 5.7: a text message in one frame, unmasked and masked.
TEST(Sender, TheRfcsExamples) {
    Sender server{Role::server, nullptr};
    server.send_message(Opcode::text, base::as_bytes("Hello"));
    EXPECT_EQ(take_all(server.output()), (Octets{0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}));
    Sender client{Role::client, tests::sample_masking_key};
    client.send_message(Opcode::text, base::as_bytes("Hello"));
    EXPECT_EQ(take_all(client.output()), (Octets{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
    server.send_control(Opcode::ping, base::as_bytes("Hello"));
    EXPECT_EQ(take_all(server.output()), (Octets{0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}));
}

// Section 5.2.
TEST(Sender, LengthsAreMinimal) {
    const std::vector<std::pair<std::size_t, Octets>> heads{{0, {0x82, 0}},
                                                            {125, {0x82, 125}},
                                                            {126, {0x82, 126, 0, 126}},
                                                            {65535, {0x82, 126, 0xFF, 0xFF}},
                                                            {65536, {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}}};
    for (const auto& [size, head] : heads) {
        Sender server{Role::server, nullptr};
        server.send_message(Opcode::binary, Octets(size, 'x'));
        Octets expected = head;
        expected.insert(expected.end(), size, 'x');
        EXPECT_EQ(take_all(server.output()), expected) << size;
    }
}

// Section 5.3: "a fresh masking key ... for each frame".
TEST(Sender, AClientMasksEachFrameWithAKeyOfItsOwn) {
    static std::uint32_t key;
    key = 0;
    Sender client{Role::client, [] { return key += 0x01020304; }};
    client.send_control(Opcode::pong, {});
    client.send_message(Opcode::binary, Octets(5, 0));
    EXPECT_EQ(take_all(client.output()), (Octets{0x8A, 0x80, 1, 2, 3, 4, 0x82, 0x85, 2, 4, 6, 8, 2, 4, 6, 8, 2}));
}

// Section 5.5.1.
TEST(Sender, NothingFollowsAClose) {
    for (const bool is_server : {true, false}) {
        Sender sender{is_server ? Role::server : Role::client, tests::sample_masking_key};
        EXPECT_FALSE(sender.close_sent());
        sender.send_close(close_code::normal, base::as_bytes("bye"));
        EXPECT_TRUE(sender.close_sent());
        EXPECT_FALSE(take_all(sender.output()).empty());
        sender.send_close(close_code::going_away, {});
        sender.send_message(Opcode::text, base::as_bytes("late"));
        sender.send_control(Opcode::pong, {});
        SharedFrame late(Opcode::text, base::as_bytes("late"));
        if (is_server) sender.send_shared(late);
        EXPECT_TRUE(sender.output().empty());
    }
}

TEST(Sender, ACloseHasItsCodeAndAsMuchOfTheReasonAsFits) {
    const auto close_of = [](std::uint16_t code, std::string_view reason) {
        Sender server{Role::server, nullptr};
        server.send_close(code, base::as_bytes(reason));
        return take_all(server.output());
    };
    EXPECT_EQ(close_of(4000, ""), (Octets{0x88, 2, 0x0F, 0xA0}));
    EXPECT_EQ(close_of(1000, "ok"), (Octets{0x88, 4, 0x03, 0xE8, 'o', 'k'}));
    EXPECT_EQ(close_of(close_code::no_status_received, "ignored"), (Octets{0x88, 0}));
    const Octets longest = close_of(1000, std::string(200, 'r'));
    EXPECT_EQ(longest[1], max_control_payload_bytes);
    EXPECT_EQ(longest.size(), 2 + max_control_payload_bytes);
}

TEST(Sender, AMessagesHeadAndItsPayloadMayBeSentApart) {
    Sender server{Role::server, nullptr};
    std::array<std::uint8_t, max_frame_header_bytes> head;
    for (const std::size_t size : {0U, 125U, 126U, 65535U, 65536U}) {
        const Octets payload(size, 's');
        const std::size_t head_bytes = server.write_message_head(Opcode::binary, size, head);
        server.send_message(Opcode::binary, payload);
        Octets apart(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(head_bytes));
        apart.insert(apart.end(), payload.begin(), payload.end());
        EXPECT_EQ(apart, take_all(server.output())) << size;
    }
    server.send_close(1000, {});
    EXPECT_EQ(server.write_message_head(Opcode::binary, 1, head), 0U) << "nothing follows a Close";
}

TEST(Sender, ASharedFrameHasTheOctetsOfAMessage) {
    for (const std::size_t size : {0U, 5U, 126U, 1020U, 1024U, 70000U}) {
        const Octets payload(size, 's');
        SharedFrame frame(Opcode::binary, payload);
        Sender one{Role::server, nullptr}, another{Role::server, nullptr}, alone{Role::server, nullptr};
        alone.send_message(Opcode::binary, payload);
        const Octets expected = take_all(alone.output());
        for (Sender* const sender : {&one, &another}) {
            sender->send_shared(frame);
            EXPECT_EQ(take_all(sender->output()), expected) << size;
        }
        EXPECT_EQ(octets_of(frame.plain().bytes()), expected) << "a shared frame must not change";
    }
}

TEST(Sender, ALargeSharedFrameIsNotCopiedAndOutlivesWhoMadeIt) {
    Sender one{Role::server, nullptr}, another{Role::server, nullptr};
    const std::uint8_t* octets = nullptr;
    {
        SharedFrame frame(Opcode::text, Octets(50000, 'b'));
        octets = frame.plain().bytes().data();
        for (Sender* const sender : {&one, &another}) {
            sender->send_message(Opcode::text, base::as_bytes("before"));
            sender->send_shared(frame);
            sender->send_message(Opcode::text, base::as_bytes("after"));
        }
    }
    for (Sender* const sender : {&one, &another}) {
        std::array<base::Bytes, 3> pieces;
        ASSERT_EQ(sender->output().gather(pieces), 3U);
        EXPECT_EQ(pieces[1].data(), octets);
        EXPECT_EQ(pieces[1].size(), 50004U);
        const Octets all = take_all(sender->output());
        EXPECT_EQ(all.size(), 8 + 50004U + 7);
        EXPECT_EQ(all.back(), 'r');
    }
}

}  // namespace
}  // namespace proapi::ws
