// A request's body in a coding: parts, limits, bombs, bodies that end too early.
#include "service/coded_body.hpp"

#include <gtest/gtest.h>

#include "tests/cpp/http/coded_text.hpp"

namespace proapi::service {
namespace {

using http::ContentCoding;
using http::test::encoded;
using http::test::some_text;

struct Outcome {
    http::ErrorCode error = http::ErrorCode::none;
    std::string text;
    int calls = 0;  // of decode()
};

// Adds `octets` in parts, and decodes each as far as possible.
[[nodiscard]] Outcome decode_all(std::string_view octets, std::uint64_t max_bytes, std::size_t part_bytes = SIZE_MAX) {
    CodedBody body(ContentCoding::gzip);
    Outcome out;
    do {
        body.add(std::string(octets.substr(0, part_bytes)));
        octets.remove_prefix(std::min(octets.size(), part_bytes));
        if (octets.empty()) body.end();
        do {
            out.error = body.decode(out.text, max_bytes);
            ++out.calls;
        } while (out.error == http::ErrorCode::none && body.has_more());
    } while (out.error == http::ErrorCode::none && !octets.empty());
    EXPECT_EQ(body.is_whole(), out.error == http::ErrorCode::none || out.error == http::ErrorCode::short_coded_content);
    return out;
}

TEST(CodedBody, DecodesPartAfterPart) {
    const std::string text = some_text(5000), octets = encoded(ContentCoding::gzip, text);
    for (const std::size_t part_bytes : {SIZE_MAX, std::size_t{1}, std::size_t{100}}) {
        const Outcome whole = decode_all(octets, 5000, part_bytes);
        EXPECT_EQ(whole.error, http::ErrorCode::none);
        EXPECT_TRUE(whole.text == text);
    }
}

TEST(CodedBody, TheLimitIsOfWhatIsDecoded) {
    for (const std::size_t size : {0, 1, 100, 256 * 1024, 256 * 1024 + 1, 700'000}) {
        const std::string octets = encoded(ContentCoding::gzip, some_text(size));
        EXPECT_EQ(decode_all(octets, size).error, http::ErrorCode::none) << size;
        if (size == 0) continue;
        for (const std::size_t part_bytes : {SIZE_MAX, std::size_t{1000}})
            EXPECT_EQ(decode_all(octets, size - 1, part_bytes).error, http::ErrorCode::body_too_long) << size;
    }
}

TEST(CodedBody, ACallDecodesABoundedPart) {
    constexpr std::size_t size = 64 * 1024 * 1024;
    const std::string bomb = encoded(ContentCoding::gzip, std::string(size, '\0'));
    const Outcome refused = decode_all(bomb, 1024 * 1024);
    EXPECT_EQ(refused.error, http::ErrorCode::body_too_long);
    EXPECT_LE(refused.text.size(), 1024U * 1024 + 1);
    const Outcome allowed = decode_all(bomb, size);
    EXPECT_EQ(allowed.error, http::ErrorCode::none);
    EXPECT_EQ(allowed.text.size(), size);
    EXPECT_GE(allowed.calls, 64) << "a call decodes less than 1 MiB";
}

// Octets that stand for nothing take time too.
TEST(CodedBody, ACallTakesABoundedPart) {
    const std::string member = encoded(ContentCoding::gzip, "");
    std::string members;
    while (members.size() < 100'000) members += member;
    const Outcome empty = decode_all(members, 10);
    EXPECT_EQ(empty.error, http::ErrorCode::none);
    EXPECT_EQ(empty.text, "");
    EXPECT_GE(empty.calls, 10) << "a call takes less than 10 KB";
}

TEST(CodedBody, WhatEndsTooEarlyIsRefused) {
    const std::string octets = encoded(ContentCoding::gzip, some_text(1000));
    EXPECT_EQ(decode_all(std::string_view(octets).substr(0, octets.size() - 1), 5000).error,
              http::ErrorCode::short_coded_content);
    EXPECT_EQ(decode_all(std::string_view(octets).substr(0, 1), 5000).error, http::ErrorCode::short_coded_content);
    EXPECT_EQ(decode_all("no gzip", 5000).error, http::ErrorCode::bad_coded_content);
    EXPECT_EQ(decode_all(octets + "more", 5000).error, http::ErrorCode::bad_coded_content);
}

// A client that sends "Transfer-Encoding: chunked" may find out afterwards that it has nothing to send.
TEST(CodedBody, ABodyWithoutOctetsIsEmpty) {
    const Outcome none = decode_all("", 10);
    EXPECT_EQ(none.error, http::ErrorCode::none);
    EXPECT_EQ(none.text, "");
}

}  // namespace
}  // namespace proapi::service
