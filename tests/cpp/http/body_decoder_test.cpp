// Request bodies: every vector as a whole, cut in two at every octet, and octet by octet, with equal results.
#include "http/body_decoder.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/cpp/error_text.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

using vectors::Json;

RequestHead head_of(const Json& vector) {
    RequestHead head;
    head.framing = BodyFraming::chunked;
    if (vector.contains("content_length")) {
        head.framing = BodyFraming::content_length;
        head.content_length = vector.at("content_length").get<std::uint64_t>();
    }
    return head;
}

BodyLimits body_limits_of(const Json& vector) {
    BodyLimits limits;
    if (!vector.contains("limits")) return limits;
    const Json& given = vector.at("limits");
    limits.max_body_bytes = given.value("max_body_bytes", limits.max_body_bytes);
    limits.max_chunk_line_bytes = given.value("max_chunk_line_bytes", limits.max_chunk_line_bytes);
    limits.max_trailer_bytes = given.value("max_trailer_bytes", limits.max_trailer_bytes);
    limits.max_trailer_fields = given.value("max_trailer_fields", limits.max_trailer_fields);
    return limits;
}

struct Outcome {
    int status = 0;
    std::string body;
    std::size_t taken = 0;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome(BodyDecoder& decoder, std::size_t taken) {
    if (decoder.state() == ParseState::failed)
        return {describe(decoder.error()).status, error_text(decoder.error()), 0};
    EXPECT_EQ(decoder.state(), ParseState::complete);
    return {0, decoder.take_body(), taken};
}

void expect_equal_however_cut(const RequestHead& head, const BodyLimits& limits, std::string_view bytes,
                              const Outcome& whole) {
    for (const std::size_t cut : vectors::cuts(bytes.size())) {
        BodyDecoder decoder{head, limits};
        const std::size_t taken = vectors::feed_in_two(decoder, bytes, cut);
        ASSERT_TRUE(outcome(decoder, taken) == whole) << "cut at " << cut;
    }
    for (const std::size_t piece_bytes : {1U, 2U, 3U, 7U}) {
        BodyDecoder decoder{head, limits};
        const std::size_t taken = vectors::feed_in_pieces(decoder, bytes, piece_bytes);
        ASSERT_TRUE(outcome(decoder, taken) == whole) << "in pieces of " << piece_bytes;
    }
}

TEST(BodyDecoder, Vectors) {
    for (const Json& vector : vectors::load("bodies.json")) {
        const std::string rest = vector.contains("rest") ? vectors::octets(vector.at("rest")) : "";
        const std::string bytes = vectors::octets(vector.at("bytes"));
        SCOPED_TRACE(vector.at("name").get<std::string>() + ": " + vectors::shown(bytes));
        const RequestHead head = head_of(vector);
        BodyDecoder decoder{head, body_limits_of(vector)};
        const Outcome whole = outcome(decoder, decoder.feed(base::as_bytes(bytes)));
        EXPECT_EQ(whole.status, vector.value("status", 0));
        if (whole.status == 0 && vector.contains("body")) {
            EXPECT_TRUE(whole.body == vectors::octets(vector.at("body"))) << vectors::shown(whole.body);
            EXPECT_EQ(whole.taken, bytes.size() - rest.size());
        } else {
            EXPECT_TRUE(is_field_value(whole.body)) << whole.body;  // the text of the refusal
        }
        EXPECT_EQ(decoder.feed(base::as_bytes("more")), 0U);
        expect_equal_however_cut(head, body_limits_of(vector), bytes, whole);
        if (HasFatalFailure()) return;
    }
}

TEST(BodyDecoder, NoBodyIsCompleteAndTakesNothing) {
    BodyDecoder decoder{RequestHead{}, BodyLimits{}};
    EXPECT_EQ(decoder.state(), ParseState::complete);
    EXPECT_EQ(decoder.feed(base::as_bytes("GET /")), 0U);
    EXPECT_EQ(decoder.take_body(), "");
}

TEST(BodyDecoder, EveryPrefixOfAChunkedBodyNeedsMore) {
    const std::string bytes = "3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n";
    RequestHead head;
    head.framing = BodyFraming::chunked;
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        BodyDecoder decoder{head, BodyLimits{}};
        EXPECT_EQ(decoder.feed(base::as_bytes(std::string_view{bytes}.substr(0, length))), length);
        EXPECT_EQ(decoder.state(), ParseState::need_data);
    }
}

TEST(BodyDecoder, UnboundedLimitsAreNoLimits) {
    constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();
    RequestHead head;
    head.framing = BodyFraming::chunked;
    BodyDecoder decoder{head, BodyLimits{unbounded, unbounded, unbounded, unbounded}};
    const std::string bytes =
        "1;" + std::string(10'000, 'e') + "\r\na\r\n0\r\nX: " + std::string(10'000, 'v') + "\r\n\r\n";
    EXPECT_EQ(vectors::feed_in_pieces(decoder, bytes, 3), bytes.size());
    EXPECT_EQ(decoder.state(), ParseState::complete);
}

TEST(BodyDecoder, SurvivesEveryOctetAtEveryPlace) {
    const std::string bytes = "3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\n";
    RequestHead head;
    head.framing = BodyFraming::chunked;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (int octet = 0; octet < 256; ++octet) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(octet);
            BodyDecoder whole{head, BodyLimits{}}, by_octet{head, BodyLimits{}};
            const std::size_t taken = whole.feed(base::as_bytes(changed));
            const std::size_t taken_by_octet = vectors::feed_in_pieces(by_octet, changed, 1);
            ASSERT_EQ(whole.state(), by_octet.state()) << vectors::shown(changed);
            ASSERT_EQ(whole.error(), by_octet.error()) << vectors::shown(changed);
            if (whole.state() == ParseState::complete) {
                ASSERT_EQ(taken, taken_by_octet);
                ASSERT_EQ(whole.take_body(), by_octet.take_body());
            }
        }
    }
}

}  // namespace
}  // namespace proapi::http
