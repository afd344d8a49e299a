// Which responses are compressed, and their fields.
#include "service/response_coding.hpp"

#include <gtest/gtest.h>

#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

using http::ContentCoding;
using http::Headers;

constexpr std::uint64_t threshold = 1000;

[[nodiscard]] RequestInfo accepting(std::string_view codings) {
    return test::request_of("GET", "/", {{"Host", "localhost"}, {"Accept-Encoding", codings}});
}

struct Chosen {
    ContentCoding coding;
    Headers headers;
};

[[nodiscard]] Chosen choose(Headers headers, int status = 200, std::optional<std::uint64_t> size = 5000,
                            std::string_view accepted = "gzip") {
    const auto coding = choose_response_coding(accepting(accepted), status, headers, size, threshold);
    return {coding, std::move(headers)};
}

TEST(ResponseCoding, TypesThatBecomeSmallerAreCompressed) {
    for (const char* type : {"text/html; charset=utf-8", "TEXT/CSS", "text/event-stream", "application/json",
                             "application/problem+json; charset=utf-8", "image/svg+xml", "application/wasm"}) {
        const Chosen chosen = choose({{"Content-Type", type}});
        EXPECT_EQ(chosen.coding, ContentCoding::gzip) << type;
        EXPECT_EQ(chosen.headers.get("vary"), "Accept-Encoding") << type;
    }
    for (const char* type : {"image/png", "application/octet-stream", "application/zip", "video/mp4", "font/woff2",
                             "textual/x", "application/jsonx", ""}) {
        const Chosen chosen = choose({{"Content-Type", type}});
        EXPECT_EQ(chosen.coding, ContentCoding::identity) << type;
        EXPECT_FALSE(chosen.headers.contains("vary")) << type;
    }
    EXPECT_EQ(choose({}).coding, ContentCoding::identity);
}

TEST(ResponseCoding, SmallBodiesAreNotCompressed) {
    const Headers text{{"Content-Type", "text/plain"}};
    EXPECT_EQ(choose(text, 200, threshold).coding, ContentCoding::gzip);
    EXPECT_EQ(choose(text, 200, std::nullopt).coding, ContentCoding::gzip);
    const Chosen small = choose(text, 200, threshold - 1);
    EXPECT_EQ(small.coding, ContentCoding::identity);
    EXPECT_EQ(small.headers.get("vary"), "Accept-Encoding") << "the same address may have a longer body next time";
    Headers empty = text;
    EXPECT_EQ(choose_response_coding(accepting("gzip"), 200, empty, 0, 0), ContentCoding::identity);
}

TEST(ResponseCoding, AClientThatDoesNotAcceptItGetsVary) {
    const Chosen chosen = choose({{"Content-Type", "text/plain"}}, 200, 5000, "");
    EXPECT_EQ(chosen.coding, ContentCoding::identity);
    EXPECT_EQ(chosen.headers.get("vary"), "Accept-Encoding");
}

TEST(ResponseCoding, AClientOfHttp10DoesNotGetIt) {
    RequestInfo request = accepting("gzip");
    request.head.minor_version = 0;
    Headers headers{{"Content-Type", "text/plain"}};
    EXPECT_EQ(choose_response_coding(request, 200, headers, 5000, threshold), ContentCoding::identity);
}

TEST(ResponseCoding, WhatTheHandlerDecidesStays) {
    EXPECT_EQ(choose({{"Content-Type", "text/plain"}, {"Content-Encoding", "br"}}).headers.get("content-encoding"),
              "br");
    EXPECT_EQ(choose({{"Content-Type", "text/plain"}, {"Content-Encoding", "br"}}).coding, ContentCoding::identity);
    EXPECT_EQ(choose({{"Content-Type", "text/plain"}, {"Cache-Control", "public, no-transform"}}).coding,
              ContentCoding::identity);
    EXPECT_EQ(choose({{"Content-Type", "text/plain"}, {"Content-Digest", "sha-256=:AA==:"}}).coding,
              ContentCoding::identity);
    const Chosen secret = choose({{"Content-Type", "text/plain"}, {"Content-Encoding", "identity"}});
    EXPECT_EQ(secret.coding, ContentCoding::identity);
    EXPECT_FALSE(secret.headers.contains("content-encoding"));
}

