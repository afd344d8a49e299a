// What a request said, in the public API's terms.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/request_view.hpp"

namespace proapi {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

service::RequestInfo asked_for(std::string target, const http::Headers& headers = {}) {
    service::RequestInfo request;
    request.head.method = "GET";
    request.head.target = std::move(target);
    request.head.headers.add("Host", "chat.example:8000");
    for (const auto& [name, value] : headers) request.head.headers.add(name, value);
    request.client = {"::1", 5};
    return request;
}

detail::RequestView view_of(const service::RequestInfo& request) {
    return {request, service::UrlKind::http};
}

Pairs pairs_of(const Fields& fields) {
    return {fields.begin(), fields.end()};
}

TEST(RequestView, ThePathIsDecodedOnceAndTheUrlIsAsItCame) {
    const auto request = asked_for("/a%20b/%252F/%E2%82%AC?c=d%20e");
    EXPECT_EQ(view_of(request).path, "/a b/%2F/\xE2\x82\xAC");
    EXPECT_EQ(view_of(request).url, "http://chat.example:8000/a%20b/%252F/%E2%82%AC?c=d%20e");
    EXPECT_EQ(detail::RequestView(request, service::UrlKind::websocket).url.substr(0, 5), "ws://");
}

// No route has it, but who observes may ask.
TEST(RequestView, APathThatCantBeDecodedIsAsItCame) {
    EXPECT_EQ(view_of(asked_for("/a%2/%zz")).path, "/a%2/%zz");
    EXPECT_EQ(view_of(asked_for("*")).path, "*");
}

TEST(RequestView, QueryParametersAreDecodedAndKeepTheirOrder) {
    const auto view = view_of(asked_for("/?b=1+2&a=%26&b=&c"));
    EXPECT_EQ(pairs_of(view.query_params), (Pairs{{"b", "1 2"}, {"a", "&"}, {"b", ""}, {"c", ""}}));
    EXPECT_TRUE(view_of(asked_for("/")).query_params.empty());
    EXPECT_FALSE(view.query_params.contains("B"));
}

TEST(RequestView, HeadersKeepTheirOrderAndIgnoreCase) {
    const auto view = view_of(asked_for("/", {{"X-A", "1"}, {"x-a", "2"}}));
    EXPECT_EQ(pairs_of(view.headers), (Pairs{{"Host", "chat.example:8000"}, {"X-A", "1"}, {"x-a", "2"}}));
    EXPECT_EQ(view.headers["X-a"], "2");
}

// RFC 6265 section 5.4 sends one field; HTTP/2 proxies may send several.
TEST(RequestView, CookiesOfAllTheirFields) {
    const auto view = view_of(asked_for("/", {{"Cookie", "a=1; b=2"}, {"X-A", "c=9"}, {"cookie", "a=3"}}));
    EXPECT_EQ(pairs_of(view.cookies), (Pairs{{"a", "1"}, {"b", "2"}, {"a", "3"}}));
    EXPECT_FALSE(view.cookies.contains("A"));
}

TEST(RequestView, SubprotocolsAsOffered) {
    const auto view =
        view_of(asked_for("/", {{"Sec-WebSocket-Protocol", "chat, superchat"}, {"Sec-WebSocket-Protocol", "v2.chat"}}));
    EXPECT_EQ(view.subprotocols, (std::vector<std::string>{"chat", "superchat", "v2.chat"}));
    EXPECT_TRUE(view_of(asked_for("/")).subprotocols.empty());
}

TEST(RequestView, PathParametersAreInTheOrderOfThePattern) {
    auto request = asked_for("/z/1");
    request.match.parameters = {{"room", "z"}, {"n", "1", http::Converter::integer}};
    EXPECT_EQ(detail::path_values(request.match), (Pairs{{"room", "z"}, {"n", "1"}}));
    EXPECT_EQ(pairs_of(view_of(request).path_params), (Pairs{{"room", "z"}, {"n", "1"}}));
    EXPECT_TRUE(detail::path_values({}).empty());
}

TEST(RequestView, NothingOfItRefersToTheRequest) {
    auto request = std::make_unique<service::RequestInfo>(
        asked_for("/" + std::string(100, 'p') + "?q=" + std::string(100, 'q'),
                  {{"Cookie", "c=" + std::string(100, 'c')}, {"Sec-WebSocket-Protocol", std::string(100, 's')}}));
    const auto view = view_of(*request);
    request.reset();
    EXPECT_EQ(view.path, "/" + std::string(100, 'p'));
    EXPECT_EQ(view.query_params["q"], std::string(100, 'q'));
    EXPECT_EQ(view.cookies["c"], std::string(100, 'c'));
    EXPECT_EQ(view.subprotocols.at(0), std::string(100, 's'));
    EXPECT_EQ(view.client, (Client{"::1", 5}));
}

}  // namespace
}  // namespace proapi
