// Fields: an ordered multimap of names and values; headers ignore case, parameters do not.
#include <gtest/gtest.h>

#include <proapi/proapi.hpp>
#include <string>
#include <type_traits>
#include <vector>

namespace proapi {
namespace {

// promise: missing-field
TEST(Fields, HeadersIgnoreCaseParamsDoNot) {
    Headers headers{{"X-A", "1"}, {"x-a", "2"}};
    EXPECT_EQ(headers["x-A"], "2");
    EXPECT_EQ(headers.getlist("X-a").size(), 2U);
    EXPECT_THROW(static_cast<void>(headers["y"]), HTTPException);
    EXPECT_EQ(headers.get("y", "z"), "z");
    Params params;
    params.add("a", "1");
    EXPECT_TRUE(params.contains("a"));
    EXPECT_FALSE(params.contains("A"));
}

TEST(Fields, KeepTheirOrderAndTheLastValueOfANameIsGiven) {
    Params params({{"b", "1"}, {"a", "2"}, {"b", "3"}});
    params.add("c", "");
    std::string all;
    for (const auto& [name, value] : params) all += name + "=" + value + ";";
    EXPECT_EQ(all, "b=1;a=2;b=3;c=;");
    EXPECT_EQ(params.size(), 4U);
    EXPECT_EQ(params["b"], "3");
    EXPECT_EQ(params.get("b"), "3");
    EXPECT_EQ(params.getlist("b"), (std::vector<std::string_view>{"1", "3"}));
    EXPECT_EQ(params.get("c"), "");  // it is there, and empty
    EXPECT_EQ(params.get("c", "fallback"), "");
    EXPECT_EQ(params.get("d"), std::nullopt);
    EXPECT_TRUE(params.getlist("d").empty());
    EXPECT_TRUE(Params().empty());
}

TEST(Fields, SetAndRemove) {
    Headers headers{{"X-A", "1"}, {"Y", "2"}, {"x-a", "3"}};
    headers.set("X-a", "4");
    headers.set("Z", "5");
    std::string all;
    for (const auto& [name, value] : headers) all += name + "=" + value + ";";
    EXPECT_EQ(all, "X-A=4;Y=2;Z=5;");
    headers.remove("y");
    headers.remove("missing");
    EXPECT_EQ(headers.size(), 2U);
    Params params({{"a", "1"}, {"A", "2"}});
    params.set("A", "3");
    params.remove("a");
    EXPECT_EQ(params.size(), 1U);
    EXPECT_EQ(params["A"], "3");
}

// RFC 9110 section 5.1: names are tokens, which are ASCII.
TEST(Fields, HeadersIgnoreTheCaseOfAsciiLettersAlone) {
    const Headers headers{{"X-\xC3\x84", "1"}, {"X_A", "2"}};
    EXPECT_TRUE(headers.contains("x-\xC3\x84"));
    EXPECT_FALSE(headers.contains("x-\xC3\xA4"));
    EXPECT_TRUE(headers.contains("x_a"));
    EXPECT_FALSE(headers.contains("x-a"));
    EXPECT_FALSE(
        headers.contains("X\x7F"
                         "A"));  // as far from '_' as 'a' is from 'A'
    EXPECT_FALSE(headers.contains("X_"));
    EXPECT_FALSE(headers.contains(""));
}

// promise: missing-field
TEST(Fields, AMissingOneIsA400ThatNamesWhatIsThere) {
    const auto refusal = [](const Fields& fields, std::string_view name) -> std::string {
        try {
            static_cast<void>(fields[name]);
        } catch (const HTTPException& error) {
            return std::to_string(error.status_code()) + " " + error.detail();
        }
        return "none";
    };
    EXPECT_EQ(refusal(Params({{"a", "1"}, {"b", "2"}}), "A"), "400 expected a field named 'A', got a, b");
    EXPECT_EQ(refusal(Params(), "a"), "400 expected a field named 'a', got no fields");
    EXPECT_EQ(refusal(Params(std::vector<Params::Field>{{"b\r\nc", ""}}), "a"),
              "400 expected a field named 'a', got b\\x0d\\x0ac");
    Params large;
    large.add(std::string(900'000, 'k'), "");
    EXPECT_EQ(refusal(large, "a"), "400 expected a field named 'a', got " + std::string(200, 'k') + "...");
    EXPECT_EQ(refusal(Headers{{"X-A", "1"}}, "X-B"), "400 expected a field named 'X-B', got X-A");
    EXPECT_THROW(static_cast<void>(Params()["a"]), HTTPException);
}

// What they refer to would be gone.
TEST(Fields, OfATemporaryValuesAreCopies) {
    const auto make = [] { return Params({{"name", std::string(100, 'n')}, {"name", std::string(200, 'm')}}); };
    static_assert(std::is_same_v<decltype(make().get("name")), std::optional<std::string>>);
    const auto one = make().get("name");
    const auto& other = make()["name"];
    const auto all = make().getlist("name");
    const std::string fallback = make().get("none", std::string(300, 'f'));
    EXPECT_EQ(one, std::string(200, 'm'));
    EXPECT_EQ(other, std::string(200, 'm'));
    EXPECT_EQ(all, (std::vector<std::string>{std::string(100, 'n'), std::string(200, 'm')}));
    EXPECT_EQ(fallback, std::string(300, 'f'));
    EXPECT_EQ(make().get("none"), std::nullopt);
}

}  // namespace
}  // namespace proapi
