// br: what only this format has. content_encoder_test.cpp and content_decoder_test.cpp have the rest.
#include "coded_text.hpp"

namespace proapi::http {
namespace {

using namespace std::string_literals;
using test::decoded;
using State = ContentDecoder::State;

// RFC 7932 section 9.2, by hand: a window of 16 bits, one stored block of five octets, an empty last block.
TEST(Brotli, DecodesAStoredBlock) {
    test::expect_decodes(ContentCoding::br, "\x0B\x02\x80hello\x03"s, "hello");
}

TEST(Brotli, NothingFollowsTheContent) {
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::br), "\x0B\x02\x80hello\x03x"s).state, State::failed);
}

// Windows of more than 2^24 octets are an extension that needs as much memory.
TEST(Brotli, RefusesLargeWindows) {
    EXPECT_EQ(decoded(*make_decoder(ContentCoding::br), "\x11\x1E"s + std::string(20, '\0')).state, State::failed);
}

}  // namespace
}  // namespace proapi::http
