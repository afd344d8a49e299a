// Contents to encode and to decode, for the tests of every coding.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "http/content_decoder.hpp"
#include "http/content_encoder.hpp"

namespace proapi::http::test {

// The codings that the library can encode.
[[nodiscard]] inline std::vector<ContentCoding> encoded_codings() {
    std::vector<ContentCoding> all;
    std::ranges::copy_if(std::vector{ContentCoding::gzip, ContentCoding::br, ContentCoding::zstd},
                         std::back_inserter(all), is_built);
    return all;
}

// Text that a coding makes smaller, the same each time.
[[nodiscard]] inline std::string some_text(std::size_t size) {
    std::string text;
    for (std::uint32_t number = 1; text.size() < size; number = number * 1664525 + 1013904223)
        text += "{\"id\": " + std::to_string(number >> 20) + ", \"name\": \"" + std::to_string((number >> 8) % 100) +
                "\"}, ";
    text.resize(size);
    return text;
}

[[nodiscard]] inline std::string encoded(ContentCoding coding, std::string_view text) {
    std::string out;
    make_encoder(coding, text.size())->encode(base::as_bytes(text), ContentEncoder::Until::end, out);
    return out;
}

struct Decoded {
    ContentDecoder::State state = ContentDecoder::State::need_data;
    std::string text;
};

// Feeds `part_bytes` octets at a time, and lets each call produce at most `max_bytes`.
[[nodiscard]] inline Decoded decoded(ContentDecoder& decoder, std::string_view octets,
                                     std::size_t part_bytes = SIZE_MAX, std::size_t max_bytes = 1 << 20) {
    Decoded out;
    do {
        const std::string_view part = octets.substr(0, part_bytes);
        octets.remove_prefix(part.size());
        base::Bytes input = base::as_bytes(part);
        do {
            const std::size_t before = out.text.size();
            out.state = decoder.decode(input, max_bytes, out.text);
            EXPECT_LE(out.text.size() - before, max_bytes);
        } while (out.state == ContentDecoder::State::full);
        if (out.state == ContentDecoder::State::failed) break;
        EXPECT_TRUE(input.empty());
    } while (!octets.empty());
    return out;
}

// What the tests of a decoder have in common. `octets` stand for `text`.
inline void expect_decodes(ContentCoding coding, std::string_view octets, std::string_view text) {
    using State = ContentDecoder::State;
    for (const std::size_t part_bytes : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
        for (const std::size_t max_bytes : {std::size_t{1} << 20, std::size_t{1}, std::size_t{1000}}) {
            const Decoded whole = decoded(*make_decoder(coding), octets, part_bytes, max_bytes);
            EXPECT_EQ(whole.state, State::may_end) << part_bytes << " " << max_bytes;
            EXPECT_TRUE(whole.text == text) << part_bytes << " " << max_bytes;
        }
    }
    for (std::size_t size = 1; size < octets.size(); size += std::max<std::size_t>(1, octets.size() / 200)) {
        const Decoded cut = decoded(*make_decoder(coding), octets.substr(0, size));
        EXPECT_EQ(cut.state, State::need_data) << size;
        EXPECT_TRUE(text.starts_with(cut.text)) << size;
    }
}

}  // namespace proapi::http::test
