// The fields that are added to every response.
#include "service/response_headers.hpp"

#include <gtest/gtest.h>
#include "tests/cpp/error_text.hpp"

namespace proapi::service {
namespace {

TEST(ResponseHeaders, AreAddedWhereTheResponseHasNone) {
    const ResponseHeaders middleware({{"Server", "ours"}, {"X-Frame-Options", "DENY"}});
    http::Headers headers{{"x-frame-options", "SAMEORIGIN"}};
    middleware.on_response({}, 200, headers);
    EXPECT_EQ(headers.get("Server"), "ours");
    EXPECT_EQ(headers.getlist("X-Frame-Options"), std::vector<std::string_view>{"SAMEORIGIN"});
}

TEST(ResponseHeaders, WhatWouldBreakAResponseIsRefused) {
    EXPECT_EQ(error_text(ResponseHeaders::check({{"Server", "ours"}})), "");
    EXPECT_NE(error_text(ResponseHeaders::check({{"X-One", "a\r\nX-Two: b"}})), "");
    EXPECT_NE(error_text(ResponseHeaders::check({{"Content-Length", "5"}})), "");
}

TEST(ResponseHeaders, TheBrowsersOnesCanBeSent) {
    EXPECT_EQ(error_text(ResponseHeaders::check(security_headers())), "");
    EXPECT_EQ(security_headers().get("X-Content-Type-Options"), "nosniff");
}

}  // namespace
}  // namespace proapi::service
