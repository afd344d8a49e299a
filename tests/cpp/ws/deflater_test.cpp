// What the encoder of permessage-deflate writes: RFC 7692 section 7.2.1. zlib reads it.
#include "ws/deflater.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "tests/cpp/base/seed.hpp"

namespace proapi::ws {
namespace {

// A peer with a window of exactly that size.
class Zlib {
public:
    explicit Zlib(int window_bits) { EXPECT_EQ(::inflateInit2(&stream_, -window_bits), Z_OK); }
    ~Zlib() { ::inflateEnd(&stream_); }
    Zlib(const Zlib&) = delete;
    Zlib& operator=(const Zlib&) = delete;

    // Returns the message, or what is wrong. Section 7.2.2: appends four octets. No block may be the final one.
    std::string read(base::Bytes payload, std::size_t size) {
        std::vector<std::uint8_t> octets(payload.begin(), payload.end());
        octets.insert(octets.end(), {0x00, 0x00, 0xFF, 0xFF});
        std::string message(size + 1, '\0');
        stream_.next_in = octets.data();
        stream_.avail_in = static_cast<uInt>(octets.size());
        stream_.next_out = reinterpret_cast<Bytef*>(message.data());
        stream_.avail_out = static_cast<uInt>(message.size());
        const int result = ::inflate(&stream_, Z_SYNC_FLUSH);
        if (result != Z_OK) return "inflate() returned " + std::to_string(result);
        if (stream_.avail_in > 0) return "longer than expected";
        message.resize(message.size() - stream_.avail_out);
        return message;
    }
    void forget() { ::inflateReset(&stream_); }

private:
    z_stream stream_{};
};

std::string make_text(std::size_t size, tests::Random& random) {
    std::string text = "[";
    while (text.size() < size)
        text += R"({"id":)" + std::to_string(random.between(0, 100'000)) + R"(,"name":"item )" +
                std::to_string(random.between(0, 50)) + R"(","active":true},)";
    text.resize(size);
    return text;
}

TEST(Deflater, APeerReadsEveryMessage) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    for (const bool takeover : {false, true}) {
        for (std::uint8_t bits = 9; bits <= max_window_bits; ++bits) {
            const auto encoder = make_deflater({.takeover = takeover, .window_bits = bits}, 0);
            Zlib peer(bits);
            for (const std::size_t size : {1, 10, 100, 1000, 5000, 70'000, 400'000, 1000, 10}) {
                const std::string message = make_text(size, random);
                const auto encoded = encoder->encode(Opcode::text, base::as_bytes(message));
                if (!takeover) peer.forget();
                if (!encoded) {
                    EXPECT_FALSE(takeover);
                    EXPECT_LE(size, 10U) << "it is not worth it";
                    continue;
                }
                EXPECT_EQ(peer.read(encoded->payload, size), message) << size << " " << int{bits};
                EXPECT_EQ(encoded->rsv_bits, rsv1);
                if (size >= 1000) {
                    EXPECT_LT(encoded->payload.size() * 2, size);
                }
            }
        }
    }
}

TEST(Deflater, WithATakeoverARepeatedMessageIsShort) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    const std::string message = make_text(1000, random);
    const auto with = make_deflater({.takeover = true}, 0), without = make_deflater({.takeover = false}, 0);
    static_cast<void>(with->encode(Opcode::text, base::as_bytes(message)));
    EXPECT_LT(with->encode(Opcode::text, base::as_bytes(message))->payload.size(), 30U);
    static_cast<void>(without->encode(Opcode::text, base::as_bytes(message)));
    EXPECT_GT(without->encode(Opcode::text, base::as_bytes(message))->payload.size(), 100U);
}

TEST(Deflater, WhatDoesNotBecomeShorterIsSentAsItIs) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    const auto encoder = make_deflater({.takeover = false}, 0);
    for (const std::size_t size : {0, 1, 2, 5, 100, 4096, 100'000}) {
        std::vector<std::uint8_t> noise(size);
        for (auto& octet : noise) octet = random.octet();
        EXPECT_FALSE(encoder->encode(Opcode::binary, noise)) << size;
    }
    const std::string message = make_text(1000, random);
    EXPECT_TRUE(encoder->encode(Opcode::text, base::as_bytes(message))) << "the next one is";
}

// With a takeover the message is in the window, so it must be sent encoded.
TEST(Deflater, WithATakeoverNoiseIsSentEncoded) {
    tests::Random random;
    SCOPED_TRACE(random.seed());
    const auto encoder = make_deflater({.takeover = true}, 0);
    Zlib peer(15);
    for (const std::size_t size : {1, 5, 100, 4096, 100'000, 300}) {
        std::string noise(size, '\0');
        for (char& octet : noise) octet = static_cast<char>(random.octet());
        const auto encoded = encoder->encode(Opcode::binary, base::as_bytes(noise));
        ASSERT_TRUE(encoded) << size;
        EXPECT_EQ(peer.read(encoded->payload, size), noise) << size;
    }
    EXPECT_FALSE(encoder->encode(Opcode::text, {})) << "an empty message has nothing to compress";
}

TEST(Deflater, ShortMessagesAreSentAsTheyAre) {
    for (const bool takeover : {false, true}) {
        const auto encoder = make_deflater({.takeover = takeover}, 1024);
        const std::string text(1024, 'x');
        EXPECT_FALSE(encoder->encode(Opcode::text, base::as_bytes(std::string_view(text).substr(1))));
        EXPECT_TRUE(encoder->encode(Opcode::text, base::as_bytes(text)));
    }
}

TEST(Deflater, TheMemoryThatItKeeps) {
    EXPECT_EQ(deflater_memory({.takeover = false}), 0U);
    EXPECT_EQ(deflater_memory({.takeover = true, .window_bits = 12}), (16U + 16U + 6U) * 1024U);
}

}  // namespace
}  // namespace proapi::ws
