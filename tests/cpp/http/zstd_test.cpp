// zstd: what only this format has. content_encoder_test.cpp and content_decoder_test.cpp have the rest.
#include <zstd.h>

#include "coded_text.hpp"

namespace proapi::http {
namespace {

using test::decoded;
using test::encoded;
using test::some_text;
using State = ContentDecoder::State;

[[nodiscard]] std::string compressed_with_window(std::string_view text, int window_bits) {
    ZSTD_CCtx* const context = ::ZSTD_createCCtx();
    ::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_bits);
    ::ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    std::string out(::ZSTD_compressBound(text.size()), '\0');
    ZSTD_inBuffer input{text.data(), text.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    // Without the flush the library would know the size, and make the window smaller.
    static_cast<void>(::ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush));
    EXPECT_EQ(::ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0U);
    out.resize(output.pos);
    ::ZSTD_freeCCtx(context);
    return out;
}

TEST(Zstd, TheLibraryDecodesWhatIsEncoded) {
    const std::string text = some_text(100'000), octets = encoded(ContentCoding::zstd, text);
    std::string back(text.size(), '\0');
    EXPECT_EQ(::ZSTD_decompress(back.data(), back.size(), octets.data(), octets.size()), text.size());
    EXPECT_TRUE(back == text);
}

TEST(Zstd, DecodesAllFrames) {
    const std::string skippable(
        "\x50\x2A\x4D\x18\x03\x00\x00\x00"
        "abc",
        11);  // RFC 8878 section 3.1.2
    const std::string all = encoded(ContentCoding::zstd, "one, ") + skippable + encoded(ContentCoding::zstd, "two");
    for (const std::size_t part_bytes : {std::size_t{1}, std::size_t{1000}}) {
        const auto back = decoded(*make_decoder(ContentCoding::zstd), all, part_bytes);
        EXPECT_EQ(back.state, State::may_end);
        EXPECT_EQ(back.text, "one, two");
    }
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::zstd), all + "x").state, State::failed);
}

// RFC 9659 section 3: 8 MiB are supported, more is refused.
TEST(Zstd, BoundsTheWindow) {
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::zstd), compressed_with_window("text", 23)).state, State::may_end);
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::zstd), compressed_with_window("text", 24)).state, State::failed);
}

// RFC 8878 section 3.1.1.1.4. The library lets it pass if the frame arrives in pieces and its last block is empty.
TEST(Zstd, AFrameHasTheSizeThatItAnnounces) {
    const auto frame_of = [](char announced) {
        return std::string("\x28\xB5\x2F\xFD\x20", 5) + announced + std::string("\x01\x00\x00", 3);
    };
    for (const std::size_t part_bytes : {std::size_t{1}, std::size_t{5}, std::size_t{1000}}) {
        EXPECT_EQ(decoded(*make_decoder(ContentCoding::zstd), frame_of('\0'), part_bytes).state, State::may_end);
        EXPECT_EQ(decoded(*make_decoder(ContentCoding::zstd), frame_of('\x0E'), part_bytes).state, State::failed);
    }
}

TEST(Zstd, FormatsBeforeTheRfcAreRefused) {
    // Zstandard 0.4 to 0.7: the library still decodes them.
    for (const char version : {'\x24', '\x25', '\x26', '\x27'}) {
        const std::string frame = version + std::string("\xB5\x2F\xFD\x04\x58\x5B\x28\x0A\x72\x72", 10);
        for (const std::size_t part_bytes : {std::size_t{1}, frame.size()})
            EXPECT_EQ(decoded(*make_decoder(ContentCoding::zstd), frame, part_bytes).state, State::failed);
    }
}

}  // namespace
}  // namespace proapi::http
