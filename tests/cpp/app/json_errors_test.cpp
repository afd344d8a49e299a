// What clients are told of JSON that can't become a type.
#include <gtest/gtest.h>

#include <map>
#include <proapi/proapi.hpp>

#include "proapi/json_errors.hpp"

namespace proapi {
namespace {

struct NamedPoint {
    int x = 0;
    std::string name;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NamedPoint, x, name)

struct OddNumber {
    int number = 0;
    friend void from_json(const Json& json, OddNumber& odd) {
        json.get_to(odd.number);
        if (odd.number % 2 == 0) throw std::invalid_argument("expected an odd number");
    }
};

// Returns what is wrong; null if nothing is.
template <class T>
Json error_in(const char* text) {
    T value{};
    return detail::read_json(Json::parse(text), value).value_or(Json());
}

TEST(JsonErrors, NameThePlaceIfItIsKnown) {
    EXPECT_EQ(error_in<NamedPoint>(R"({"x": 1})"), Json::parse(R"({"type": "missing", "loc": ["name"],
        "msg": "Field required", "input": {"x": 1}})"));
    EXPECT_EQ(error_in<NamedPoint>(R"({"x": "1", "name": ""})"), Json::parse(R"({"type": "float_type", "loc": ["x"],
        "msg": "Input should be a valid number", "input": "1"})"));
    EXPECT_EQ(error_in<std::vector<NamedPoint>>(R"([{"x": 1.5, "name": ""}])"), Json::parse(R"({"type": "value_error",
        "loc": [0, "x"], "msg": "Input should be a number that its type can hold, got 1.5", "input": 1.5})"));
    EXPECT_EQ((error_in<std::map<std::string, int>>(R"({"a": "b"})")), Json::parse(R"({"type": "float_type", "loc": [],
        "msg": "Input should be a valid number", "input": {"a": "b"}})"));
}

TEST(JsonErrors, HaveAWordForEachType) {
    EXPECT_EQ(error_in<std::string>("7")["type"], "string_type");
    EXPECT_EQ(error_in<bool>("7")["type"], "bool_type");
    EXPECT_EQ(error_in<std::vector<int>>("7")["type"], "list_type");
    EXPECT_EQ((error_in<std::map<std::string, int>>("7")["type"]), "dict_type");
    EXPECT_EQ(error_in<double>("[]")["type"], "float_type");
}

TEST(JsonErrors, OfValues) {
    EXPECT_EQ(error_in<NamedPoint>(R"({"x": 1.5, "name": ""})")["msg"],
              "Input should be a number that its type can hold, got 1.5");
    EXPECT_EQ(error_in<OddNumber>("4")["msg"], "Value error, expected an odd number");
    EXPECT_EQ(error_in<OddNumber>("4")["input"], 4);
}

TEST(JsonErrors, NoneIfTheValueIsRead) {
    NamedPoint point;
    EXPECT_FALSE(detail::read_json(Json::parse(R"({"x": 3, "name": "a", "other": 1})"), point));
    EXPECT_EQ(point.x, 3);
    EXPECT_EQ(point.name, "a");
    Json json;
    EXPECT_FALSE(detail::read_json(Json::parse("[1]"), json));
    EXPECT_EQ(json, Json::array({1}));
}

}  // namespace
}  // namespace proapi
