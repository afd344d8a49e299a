// service/request_info: the URL of a request, reconstructed (RFC 9112 section 3.3).
#include "service/request_info.hpp"

#include <gtest/gtest.h>

namespace proapi::service {
namespace {

RequestInfo asked_for(std::string target, std::string_view host = "chat.example:8000") {
    RequestInfo request;
    request.head.method = "GET";
    request.head.target = std::move(target);
    request.head.headers.add("Host", host);
    return request;
}

TEST(RequestInfo, TheSchemeSaysWhatWasAskedForAndWhetherOverTls) {
    RequestInfo request = asked_for("/room");
    EXPECT_EQ(make_url(request, UrlKind::http), "http://chat.example:8000/room");
    EXPECT_EQ(make_url(request, UrlKind::websocket), "ws://chat.example:8000/room");
    request.secure = true;
    EXPECT_EQ(make_url(request, UrlKind::http), "https://chat.example:8000/room");
    EXPECT_EQ(make_url(request, UrlKind::websocket), "wss://chat.example:8000/room");
}

TEST(RequestInfo, PathAndQueryStayEncodedInAUrl) {
    EXPECT_EQ(make_url(asked_for("/a%2Fb/%E2%82%AC?c=d%26e&f"), UrlKind::http),
              "http://chat.example:8000/a%2Fb/%E2%82%AC?c=d%26e&f");
    EXPECT_EQ(make_url(asked_for("/?a?b"), UrlKind::http), "http://chat.example:8000/?a?b");
}

TEST(RequestInfo, AnEmptyQueryLeavesNoQuestionMark) {
    EXPECT_EQ(make_url(asked_for("/a?"), UrlKind::http), "http://chat.example:8000/a");
}

TEST(RequestInfo, AnIpv6HostKeepsItsBracketsInAUrl) {
    EXPECT_EQ(make_url(asked_for("/", "[::1]:8000"), UrlKind::websocket), "ws://[::1]:8000/");
}

// RFC 9112 section 3.2.2: the target's host takes precedence. Its scheme does not: only TLS decides that.
TEST(RequestInfo, AnAbsoluteTargetGivesItsHostAndNotItsScheme) {
    EXPECT_EQ(make_url(asked_for("https://other.example/a?b", "chat.example"), UrlKind::http),
              "http://other.example/a?b");
    EXPECT_EQ(make_url(asked_for("http://other.example"), UrlKind::http), "http://other.example/");
}

}  // namespace
}  // namespace proapi::service
