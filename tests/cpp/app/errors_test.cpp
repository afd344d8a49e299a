// The exceptions of the framework: what they say, and what they carry.
#include <gtest/gtest.h>

#include <proapi/proapi.hpp>
#include <source_location>
#include <string>
#include <type_traits>

#include "client.hpp"

namespace proapi {
namespace {

TEST(Errors, ADisconnectSaysCodeAndReason) {
    const WebSocketDisconnect plain(1006, "");
    EXPECT_STREQ(plain.what(), "the connection has ended with code 1006");
    EXPECT_EQ(plain.code(), 1006);
    EXPECT_EQ(plain.reason(), "");
    const WebSocketDisconnect gone(1001, "going away");
    EXPECT_STREQ(gone.what(), "the connection has ended with code 1001 (going away)");
}

// A peer chooses it: it must not forge a line of the log.
TEST(Errors, ADisconnectsTextEscapesTheReasonAndTheReasonIsAsItCame) {
    const std::string reason = "bye\n\x1b[2J";
    const WebSocketDisconnect forged(4000, reason);
    EXPECT_STREQ(forged.what(), "the connection has ended with code 4000 (bye\\x0a\\x1b[2J)");
    EXPECT_EQ(forged.reason(), reason);
}

TEST(Errors, AMessageErrorKeepsTheMessageAndKnowsItsCloseCode) {
    using Fault = WebSocketMessageError::Fault;
    const WebSocketMessageError kind(Fault::kind, "expected a text", Bytes{std::byte{1}});
    EXPECT_EQ(kind.close_code(), 1003);
    EXPECT_EQ(std::get<Bytes>(kind.data()), Bytes{std::byte{1}});
    const WebSocketMessageError content(Fault::content, "expected JSON", std::string(100, '{'));
    EXPECT_EQ(content.close_code(), 1007);
    EXPECT_EQ(std::get<std::string>(content.data()), std::string(100, '{'));
    EXPECT_STREQ(content.what(), "expected JSON");
}

TEST(Errors, ARouteErrorBeginsWithItsPlace) {
    const auto here = std::source_location::current();
    EXPECT_EQ(std::string(RouteError("expected a slash", here).what()),
              std::string(here.file_name()) + ":" + std::to_string(here.line()) + ": expected a slash");
}

// Handlers that log every std::exception and go on must let it pass.
TEST(Errors, CancelledIsNoStdException) {
    static_assert(!std::is_base_of_v<std::exception, Cancelled>);
    static_assert(std::is_base_of_v<WebSocketError, WebSocketDisconnect>);
    static_assert(std::is_base_of_v<WebSocketError, WebSocketStateError>);
    static_assert(std::is_base_of_v<WebSocketError, WebSocketMessageError>);
    static_assert(std::is_base_of_v<std::invalid_argument, RouteError>);
    EXPECT_STREQ(Cancelled().what(), "the task was cancelled");
    EXPECT_STREQ(TimeoutError().what(), "the operation did not end in time");
}

TEST(Errors, AnHttpExceptionWithoutADetailSaysTheReasonPhrase) {
    EXPECT_EQ(HTTPException(404).detail(), "Not Found");
    EXPECT_EQ(HTTPException(503).detail(), "Service Unavailable");
    EXPECT_EQ(HTTPException(404, "").detail(), "");
    EXPECT_TRUE(HTTPException(404).headers().empty());
}

TEST(Errors, AnHttpExceptionRefusesWhatWouldBreakItsResponse) {
    for (const int status : {200, 404, 599}) EXPECT_EQ(HTTPException(status, "x").status_code(), status);
    for (const int status : {-1, 0, 101, 199, 600, 1000})
        EXPECT_THROW(HTTPException(status, "x"), std::invalid_argument) << status;
    EXPECT_THROW(HTTPException(99), std::invalid_argument);
    EXPECT_THROW(HTTPException(404, "x", {{"X-A", "a\r\nX-B: b"}}), std::invalid_argument);
    EXPECT_THROW(HTTPException(404, "x", {{"X A", "a"}}), std::invalid_argument);
    const std::string text = test::error_of([] { throw HTTPException(600, "x"); });
    EXPECT_TRUE(text.starts_with("HTTPException: expected ")) << text;
}

// It is copied where it is thrown, which must not throw.
TEST(Errors, CopiesOfAnHttpExceptionShareItsHeaders) {
    static_assert(std::is_nothrow_copy_constructible_v<HTTPException>);
    auto first = std::make_unique<HTTPException>(401, "who?", Headers{{"WWW-Authenticate", "Basic"}});
    const HTTPException copy = *first;
    EXPECT_EQ(&copy.headers(), &first->headers());
    first.reset();
    EXPECT_EQ(copy.headers()["www-authenticate"], "Basic");
    EXPECT_EQ(copy.detail(), "who?");
}

}  // namespace
}  // namespace proapi
