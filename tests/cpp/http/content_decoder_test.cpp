// What the decoders of all codings have in common: contents in pieces, with little room, cut short, damaged.
#include "http/content_decoder.hpp"

#include <stdexcept>

#include "coded_text.hpp"

namespace proapi::http {
namespace {

using test::decoded;
using test::encoded;
using test::encoded_codings;
using test::some_text;

TEST(ContentDecoder, TakesPiecesOfAnySizeAndSaysWhereAContentMayEnd) {
    for (const ContentCoding coding : encoded_codings())
        for (const std::size_t size : {0, 1, 1000, 70'000})
            test::expect_decodes(coding, encoded(coding, some_text(size)), some_text(size));
}

// A megabyte stands for a few octets; the caller decides when it stops.
TEST(ContentDecoder, ProducesNoMoreThanItMay) {
    const std::string zeros(8 * 1024 * 1024, '\0');
    for (const ContentCoding coding : encoded_codings()) {
        const std::string bomb = encoded(coding, zeros);
        EXPECT_LT(bomb.size(), 100'000U) << to_string(coding);
        const auto decoder = make_decoder(coding);
        base::Bytes input = base::as_bytes(bomb);
        std::string out;
        EXPECT_EQ(decoder->decode(input, 100'000, out), ContentDecoder::State::full) << to_string(coding);
        EXPECT_EQ(out.size(), 100'000U) << to_string(coding);
        EXPECT_EQ(decoder->decode(input, 1, out), ContentDecoder::State::full) << to_string(coding);
        EXPECT_EQ(out.size(), 100'001U) << to_string(coding);
    }
}

TEST(ContentDecoder, RefusesWhatIsNoContentOfItsCoding) {
    for (const ContentCoding coding : encoded_codings())
        for (const std::string& octets : {std::string("{\"plain\": \"text\"}"), std::string(1000, '\xFF')})
            EXPECT_EQ(decoded(*make_decoder(coding), octets).state, ContentDecoder::State::failed) << to_string(coding);
}

// Whatever is damaged: an error or another text, and an end.
TEST(ContentDecoder, SurvivesEveryDamagedOctet) {
    const std::string text = some_text(400);
    for (const ContentCoding coding : encoded_codings()) {
        const std::string octets = encoded(coding, text);
        for (std::size_t at = 0; at < octets.size(); ++at) {
            for (const char change : {'\x01', '\x80', '\xFF'}) {
                std::string damaged = octets;
                damaged[at] = static_cast<char>(damaged[at] ^ change);
                EXPECT_LT(decoded(*make_decoder(coding), damaged, 3, 64).text.size(), 1U << 26) << at;
            }
        }
    }
}

TEST(ContentDecoder, OtherCodingsAreMistakesOfTheCaller) {
    EXPECT_THROW(static_cast<void>(make_decoder(ContentCoding::identity)), std::logic_error);
}

}  // namespace
}  // namespace proapi::http
