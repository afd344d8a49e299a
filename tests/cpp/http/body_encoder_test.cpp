#include "http/body_encoder.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "http/body_decoder.hpp"
#include "tests/cpp/base/take_all.hpp"

namespace proapi::http {
namespace {

ResponseHead head_with(std::optional<std::uint64_t> length, int minor_version) {
    return {.status = 200, .headers = {}, .content_length = length, .minor_version = minor_version};
}

std::string take(base::OutputQueue& output) {
    return std::string(base::as_text(tests::take_all(output)));
}

std::string write(const BodyEncoder& encoder, std::initializer_list<std::string_view> parts) {
    base::OutputQueue output;
    for (const std::string_view part : parts) encoder.write(base::as_bytes(part), output);
    encoder.finish(output);
    return take(output);
}

TEST(BodyEncoder, WithALengthOctetsAreSentAsTheyAre) {
    const BodyEncoder encoder(head_with(3, 1));
    EXPECT_EQ(write(encoder, {"a", "", "bc"}), "abc");
    EXPECT_FALSE(encoder.is_endless());
    EXPECT_FALSE(encoder.ends_with_connection());
}

TEST(BodyEncoder, WithoutALengthTheyAreSentInChunks) {
    const BodyEncoder encoder(head_with(std::nullopt, 1));
    EXPECT_EQ(write(encoder, {"a", "", "0123456789abcdef"}), "1\r\na\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    EXPECT_TRUE(encoder.is_endless());
    EXPECT_FALSE(encoder.ends_with_connection());
}

TEST(BodyEncoder, AnHttp10ClientReadsUntilTheConnectionEnds) {
    const BodyEncoder encoder(head_with(std::nullopt, 0));
    EXPECT_EQ(write(encoder, {"a", "", "bc"}), "abc");
    EXPECT_TRUE(encoder.is_endless());
    EXPECT_TRUE(encoder.ends_with_connection());
}

TEST(BodyEncoder, AResponseWithoutABodyEndsWithItsHead) {
    EXPECT_EQ(write(BodyEncoder(), {}), "");
    EXPECT_FALSE(BodyEncoder().is_endless());
    EXPECT_FALSE(BodyEncoder().ends_with_connection());
}

TEST(BodyEncoder, TheDecoderReadsItsChunks) {
    RequestHead head;
    head.framing = BodyFraming::chunked;
    const BodyEncoder encoder(head_with(std::nullopt, 1));
    base::OutputQueue output;
    std::string body;
    for (std::size_t size = 1; size < 300; ++size) {
        const std::string part(size, static_cast<char>('a' + size % 26));
        encoder.write(base::as_bytes(part), output);
        body += part;
    }
    encoder.finish(output);
    const std::string text = take(output);
    BodyDecoder decoder(head, {.max_body_bytes = body.size()});
    EXPECT_EQ(decoder.feed(base::as_bytes(text)), text.size());
    EXPECT_EQ(decoder.state(), ParseState::complete);
    EXPECT_EQ(decoder.take_body(), body);
}

TEST(BodyEncoder, PrefixesOfChunks) {
    EXPECT_EQ(chunk_prefix(1), "1\r\n");
    EXPECT_EQ(chunk_prefix(26), "1a\r\n");
    EXPECT_EQ(chunk_prefix(65536), "10000\r\n");
    EXPECT_EQ(chunk_prefix(SIZE_MAX), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace proapi::http
