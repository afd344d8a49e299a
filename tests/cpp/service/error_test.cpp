// The table of an application's possible errors: kinds and texts.
#include "service/error.hpp"

#include <gtest/gtest.h>

#include <set>

#include "http/headers.hpp"

namespace proapi::service {
namespace {

constexpr auto last = static_cast<int>(ErrorCode::no_openat2);

TEST(Error, EveryTextIsOneLineOfVisibleAscii) {
    for (int code = 0; code <= last; ++code) {
        const std::string_view text = describe(static_cast<ErrorCode>(code)).text;
        EXPECT_TRUE(!text.empty() && http::is_field_value(text)) << code << ": " << text;
    }
}

TEST(Error, OnlyAnEndIsADisconnect) {
    std::set<ErrorCode> ends;
    for (int code = 0; code <= last; ++code)
        if (describe(static_cast<ErrorCode>(code)).kind == ErrorKind::disconnect)
            ends.insert(static_cast<ErrorCode>(code));
    EXPECT_EQ(ends, (std::set{ErrorCode::disconnected, ErrorCode::client_has_gone}));
}

TEST(Error, IsMadeOfItsCodeAndWhatCame) {
    const Error error = make_error(ErrorCode::already_accepted, {"accept()"});
    EXPECT_EQ(error.code, ErrorCode::already_accepted);
    EXPECT_EQ(error.kind(), ErrorKind::state);
    EXPECT_EQ(error.text, "accept(): the connection is already accepted");
}

}  // namespace
}  // namespace proapi::service
