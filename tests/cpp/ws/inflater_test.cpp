// What the decoder of permessage-deflate makes of payloads: RFC 7692 section 7.2.3, legal oddities, and garbage.
#include "ws/inflater.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/cpp/base/seed.hpp"
#include "ws/deflater.hpp"

namespace proapi::ws {
namespace {

using namespace std::string_view_literals;

// Returns the decoded message, or "invalid".
std::string decode(MessageDecoder& decoder, std::string_view payload, std::size_t room_bytes = 4096,
                   std::size_t piece_bytes = SIZE_MAX) {
    std::string message;
    std::vector<std::uint8_t> room(room_bytes);
    const auto take = [&](const Decoded& decoded) {
        message.append(base::as_text(base::Bytes(room).first(decoded.written)));
        return decoded.status;
    };
    while (!payload.empty()) {
        std::string_view piece = payload.substr(0, piece_bytes);
        payload.remove_prefix(piece.size());
        DecodeStatus status = DecodeStatus::need_room;
        while (status == DecodeStatus::need_room) {
            const Decoded decoded = decoder.decode(base::as_bytes(piece), room);
            piece.remove_prefix(decoded.taken);
            status = take(decoded);
        }
        if (status == DecodeStatus::invalid) return "invalid";
        EXPECT_TRUE(piece.empty()) << "all is taken";
    }
    DecodeStatus status = DecodeStatus::need_room;
    while (status == DecodeStatus::need_room) status = take(decoder.finish(room));
    return status == DecodeStatus::invalid ? "invalid" : message;
}

// Decodes the payload with any size of pieces and of room, which does not matter.
std::string decode_everyhow(std::string_view payload) {
    const auto whole = decode(*make_inflater({}), payload);
    for (const bool takeover : {false, true}) {
        for (const std::size_t room : {1, 2, 3, 5, 4096}) {
            for (std::size_t piece = 1; piece <= payload.size(); ++piece)
                EXPECT_EQ(decode(*make_inflater({.takeover = takeover}), payload, room, piece), whole)
                    << room << " " << piece;
        }
    }
    return whole;
}

constexpr auto hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"sv;

// RFC 7692 section 7.2.3.
TEST(Inflater, TheExamplesOfTheRfc) {
    EXPECT_EQ(decode_everyhow(hello), "Hello");
    EXPECT_EQ(decode_everyhow("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"sv), "Hello") << "without compression";
    EXPECT_EQ(decode_everyhow("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv), "Hello") << "a final block";
    EXPECT_EQ(decode_everyhow("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"sv), "Hello") << "two blocks";
    EXPECT_EQ(decode_everyhow("\x00"sv), "") << "an empty message";
    EXPECT_EQ(decode_everyhow("\x02\x00"sv), "") << "an empty message of zlib";
}

TEST(Inflater, WithATakeoverMessagesReferToEarlierOnes) {
    const auto decoder = make_inflater({.takeover = true});
    EXPECT_EQ(decode(*decoder, hello), "Hello");
    EXPECT_EQ(decode(*decoder, "\xf2\x00\x11\x00\x00"sv), "Hello");
    EXPECT_EQ(decode(*decoder, "\xf2\x00\x11\x00\x00"sv), "Hello");
}

TEST(Inflater, WithoutOneTheyMustNot) {
    const auto decoder = make_inflater({.takeover = false});
    EXPECT_EQ(decode(*decoder, hello), "Hello");
    EXPECT_EQ(decode(*decoder, "\xf2\x00\x11\x00\x00"sv), "invalid");
}

TEST(Inflater, LegalOddities) {
    EXPECT_EQ(decode_everyhow(""), "") << "no octet at all";
    EXPECT_EQ(decode_everyhow("\xf3\x48\xcd\xc9\xc9\x07\x00"sv), "Hello") << "a final block and nothing after it";
    EXPECT_EQ(decode_everyhow("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"sv), "HelloHello")
        << "a final block and more after it";
    EXPECT_EQ(decode_everyhow("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"sv), "HelloHello")
        << "which refers to what came before it";
    EXPECT_EQ(decode_everyhow("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv), "HelloHello")
        << "two final blocks";
    EXPECT_EQ(decode_everyhow("\xf3\x48\xcd\xc9\xc9\x07\x00\x01"sv), "Hello") << "of which the second is empty";
    EXPECT_EQ(decode_everyhow("\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff\xf2\x48\xcd\xc9\xc9\x07\x00"sv), "Hello")
        << "empty blocks first";
    EXPECT_EQ(decode_everyhow("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x00"sv), "Hello") << "the tail was sent";
}

// Four octets are missing, and the tail that is added has four.
TEST(Inflater, AStoredBlockThatTheTailCompletes) {
    EXPECT_EQ(decode_everyhow("\x00\x05\x00\xfa\xff\xff"sv), "\xff\x00\x00\xff\xff"sv);
    EXPECT_EQ(decode_everyhow("\x01\x05\x00\xfa\xff\xff"sv), "\xff\x00\x00\xff\xff"sv);
}

TEST(Inflater, ATakeoverSurvivesAFinalBlock) {
    const auto decoder = make_inflater({.takeover = true});
    EXPECT_EQ(decode(*decoder, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv), "Hello");
    EXPECT_EQ(decode(*decoder, "\xf2\x00\x11\x00\x00"sv), "Hello");
    EXPECT_EQ(decode(*decoder, "\xf3\x48\xcd\xc9\xc9\x07\x00"sv), "Hello") << "and one without an octet after it";
    EXPECT_EQ(decode(*decoder, "\xf2\x00\x11\x00\x00"sv), "Hello");
}

TEST(Inflater, Garbage) {
    EXPECT_EQ(decode_everyhow("\xff\xff\xff\xff"sv), "invalid") << "a reserved type of block";
    EXPECT_EQ(decode_everyhow("\x00\x05\x00\x05\x00Hello"sv), "invalid") << "a wrong complement";
    EXPECT_EQ(decode_everyhow("\xf2\x48\xcd"sv), "invalid") << "it ends within a block";
    EXPECT_EQ(decode_everyhow("\x00\x05\x00\xfa\xff\x48\x65"sv), "invalid") << "it ends within a stored block";
    EXPECT_EQ(decode_everyhow("\xf2\x48\xcd\xc9\xc9\x07\x00\x01"sv), "invalid") << "and after one";
    EXPECT_EQ(decode_everyhow("\xf2\x00\x11\x00\x00"sv), "invalid") << "it refers to what never came";
    EXPECT_EQ(decode_everyhow("\xf3\x48\xcd\xc9\xc9\x07\x00\x07"sv), "invalid") << "garbage after a final block";
}

// The window of an agreed size is enough, and its memory.
TEST(Inflater, EveryWindow) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    std::string text;
    while (text.size() < 100'000) text += "item " + std::to_string(random.between(0, 5000)) + ", ";
    for (std::uint8_t bits = 9; bits <= max_window_bits; ++bits) {
        const DeflateContext context{.takeover = true, .window_bits = bits};
        const auto encoder = make_deflater(context, 0);
        const auto decoder = make_inflater(context);
        for (std::size_t begin = 0; begin < text.size();) {
            const std::string_view message = std::string_view(text).substr(begin, random.between(1, 20'000));
            begin += message.size();
            const auto encoded = encoder->encode(Opcode::text, base::as_bytes(message));
            ASSERT_TRUE(encoded);
            ASSERT_EQ(decode(*decoder, base::as_text(encoded->payload), 1000), message);
        }
        EXPECT_GE(inflater_memory(context), std::size_t{1} << bits);
    }
    EXPECT_EQ(inflater_memory({.takeover = false}), 0U);
}

// Messages of several connections take turns within one thread.
TEST(Inflater, WithoutATakeoverDecodersShareMemoryAndNothingElse) {
    std::vector<std::unique_ptr<MessageDecoder>> decoders;
    for (int i = 0; i < 10; ++i) decoders.push_back(make_inflater({.takeover = false}));
    std::vector<std::uint8_t> room(100);
    for (int round = 0; round < 3; ++round) {
        for (const auto& decoder : decoders)
            EXPECT_EQ(decoder->decode(base::as_bytes(hello.substr(0, 3)), room).status, DecodeStatus::done);
        for (const auto& decoder : decoders) {
            const Decoded rest = decoder->decode(base::as_bytes(hello.substr(3)), room);
            EXPECT_EQ(rest.status, DecodeStatus::done);
            EXPECT_EQ(decoder->finish(room).status, DecodeStatus::done);
        }
    }
    for (const auto& decoder : decoders) EXPECT_EQ(decode(*decoder, hello), "Hello");
}

}  // namespace
}  // namespace proapi::ws
