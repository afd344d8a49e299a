// What the encoders of all codings have in common: a decoder of the same coding returns what they were given.
#include "http/content_encoder.hpp"

#include <malloc.h>

#include <stdexcept>

#include "coded_text.hpp"

namespace proapi::http {
namespace {

using test::decoded;
using test::encoded;
using test::encoded_codings;
using test::some_text;
using Until = ContentEncoder::Until;

TEST(ContentEncoder, EncodesAWholeContent) {
    for (const ContentCoding coding : encoded_codings()) {
        for (const std::size_t size : {0, 1, 100, 4096, 16 * 1024, 16 * 1024 + 1, 300'000}) {
            const std::string text = some_text(size);
            const auto back = decoded(*make_decoder(coding), encoded(coding, text));
            EXPECT_EQ(back.state, ContentDecoder::State::may_end) << to_string(coding) << " " << size;
            EXPECT_TRUE(back.text == text) << to_string(coding) << " " << size;
        }
        EXPECT_LT(encoded(coding, some_text(4096)).size(), 2000U) << to_string(coding);
    }
}

TEST(ContentEncoder, WhatIsFlushedCanBeDecodedAtOnce) {
    for (const ContentCoding coding : encoded_codings()) {
        const auto encoder = make_encoder(coding, std::nullopt);
        const auto decoder = make_decoder(coding);
        const std::string text = some_text(100'000);
        for (const std::size_t size : {std::size_t{1}, std::size_t{10}, std::size_t{4096}, text.size()}) {
            std::string out;
            encoder->encode(base::as_bytes(std::string_view(text).substr(0, size)), Until::flush, out);
            EXPECT_TRUE(decoded(*decoder, out).text == text.substr(0, size)) << to_string(coding) << " " << size;
        }
        std::string end;
        encoder->encode({}, Until::end, end);
        EXPECT_EQ(decoded(*decoder, end).state, ContentDecoder::State::may_end) << to_string(coding);
    }
}

TEST(ContentEncoder, PartsThatAreNotFlushedAreOneContent) {
    const std::string text = some_text(500'000);
    for (const ContentCoding coding : encoded_codings()) {
        const auto encoder = make_encoder(coding, std::nullopt);
        std::string out;
        for (std::size_t at = 0; at < text.size(); at += 1000)
            encoder->encode(base::as_bytes(std::string_view(text).substr(at, 1000)), Until::later, out);
        encoder->encode({}, Until::end, out);
        EXPECT_TRUE(decoded(*make_decoder(coding), out).text == text) << to_string(coding);
        EXPECT_LT(out.size(), encoded(coding, text).size() * 11 / 10) << to_string(coding);
    }
}

TEST(ContentEncoder, ALittleAndNothingAreContentsToo) {
    for (const ContentCoding coding : encoded_codings()) {
        const auto encoder = make_encoder(coding, std::nullopt);
        std::string out;
        encoder->encode({}, Until::flush, out);
        encoder->encode({}, Until::flush, out);
        encoder->encode({}, Until::end, out);
        EXPECT_EQ(decoded(*make_decoder(coding), out).state, ContentDecoder::State::may_end) << to_string(coding);
    }
}

// What the budget counts with.
TEST(ContentEncoder, NeedsNoMoreMemoryThanItSays) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's allocator does not count";
#endif
    const auto used = [] {
        const struct mallinfo2 info = mallinfo2();
        return info.uordblks + info.hblkhd;
    };
    const std::string text = some_text(64 * 1024);
    for (const ContentCoding coding : encoded_codings()) {
        std::string out;
        out.reserve(1024 * 1024);
        const std::size_t before = used();
        const auto encoder = make_encoder(coding, std::nullopt);
        for (int i = 0; i < 40; ++i) {
            out.clear();
            encoder->encode(base::as_bytes(text), i % 2 == 0 ? Until::later : Until::flush, out);
        }
        EXPECT_LE(used() - before, encoder_memory(coding)) << to_string(coding);
    }
}

TEST(ContentEncoder, OtherCodingsAreMistakesOfTheCaller) {
    EXPECT_THROW(static_cast<void>(make_encoder(ContentCoding::identity, 1)), std::logic_error);
    EXPECT_THROW(static_cast<void>(make_encoder(ContentCoding::deflate, 1)), std::logic_error);
}

}  // namespace
}  // namespace proapi::http
