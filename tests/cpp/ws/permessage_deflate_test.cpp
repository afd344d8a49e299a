// permessage-deflate on connections: negotiation, both roles, sizes, and the memory of all connections.
#include "ws/permessage_deflate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/cpp/base/seed.hpp"
#include "tests/cpp/ws/replay.hpp"
#include "ws/connection.hpp"

namespace proapi::ws {
namespace {

using tests::Octets;
using tests::take_all;

constexpr DeflateContext shared{.takeover = false}, dedicated{.takeover = true, .window_bits = 12};

std::vector<ExtensionParameter> parameters_of(std::string_view field) {
    const std::array<std::string_view, 1> values{field};
    return parse_extensions(values)->front().parameters;
}

struct CompressedPair {
    Connection server, client;

    explicit CompressedPair(const DeflateContext& context, std::uint64_t threshold = 0, std::uint64_t limit = 1 << 20)
        : server(Role::server, {.max_message_size_bytes = limit}), client(Role::client, {}, tests::sample_masking_key) {
        const PermessageDeflate extension({.context = context, .threshold_bytes = threshold});
        auto accepted = extension.accept(parameters_of(extension.offer()));
        auto confirmed = extension.confirm(parameters_of(accepted->answer));
        EXPECT_TRUE(confirmed) << accepted->answer;
        server.use_extension(std::move(*accepted));
        client.use_extension(std::move(*confirmed));
    }
};

TEST(PermessageDeflate, OffersAndAnswers) {
    const PermessageDeflate without({.context = shared}), with({.context = dedicated});
    EXPECT_EQ(without.offer(),
              "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits");
    EXPECT_EQ(with.offer(), "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12");
    const auto chromium = parameters_of("permessage-deflate; client_max_window_bits");
    EXPECT_EQ(without.accept(chromium)->answer,
              "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    EXPECT_EQ(with.accept(chromium)->answer, "permessage-deflate; client_max_window_bits=12");
    EXPECT_EQ(with.accept(parameters_of("permessage-deflate; server_max_window_bits=8"))->answer,
              "permessage-deflate; server_no_context_takeover; server_max_window_bits=8");
    EXPECT_FALSE(with.accept(parameters_of("permessage-deflate; unknown")));
    EXPECT_FALSE(with.confirm(parameters_of("permessage-deflate; client_max_window_bits")));
    EXPECT_FALSE(with.confirm(parameters_of("permessage-deflate"))) << "it does not confirm the server's window";
}

TEST(PermessageDeflate, BothRolesUnderstandEachOther) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (const DeflateContext& context : {shared, dedicated}) {
        CompressedPair pair(context);
        for (int round = 0; round < 50'000; ++round) {
            const bool from_server = random.between(0, 1) == 0;
            Connection &from = from_server ? pair.server : pair.client, &to = from_server ? pair.client : pair.server;
            std::string message;
            const std::size_t longest = round % 100 == 0 ? 900 : 20;
            for (std::size_t words = random.between(0, longest); words > 0; --words)
                message += "word" + std::to_string(random.between(0, 100)) + " ";
            const Encoding encoding = random.between(0, 3) == 0 ? Encoding::none : Encoding::negotiated;
            from.send_message(Opcode::text, base::as_bytes(message), encoding);
            if (random.between(0, 3) == 0) from.send_ping({});
            Octets wire = take_all(from.output());
            to.feed(wire);
            Event event = to.next_event();
            ASSERT_EQ(event.kind, EventKind::message) << base::as_text(event.payload);
            ASSERT_EQ(base::as_text(event.payload), message);
            event = to.next_event();
            ASSERT_TRUE(event.kind == EventKind::need_data || event.kind == EventKind::ping);
            take_all(to.output());
        }
    }
}

// What a decoder reads counts too: blocks that write nothing cost as much time as those that do.
TEST(PermessageDeflate, ReadingIsBoundedToo) {
    CompressedPair pair(shared);
    Octets wire{0xC2, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};  // a frame of 65536 octets, masked with zeros
    for (int i = 0; i < 32768; ++i) wire.insert(wire.end(), {0x03, 0x00});  // empty final blocks
    pair.server.feed(wire);
    int steps = 0;
    Event event;
    do {
        ASSERT_LT(++steps, 100);
        pair.server.limit_decoding(64 * 1024);
        event = pair.server.next_event();
    } while (event.kind == EventKind::need_data && pair.server.has_input());
    EXPECT_EQ(event.kind, EventKind::message);
    EXPECT_TRUE(event.payload.empty());
    EXPECT_GE(steps, 16);
    EXPECT_LE(steps, 20);
}

TEST(PermessageDeflate, EveryWindowOfAClient) {
    const PermessageDeflate client({.context = dedicated, .threshold_bytes = 0});
    for (int bits = 8; bits <= 12; ++bits) {
        const std::string answer =
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=" + std::to_string(bits);
        auto confirmed = client.confirm(parameters_of(answer));
        ASSERT_TRUE(confirmed) << answer;
        Connection peer(Role::client, {}, tests::sample_masking_key);
        peer.use_extension(std::move(*confirmed));
        peer.send_message(Opcode::text, Octets(1000, 'x'));
        EXPECT_LT(take_all(peer.output()).size(), 100U);
    }
}

// A message of zeros becomes a thousandth of its size.
TEST(PermessageDeflate, ABombFailsAtTheLimit) {
    for (const DeflateContext& context : {shared, dedicated}) {
        CompressedPair pair(context, 0, 1'000'000);
        pair.client.send_message(Opcode::binary, Octets(1'000'000));
        Octets wire = take_all(pair.client.output());
        EXPECT_LT(wire.size(), 10'000U);
        pair.server.feed(wire);
        EXPECT_EQ(pair.server.next_event().payload.size(), 1'000'000U) << "exactly the limit";
        EXPECT_EQ(pair.server.next_event().kind, EventKind::need_data);

        pair.client.send_message(Opcode::binary, Octets(64'000'000));
        wire = take_all(pair.client.output());
        pair.server.feed(wire);
        const Event failed = pair.server.next_event();
        EXPECT_EQ(failed.kind, EventKind::failed);
        EXPECT_EQ(failed.code, 1009);
        EXPECT_EQ(base::as_text(failed.payload),
                  "expected at most 1000000 octets (max_message_size), got more after decoding");
        EXPECT_LE(pair.server.buffered_input_bytes(), 1024U);
    }
}

// What is decoded at once is bounded; the rest follows when the caller allows it, without further input.
TEST(PermessageDeflate, DecodingIsBounded) {
    for (const DeflateContext& context : {shared, dedicated}) {
        CompressedPair pair(context);
        Octets sent(900'000);
        for (std::size_t i = 0; i < sent.size(); i += 1000) sent[i] = static_cast<std::uint8_t>(i / 1000);
        pair.client.send_message(Opcode::binary, sent);
        pair.client.send_message(Opcode::text, base::as_bytes("the next"));
        Octets wire = take_all(pair.client.output());
        int steps = 0;
        std::size_t held = 0;
        pair.server.feed(wire);
        Event event;
        do {
            pair.server.limit_decoding(100'000);
            event = pair.server.next_event();
            pair.server.retain_input();
            ASSERT_LE(pair.server.buffered_input_bytes(), held + 100'000 + wire.size());
            held = pair.server.buffered_input_bytes();
            ASSERT_LT(++steps, 20);
            ASSERT_TRUE(event.kind == EventKind::message || pair.server.has_input());
        } while (event.kind == EventKind::need_data);
        EXPECT_GE(steps, 9 + 1);
        pair.server.limit_decoding(100'000);
        event = pair.server.next_event();
        EXPECT_EQ(base::as_text(event.payload), "the next");
        EXPECT_FALSE(pair.server.has_input());
    }
}

TEST(PermessageDeflate, AMessageThatIsDecodedInStepsIsWhole) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (int round = 0; round < 50; ++round) {
        CompressedPair pair(shared);
        std::string message;
        while (message.size() < 20'000) message += "word" + std::to_string(random.between(0, 100)) + " ";
        pair.client.send_message(Opcode::text, base::as_bytes(message));
        Octets wire = take_all(pair.client.output());
        std::string got;
        for (base::MutableBytes rest(wire); got.empty();) {
            const std::size_t count = std::min<std::size_t>(rest.size(), random.between(0, 300));
            pair.server.feed(rest.first(count));
            rest = rest.subspan(count);
            pair.server.limit_decoding(random.between(0, 1000));
            const Event event = pair.server.next_event();
            ASSERT_NE(event.kind, EventKind::failed) << base::as_text(event.payload);
            if (event.kind == EventKind::message) got = base::as_text(event.payload);
            pair.server.retain_input();
        }
        EXPECT_EQ(got, message);
    }
}

TEST(PermessageDeflate, MemoryForTakeoversIsBounded) {
    base::CompressionMemory memory(101'000);
    const PermessageDeflate extension({.context = dedicated, .memory = &memory});
    const auto offer = parameters_of("permessage-deflate; client_max_window_bits");
    std::vector<Extension::Agreement> agreements;
    for (int i = 0; i < 3; ++i) agreements.push_back(*extension.accept(offer));
    EXPECT_EQ(agreements[0].answer, "permessage-deflate; client_max_window_bits=12");
    EXPECT_EQ(agreements[1].answer, agreements[0].answer);
    EXPECT_EQ(agreements[2].answer, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    EXPECT_EQ(memory.used_bytes(), 2U * (38 + 7 + 4) * 1024);
    agreements.pop_back();
    EXPECT_EQ(memory.used_bytes(), 2U * (38 + 7 + 4) * 1024);
    agreements.pop_back();
    EXPECT_EQ(memory.used_bytes(), (38U + 7 + 4) * 1024);
    EXPECT_EQ(extension.accept(offer)->answer, agreements[0].answer) << "there is room again";
    agreements.clear();
    EXPECT_EQ(memory.used_bytes(), 0U);
}

}  // namespace
}  // namespace proapi::ws
