// The places of what is wrong in JSON.
#include "app/json_places.hpp"

#include <gtest/gtest.h>

#include <map>
#include <proapi/proapi.hpp>
#include <tuple>
#include <vector>

namespace proapi::detail {
namespace {

struct Corner {
    int x = 0, y = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Corner, x, y)

struct Figure {
    std::string name;
    Corner corner;
    std::vector<Corner> more;
    int y = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Figure, name, corner, more, y)

struct Lenient {
    int x = 0, y = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Lenient, x, y)

// The location, as text; "?" if it is not found.
template <class T>
std::string place_in(const Json& json) {
    const JsonConversion convert = [](const Json& part) { static_cast<void>(part.get<T>()); };
    try {
        convert(json);
    } catch (const Json::exception& error) {
        const auto place = find_place(json, error, convert);
        return place ? place->location.dump() : "?";
    }
    return "none";
}
template <class T>
std::string place_in(const char* text) {
    return place_in<T>(Json::parse(text));
}

TEST(JsonPlaces, OfWrongTypes) {
    EXPECT_EQ(place_in<int>(R"("a")"), "[]");
    EXPECT_EQ(place_in<Corner>("7"), "[]");
    EXPECT_EQ(place_in<std::string>("{}"), "[]");
    EXPECT_EQ(place_in<Corner>(R"({"x": "a", "y": 1})"), R"(["x"])");
    EXPECT_EQ(place_in<Corner>(R"({"x": 1, "y": null})"), R"(["y"])");
    EXPECT_EQ(place_in<Corner>(R"({"z": null, "y": [], "x": 1})"), R"(["y"])");
    const char* const text = R"({"name": "a", "corner": {"x": 1, "y": 2}, "more": [{"x": 1, "y": 2}], "y": 3})";
    const Json good = Json::parse(text);
    EXPECT_EQ(place_in<Figure>(good), "none");
    const auto place_with = [&](const char* pointer, const Json& value) {
        Json bad = good;
        bad[Json::json_pointer(pointer)] = value;
        return place_in<Figure>(bad);
    };
    EXPECT_EQ(place_with("/name", 7), R"(["name"])");
    EXPECT_EQ(place_with("/corner", "a"), R"(["corner"])");
    EXPECT_EQ(place_with("/corner/x", "a"), R"(["corner","x"])");
    EXPECT_EQ(place_with("/corner/y", Json::array()), R"(["corner","y"])");
    EXPECT_EQ(place_with("/more", "a"), R"(["more"])");
    EXPECT_EQ(place_with("/more/0/y", "a"), R"(["more",0,"y"])");
    EXPECT_EQ(place_with("/more/-", 7), R"(["more",1])");
    EXPECT_EQ(place_with("/y", "a"), R"(["y"])");
}

TEST(JsonPlaces, OfMissingMembers) {
    EXPECT_EQ(place_in<Corner>("{}"), R"(["x"])");
    EXPECT_EQ(place_in<Corner>(R"({"x": 1})"), R"(["y"])");
    EXPECT_EQ(place_in<Figure>(R"({"name": "a"})"), R"(["corner"])");
    EXPECT_EQ(place_in<Figure>(R"({"name": "a", "corner": {"x": 1}, "more": [], "y": 1})"), R"(["corner","y"])");
    EXPECT_EQ(place_in<Figure>(R"({"name": "a", "corner": {"x": 1}, "more": []})"), R"(["corner","y"])");
    EXPECT_EQ(place_in<Figure>(R"({"name": "a", "corner": {"x": 1, "y": 1}, "more": [{"x": 1, "y": 1}, {"y": 1}]})"),
              R"(["more",1,"x"])");
    EXPECT_EQ(place_in<Figure>(R"({"name": "a", "corner": {"x": 1, "y": 1}, "more": []})"), R"(["y"])");
}

TEST(JsonPlaces, OfElements) {
    using Numbers = std::vector<int>;
    EXPECT_EQ(place_in<Numbers>(R"(["a"])"), "[0]");
    EXPECT_EQ(place_in<Numbers>(R"([1, 2, 3, 4, "a", 5, "b"])"), "[4]");
    EXPECT_EQ(place_in<std::vector<Numbers>>(R"([[1], [2, null]])"), "[1,1]");
    EXPECT_EQ((place_in<std::tuple<int, std::string>>(R"([1, 2])")), "[1]");
    Json many = Json::array();
    for (int i = 0; i < 5000; ++i) many.push_back(i);
    many[4321] = "a";
    EXPECT_EQ(place_in<Numbers>(many), "[4321]");
}

TEST(JsonPlaces, ThatAreNotFound) {
    EXPECT_EQ(place_in<Lenient>(R"({"x": "a"})"), "?") << "it asks for no member";
    EXPECT_EQ((place_in<std::map<std::string, int>>(R"({"a": "b"})")), "?");
    Json large = Json::array();
    for (int i = 0; i < 20000; ++i) large.push_back("a");
    EXPECT_EQ(place_in<std::vector<int>>(large), "?");
}

// Refuses what has no "y", in its own way.
struct Strict {
    int x = 0;
    friend void from_json(const Json& json, Strict& strict) {
        if (!json.contains("y")) throw 5;
        json.at("x").get_to(strict.x);
    }
};

TEST(JsonPlaces, ATypeThatThrowsSomethingElseForParts) {
    EXPECT_EQ(place_in<Strict>(R"({"x": "a", "y": 1})"), "?");
}

TEST(JsonPlaces, OfAPart) {
    const Json whole = Json::parse(R"({"a": [1, {"b": 2}], "c": 2})");
    EXPECT_EQ(find_place(whole, whole).location, Json::array());
    EXPECT_EQ(find_place(whole, whole["a"][1]["b"]).location, (Json::array({"a", 1, "b"})));
    EXPECT_EQ(find_place(whole, whole["c"]).location, Json::array({"c"}));
}

TEST(JsonPlaces, NamesOfMissingMembers) {
    const auto missing_in = [](const char* text) {
        try {
            static_cast<void>(Json::parse(text).at("a 'quoted' name"));
        } catch (const Json::exception& error) {
            return find_missing_member(error);
        }
        return std::string("none");
    };
    EXPECT_EQ(missing_in("{}"), "a 'quoted' name");
    EXPECT_EQ(missing_in("[]"), "") << "another error";
}

}  // namespace
}  // namespace proapi::detail
