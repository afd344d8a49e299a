// gzip and deflate against zlib's own functions, and what only these formats have: members, two meanings of deflate.
#include <zlib.h>

#include "coded_text.hpp"

namespace proapi::http {
namespace {

using test::decoded;
using test::encoded;
using test::some_text;
using State = ContentDecoder::State;

// `window_bits` as zlib.h says: 31 for RFC 1952, 15 for RFC 1950, -15 for RFC 1951.
[[nodiscard]] std::string compressed(std::string_view text, int window_bits) {
    z_stream stream{};
    EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(text.size() + 100, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

TEST(Gzip, DecodesWhatZlibEncodes) {
    const std::string text = some_text(3000);
    test::expect_decodes(ContentCoding::gzip, compressed(text, 31), text);
}

TEST(Gzip, EncodesWhatZlibDecodes) {
    const std::string text = some_text(100'000), octets = encoded(ContentCoding::gzip, text);
    z_stream stream{};
    ASSERT_EQ(::inflateInit2(&stream, 31), Z_OK);
    std::string back(text.size() + 1, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(octets.data()));
    stream.avail_in = static_cast<uInt>(octets.size());
    stream.next_out = reinterpret_cast<Bytef*>(back.data());
    stream.avail_out = static_cast<uInt>(back.size());
    EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
    back.resize(stream.total_out);
    ::inflateEnd(&stream);
    EXPECT_TRUE(back == text);
}

TEST(Gzip, DecodesAllMembers) {
    const std::string one = compressed("one, ", 31), none = compressed("", 31), two = compressed("two", 31);
    const std::string all = one + none + none + two + none;
    for (const std::size_t part_bytes : {std::size_t{1}, std::size_t{1000}}) {
        const auto back = decoded(*make_decoder(ContentCoding::gzip), all, part_bytes);
        EXPECT_EQ(back.state, State::may_end);
        EXPECT_EQ(back.text, "one, two");
    }
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::gzip), one + "xx").state, State::failed);
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::gzip), one + std::string(2, '\0')).state, State::failed);
}

TEST(Gzip, ChecksLengthAndChecksum) {
    const std::string octets = compressed("text", 31);
    for (std::size_t back = 1; back <= 8; ++back) {
        std::string damaged = octets;
        damaged[damaged.size() - back] = static_cast<char>(damaged[damaged.size() - back] ^ 1);
        EXPECT_EQ(decoded(*make_decoder(ContentCoding::gzip), damaged).state, State::failed) << back;
    }
}

TEST(Gzip, DeflateIsEitherFormat) {
    for (const std::size_t size : {0, 1, 50, 5000}) {
        const std::string text = some_text(size);
        for (const int window_bits : {15, 9, -15, -9})
            test::expect_decodes(ContentCoding::deflate, compressed(text, window_bits), text);
    }
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::deflate), compressed("a", 15) + compressed("b", 15)).state,
              State::failed)
        << "it has no members";
}

}  // namespace
}  // namespace proapi::http
