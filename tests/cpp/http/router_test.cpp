// Route tables: the vectors, with each table registered in many orders and equal results.
#include "http/router.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/cpp/error_text.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

using vectors::Json;
using vectors::octets;

std::string name_of(MatchKind kind) {
    switch (kind) {
        case MatchKind::not_found:
            return "not_found";
        case MatchKind::bad_path:
            return "bad_path";
        case MatchKind::wrong_method:
        case MatchKind::websocket_only:
            return "wrong_method";
        case MatchKind::matched:
            return "matched";
    }
    return "?";
}

std::string method_of(const Json& method) {
    return method.is_null() ? std::string(websocket_method) : octets(method);
}

void expect_match(const Router& router, const Json& request) {
    const Match match = router.match(method_of(request.at("method")), octets(request.at("path")));
    ASSERT_EQ(name_of(match.kind), request.value("refusal", "matched"));
    if (name_of(match.kind) == "wrong_method") {
        EXPECT_EQ(router.allowed_methods(octets(request.at("path"))),
                  request.at("allowed_methods").get<std::vector<std::string>>());
        EXPECT_EQ(match.kind == MatchKind::websocket_only, request.at("websocket_only").get<bool>());
    } else if (match.kind == MatchKind::matched) {
        EXPECT_EQ(match.route, request.at("route").get<std::size_t>());
        ASSERT_EQ(match.parameters.size(), request.at("parameters").size());
        for (std::size_t i = 0; i < match.parameters.size(); ++i) {
            const Json& expected = request.at("parameters").at(i);
            EXPECT_EQ(match.parameters[i].name, octets(expected.at(0)));
            EXPECT_EQ(match.parameters[i].value, octets(expected.at(1)));
            EXPECT_EQ(vectors::name_of(match.parameters[i].converter), expected.at(2).get<std::string>());
        }
    }
}

void expect_table(const Json& table, const std::vector<std::size_t>& order) {
    Router router;
    for (const std::size_t route : order) {
        const Json& entry = table.at("routes").at(route);
        ASSERT_EQ(error_text(router.add(method_of(entry.at(0)), octets(entry.at(1)), route)), "");
    }
    for (const Json& request : table.at("requests")) {
        SCOPED_TRACE(request.dump());
        expect_match(router, request);
    }
}

TEST(Router, TablesInEveryOrder) {
    for (const Json& table : vectors::load("routes.json")) {
        SCOPED_TRACE(table.at("name").get<std::string>());
        std::vector<std::size_t> order(table.at("routes").size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        ASSERT_LE(order.size(), 6U) << "too many orders to try all";
        do {
            expect_table(table, order);
        } while (!HasFailure() && std::next_permutation(order.begin(), order.end()));
    }
}

TEST(Router, NoRequestCanNameTheMethodOfWebSocketRoutes) {
    EXPECT_FALSE(is_token(websocket_method));
    Router router;
    EXPECT_NE(error_text(router.add("not a token", "/", 0)), "");
}

TEST(Router, RefusesDuplicatesOfTheSameShapeAndMethod) {
    Router router;
    EXPECT_EQ(error_text(router.add("GET", "/a/{x}", 0)), "");
    EXPECT_NE(error_text(router.add("GET", "/a/{y}", 1)), "");
    EXPECT_EQ(error_text(router.add("POST", "/a/{y}", 2)), "");
    EXPECT_EQ(error_text(router.add(websocket_method, "/a/{z}", 3)), "");
    EXPECT_NE(error_text(router.add(websocket_method, "/a/{x}", 4)), "");
    EXPECT_EQ(error_text(router.add("GET", "/a/{x:int}", 5)), "");
    EXPECT_EQ(error_text(router.add("GET", "/a/{x}/", 6)), "");
    EXPECT_EQ(error_text(router.add("GET", "/b%20c", 7)), "");
    EXPECT_NE(error_text(router.add("GET", "/b c", 8)), "");
    EXPECT_EQ(router.match("GET", "/a/q").route, 0U);
    EXPECT_NE(error_text(router.add("", "/m", 9)), "");
    EXPECT_NE(error_text(router.add("G T", "/m", 9)), "");
}

TEST(Router, MovesWhole) {
    Router router;
    ASSERT_EQ(error_text(router.add("GET", "/a", 4)), "");
    Router moved = std::move(router);
    EXPECT_EQ(moved.match("GET", "/a").route, 4U);
    router = std::move(moved);
    EXPECT_EQ(router.match("GET", "/a").kind, MatchKind::matched);
}

TEST(Router, LongPathsCostNoStack) {
    Router router;
    ASSERT_EQ(error_text(router.add("GET", "/{a}/{b}", 0)), "");
    ASSERT_EQ(error_text(router.add("GET", "/files/{p:path}", 1)), "");
    const std::string slashes(100'000, '/');
    EXPECT_EQ(router.match("GET", slashes).kind, MatchKind::not_found);
    const Match match = router.match("GET", "/files/" + slashes);
    EXPECT_EQ(match.route, 1U);
    EXPECT_EQ(match.parameters.at(0).value.size(), slashes.size());
}

}  // namespace
}  // namespace proapi::http