TEST(ResponseCoding, VaryIsCompletedOnce) {
    const auto vary = [](std::string_view own) {
        const Headers headers = choose({{"Content-Type", "text/plain"}, {"Vary", own}}).headers;
        return headers.count("vary") == 1 ? std::string(*headers.get("vary")) : "not one field";
    };
    EXPECT_EQ(vary("Origin"), "Origin, Accept-Encoding");
    EXPECT_EQ(vary("Origin, accept-encoding"), "Origin, accept-encoding");
    EXPECT_EQ(vary("*"), "*");
}

TEST(ResponseCoding, PartsOfAFileStayAsTheyAre) {
    const Headers part{{"Content-Type", "text/plain"}, {"Content-Range", "bytes 0-4999/9000"}};
    EXPECT_EQ(choose(part, 206).coding, ContentCoding::identity);
    EXPECT_EQ(choose(part, 416).coding, ContentCoding::identity);
}

TEST(ResponseCoding, StatusesWithoutABodyHaveNoCoding) {
    for (const int status : {204, 304})
        EXPECT_EQ(choose({{"Content-Type", "text/plain"}}, status).coding, ContentCoding::identity) << status;
    EXPECT_FALSE(choose({{"Content-Type", "text/plain"}}, 204).headers.contains("vary"));
}

// RFC 9110 section 8.8.1: a strong validator speaks of octets.
TEST(ResponseCoding, TheEtagOfACodedResponseIsWeak) {
    Headers headers{{"Content-Type", "text/plain"}, {"ETag", "\"one\""}, {"Accept-Ranges", "bytes"}};
    mark_as_coded(headers, ContentCoding::gzip);
    EXPECT_EQ(headers.get("etag"), "W/\"one\"");
    EXPECT_EQ(headers.get("content-encoding"), "gzip");
    EXPECT_FALSE(headers.contains("accept-ranges"));
    Headers weak{{"ETag", "W/\"one\""}};
    mark_as_coded(weak, ContentCoding::gzip);
    EXPECT_EQ(weak.getlist("etag"), std::vector<std::string_view>{"W/\"one\""});
}

// RFC 9110 section 15.4.5: what the whole response would say, which a client names in If-None-Match.
TEST(ResponseCoding, A304SpeaksOfTheResponseThatItsClientHas) {
    const auto answer = [](std::string_view known) {
        RequestInfo request = accepting("gzip");
        request.head.headers.add("If-None-Match", known);
        Headers headers{{"ETag", "\"one\""}};
        EXPECT_EQ(choose_response_coding(request, 304, headers, 0, threshold), ContentCoding::identity);
        return headers;
    };
    for (const char* coded : {"W/\"one\"", "\"two\", W/\"one\""}) {
        EXPECT_EQ(answer(coded).get("etag"), "W/\"one\"");
        EXPECT_EQ(answer(coded).get("vary"), "Accept-Encoding");
    }
    for (const char* plain : {"\"one\"", "*", "W/\"two\""}) {
        EXPECT_EQ(answer(plain).get("etag"), "\"one\"");
        EXPECT_FALSE(answer(plain).contains("vary"));
    }
}

TEST(ResponseCoding, EncodersShareABoundedMemory) {
    base::CompressionMemory memory(http::encoder_memory(ContentCoding::gzip) * 2);
    auto one = make_bounded_encoder(ContentCoding::gzip, memory);
    const auto two = make_bounded_encoder(ContentCoding::gzip, memory);
    EXPECT_TRUE(one && two);
    EXPECT_FALSE(make_bounded_encoder(ContentCoding::gzip, memory));
    one.reset();
    EXPECT_TRUE(make_bounded_encoder(ContentCoding::gzip, memory));
}

}  // namespace
}  // namespace proapi::service
