// Path parameters and UUIDs: what text becomes which value, and what does not fit.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <unordered_set>

#include "client.hpp"

namespace proapi {
namespace {

// What T reads of it; nothing where it does not fit.
template <class T>
std::optional<T> value_of(const std::string& text) {
    T value{};
    if (!detail::PathParameter<T>::read(text, value)) return std::nullopt;
    return value;
}

// promise: cpp-path-parameters
TEST(PathValues, NumbersThatDoNotFitAreNotFound) {
    ProAPI app;
    app.websocket("/{n:int}", [](WebSocketConnection websocket, int n) -> Task<> {
        co_await websocket.accept();
        co_await websocket.send_text(std::to_string(n));
    });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::Client(server.port(), "/2147483647").read_text(), "2147483647");
    EXPECT_EQ(test::Client(server.port(), "/2147483648").status(), 404);
    EXPECT_EQ(test::Client(server.port(), "/99999999999999999999999").status(), 404);
}

TEST(Uuid, ThereAndBack) {
    const std::string text = "123e4567-e89b-12d3-a456-426614174000";
    EXPECT_EQ(Uuid::parse(text)->to_string(), text);
    EXPECT_EQ(Uuid::parse("123E4567-E89B-12D3-A456-426614174000"), Uuid::parse(text));
    for (const char* wrong :
         {"", "123e4567", "123e4567-e89b-12d3-a456-42661417400g", "123e4567+e89b-12d3-a456-426614174000"})
        EXPECT_FALSE(Uuid::parse(wrong)) << wrong;
}

TEST(Uuid, OtherTextIsNone) {
    const std::string text = "123e4567-e89b-12d3-a456-426614174000";
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string wrong = text;
        wrong[i] = text[i] == '-' ? '0' : '-';
        EXPECT_FALSE(Uuid::parse(wrong)) << wrong;
        wrong[i] = 'g';
        EXPECT_FALSE(Uuid::parse(wrong)) << wrong;
    }
    EXPECT_FALSE(Uuid::parse(text.substr(0, 35)));
    EXPECT_FALSE(Uuid::parse(text + "0"));
    EXPECT_FALSE(Uuid::parse("123e4567e89b12d3a456426614174000"));
    EXPECT_FALSE(Uuid::parse("{23e4567-e89b-12d3-a456-42661417400}"));
}

TEST(Uuid, AreValues) {
    const auto smaller = *Uuid::parse("00000000-0000-0000-0000-0000000000ff");
    const auto larger = *Uuid::parse("ff000000-0000-0000-0000-000000000000");
    EXPECT_LT(smaller, larger);
    EXPECT_EQ(smaller.octets[15], 0xFF);
    EXPECT_EQ(larger.octets[0], 0xFF);
    EXPECT_EQ(Uuid().to_string(), "00000000-0000-0000-0000-000000000000");
    const std::unordered_set<Uuid> hashed{smaller, larger, smaller};
    EXPECT_EQ(hashed.size(), 2U);
    EXPECT_EQ(std::set<Uuid>({larger, smaller}).begin()->to_string(), "00000000-0000-0000-0000-0000000000ff");
}

TEST(PathValues, IntegersWithinTheirRange) {
    using Limits = std::numeric_limits<std::int64_t>;
    EXPECT_EQ(value_of<std::int64_t>("9223372036854775807"), Limits::max());
    EXPECT_EQ(value_of<std::int64_t>("-9223372036854775808"), Limits::min());
    EXPECT_EQ(value_of<std::int64_t>("9223372036854775808"), std::nullopt);
    EXPECT_EQ(value_of<std::int64_t>("-9223372036854775809"), std::nullopt);
    EXPECT_EQ(value_of<int>("2147483647"), 2147483647);
    EXPECT_EQ(value_of<int>("2147483648"), std::nullopt);
    EXPECT_EQ(value_of<int>("-2147483649"), std::nullopt);
    EXPECT_EQ(value_of<int>("+5"), 5);
    EXPECT_EQ(value_of<int>("-0"), 0);
    EXPECT_EQ(value_of<int>("007"), 7);
    for (const char* wrong : {"", "+", "-", "1.0", "1 ", " 1", "0x1", "1e3", "++1"})
        EXPECT_EQ(value_of<int>(wrong), std::nullopt) << wrong;
    EXPECT_EQ(value_of<int>(std::string("1\0", 2)), std::nullopt);
}

TEST(PathValues, FloatsThatAreFinite) {
    EXPECT_EQ(value_of<double>("1.5"), 1.5);
    EXPECT_EQ(value_of<double>("+1.5"), 1.5);
    EXPECT_EQ(value_of<double>("-1e3"), -1000.0);
    EXPECT_EQ(value_of<double>("1e308"), 1e308);
    EXPECT_EQ(value_of<double>("5"), 5.0);
    for (const char* wrong : {"", "+", "1e309", "-1e309", "inf", "-inf", "nan", "1.5x", "0,5", " 1"})
        EXPECT_EQ(value_of<double>(wrong), std::nullopt) << wrong;
}

TEST(PathValues, TextAndUuids) {
    EXPECT_EQ(value_of<std::string>(""), "");
    EXPECT_EQ(value_of<std::string>("a/b \xff"), "a/b \xff");
    EXPECT_EQ(value_of<Uuid>("123E4567-E89B-12D3-A456-426614174000")->to_string(),
              "123e4567-e89b-12d3-a456-426614174000");
    EXPECT_EQ(value_of<Uuid>("123e4567"), std::nullopt);
}

// promise: cpp-path-parameters
TEST(PathValues, AFloatThatIsTooLargeIsNotFound) {
    ProAPI app;
    app.get("/{x:float}", [](double x) { return Json(x); });
    const RunningServer server = app.start({.port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/12")), "12.0");
    EXPECT_EQ(test::status_of(test::request(server.port(), "GET", "/" + std::string(400, '9') + ".0")), 404);
}

}  // namespace
}  // namespace proapi
