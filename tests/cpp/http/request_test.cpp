// What a request's head says about the host and the resource. request_parser_test tests how heads are parsed.
#include "http/request.hpp"

#include <gtest/gtest.h>

namespace proapi::http {
namespace {

RequestHead head_with(std::string target, std::string host) {
    RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    if (!host.empty()) head.headers.add("Host", host);
    return head;
}

TEST(Request, PathAndQueryStayAsTheyCame) {
    const RequestHead head = head_with("/a%20b/%2e%2e?x=%41+1&y", "a");
    EXPECT_EQ(head.raw_path(), "/a%20b/%2e%2e");
    EXPECT_EQ(head.query(), "x=%41+1&y");
}

TEST(Request, TheHostIsThatOfTheHostField) {
    EXPECT_EQ(head_with("/", "chat.example:8000").host(), "chat.example:8000");
}

// RFC 9112 section 3.2.2.
TEST(Request, TheAuthorityOfAnAbsoluteFormWinsOverTheHostField) {
    const RequestHead head = head_with("http://chat.example/a?b", "other.example");
    EXPECT_EQ(head.host(), "chat.example");
    EXPECT_EQ(head.raw_path(), "/a");
    EXPECT_EQ(head.query(), "b");
}

TEST(Request, WithoutAHostFieldTheHostIsEmpty) {
    EXPECT_EQ(head_with("/", "").host(), "");
}

// The views refer to the head itself, so those of a copy must not refer to the original.
TEST(Request, ACopyHasItsOwnText) {
    RequestHead copy;
    {
        const RequestHead original = head_with("/" + std::string(100, 'a') + "?q", "chat.example");
        copy = original;
    }
    EXPECT_EQ(copy.raw_path(), "/" + std::string(100, 'a'));
    EXPECT_EQ(copy.query(), "q");
    EXPECT_EQ(copy.host(), "chat.example");
}

}  // namespace
}  // namespace proapi::http
