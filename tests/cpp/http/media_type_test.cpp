// Media types by file name: the vectors, and rules for every extension that browsers are served.
#include <gtest/gtest.h>

#include "http/response.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

constexpr std::string_view unknown = "application/octet-stream";

TEST(MediaType, Vectors) {
    for (const vectors::Json& vector : vectors::decoding("guess_content_type")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        EXPECT_EQ(guess_content_type(vectors::octets(vector.at("given"))), vectors::octets(vector.at("expect")));
    }
}

// Without a charset a browser guesses, and for a file without a byte order mark it does not guess UTF-8.
TEST(MediaType, TextIsUtf8) {
    for (const char* ending : {"html", "htm", "css", "js", "mjs", "txt", "md", "csv", "ics", "vtt"}) {
        const std::string_view type = guess_content_type("file." + std::string(ending));
        EXPECT_TRUE(type.starts_with("text/") && type.ends_with("; charset=utf-8")) << ending << ": " << type;
    }
}

TEST(MediaType, OnlyTextHasACharset) {
    for (const char* ending : {"json", "map", "webmanifest", "xml", "svg", "png", "jpeg", "webp", "avif", "woff2",
                               "wasm", "pdf", "zip", "mp3", "mp4", "webm"}) {
        const std::string_view type = guess_content_type("file." + std::string(ending));
        EXPECT_NE(type, unknown) << ending;
        EXPECT_EQ(type.find("charset"), std::string_view::npos) << ending << ": " << type;
    }
}

// Chromium compiles WebAssembly during its transfer, and starts modules and workers, only with these types.
TEST(MediaType, WhatBrowsersRunHasTheTypeThatTheyInsistOn) {
    EXPECT_EQ(guess_content_type("worker.mjs"), "text/javascript; charset=utf-8");
    EXPECT_EQ(guess_content_type("chat.wasm"), "application/wasm");
    EXPECT_EQ(guess_content_type("site.webmanifest"), "application/manifest+json");
}

TEST(MediaType, TheLastEndingOfTheLastSegmentDecides) {
    EXPECT_EQ(guess_content_type("page.html.png"), "image/png");
    EXPECT_EQ(guess_content_type("page.html/file"), unknown);
    EXPECT_EQ(guess_content_type("page.html/"), unknown);
    EXPECT_EQ(guess_content_type("a.htmlx"), unknown);
    EXPECT_EQ(guess_content_type("a.htm l"), unknown);
}

}  // namespace
}  // namespace proapi::http
