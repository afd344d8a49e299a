// The table of a connection's possible errors: close codes, statuses and texts.
#include "ws/error.hpp"

#include <gtest/gtest.h>

#include "http/headers.hpp"
#include "ws/close_code.hpp"

namespace proapi::ws {
namespace {

constexpr auto first_request = static_cast<int>(ErrorCode::bad_method);
constexpr auto first_answer = static_cast<int>(ErrorCode::no_response_line_end);
constexpr auto last = static_cast<int>(ErrorCode::bad_chosen_subprotocol);

ErrorMeaning meaning(int code) {
    return describe(static_cast<ErrorCode>(code));
}

TEST(Error, AFrameThatBreaksARuleHasACloseCodeThatMayBeSent) {
    for (int code = 0; code < first_request; ++code)
        EXPECT_TRUE(is_sendable_close_code(meaning(code).code)) << meaning(code).text;
}

TEST(Error, ARefusedHandshakeHasAStatusAndAnAnswerThatIsGivenUpHasNone) {
    for (int code = first_request; code < first_answer; ++code) {
        const int status = meaning(code).code;
        EXPECT_TRUE(status == 400 || status == 405 || status == 426) << meaning(code).text;
    }
    for (int code = first_answer; code <= last; ++code) EXPECT_EQ(meaning(code).code, 0) << meaning(code).text;
}

TEST(Error, EveryTextIsOneLineOfVisibleAscii) {
    for (int code = 0; code <= last; ++code) EXPECT_TRUE(http::is_field_value(meaning(code).text)) << code;
}

// The reason of a Close has room for 123 octets (RFC 6455 section 5.5.1). The part that names the peer's input must not
// be cut off.
TEST(Error, WhatIsFilledInLiesWithinAReason) {
    for (int code = 0; code < first_request; ++code) {
        const std::string_view text = meaning(code).text;
        EXPECT_TRUE(text.rfind("{}") == std::string_view::npos || text.rfind("{}") < max_close_reason_bytes) << text;
    }
}

TEST(Error, IsMadeOfItsCodeAndWhatCame) {
    const Error error = make_error(ErrorCode::bad_accept, {"\"a\"", "none"});
    EXPECT_EQ(error.code, ErrorCode::bad_accept);
    EXPECT_EQ(error.text, "expected Sec-WebSocket-Accept \"a\", got none");
}

}  // namespace
}  // namespace proapi::ws
