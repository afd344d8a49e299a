// A typed value holds the numbers of its JSON unchanged, or the error names the number that it can't hold.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <proapi/proapi.hpp>
#include <set>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace proapi {
namespace {

struct Item {
    int id = 0;
    std::uint8_t level = 7;
    friend bool operator<(const Item& a, const Item& b) { return std::tie(a.id, a.level) < std::tie(b.id, b.level); }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Item, id, level)

struct Node {
    std::int16_t id = 0;
    std::vector<Node> children;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Node, id, children)

struct Basket {
    std::set<std::uint8_t> tags;
    std::vector<Item> items;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Basket, tags, items)

// The number that T does not hold as it is; empty: it holds all.
template <class T>
std::string altered(std::string_view text) {
    const Json json = parse_json(text);
    const Json* const number = detail::convert_json<T>(json).altered_number;
    return number ? number->dump() : "";
}

using Pair = std::pair<std::int64_t, std::int8_t>;

// promise: cpp-typed-json
TEST(JsonNumbers, ElementsWithDefaults) {
    using Items = std::vector<Item>;
    EXPECT_EQ(altered<Items>(R"([{"id":1},{"id":2,"level":255},{},{"more":4294967297}])"), "");
    EXPECT_EQ(altered<Items>(R"([{"id":4294967297}])"), "4294967297");
    EXPECT_EQ(altered<Items>(R"([{"id":1},{"level":256}])"), "256");
    EXPECT_EQ(altered<Items>(R"([{"level":2},{"id":3.5}])"), "3.5");
    EXPECT_EQ(altered<Items>(R"([{"id":1},{"id":true}])"), "true");
    EXPECT_EQ(altered<Basket>(R"({"items":[{"id":-2147483649}]})"), "-2147483649");
    EXPECT_EQ(altered<Basket>(R"({"items":[{"id":3}],"tags":[3,1,3]})"), "");
    EXPECT_EQ(altered<Basket>(R"({"items":[{"id":3}],"tags":[3,1,259]})"), "259");
}

// promise: cpp-typed-json
TEST(JsonNumbers, SetsReorderAndMerge) {
    using Octets = std::set<std::uint8_t>;
    EXPECT_EQ(altered<Octets>("[]"), "");
    EXPECT_EQ(altered<Octets>("[3,2,1]"), "");
    EXPECT_EQ(altered<Octets>("[1,1,0,1]"), "");
    EXPECT_EQ(altered<Octets>("[1,257]"), "257");
    EXPECT_EQ(altered<Octets>("[257,2,1]"), "257");
    EXPECT_EQ(altered<Octets>("[2,-1]"), "-1");
    EXPECT_EQ(altered<std::unordered_set<int>>("[5,4,5,3]"), "");
    EXPECT_EQ(altered<std::unordered_set<int>>("[5,4,4294967301]"), "4294967301");
    EXPECT_EQ(altered<std::multiset<std::uint8_t>>("[2,1,2]"), "");
    EXPECT_EQ(altered<std::multiset<std::uint8_t>>("[2,1,258]"), "258");
    EXPECT_EQ(altered<std::set<Item>>(R"([{"id":2},{"id":1,"level":5},{"id":2}])"), "");
    EXPECT_EQ(altered<std::set<Item>>(R"([{"id":2},{"id":1,"level":5},{"id":4294967298}])"), "4294967298");
    EXPECT_EQ(altered<std::vector<Octets>>("[[2,1],[5,5]]"), "");
    EXPECT_EQ(altered<std::vector<Octets>>("[[2,1],[5,261]]"), "261");
    EXPECT_EQ(altered<std::set<Octets>>("[[9,2],[1],[2,9]]"), "");
    EXPECT_EQ(altered<std::set<float>>("[2.5,0.1,2.5]"), "");
    EXPECT_EQ(altered<std::set<float>>("[2.5,0.1,1e39]"), "1e+39");
}

TEST(JsonNumbers, MapsWithNumbersForKeys) {
    using Names = std::map<int, std::string>;
    EXPECT_EQ(altered<Names>(R"([[2,"b"],[1,"a"],[2,"b"]])"), "");
    EXPECT_EQ(altered<Names>(R"([[1,"a"],[4294967297,"b"]])"), "4294967297");
    using Levels = std::map<std::int64_t, std::int8_t>;
    EXPECT_EQ(altered<Levels>("[[300,1],[1,3]]"), "");
    EXPECT_EQ(altered<Levels>("[[300,1],[1,300]]"), "300");
    EXPECT_EQ(altered<Levels>("[[1,300],[300,7],[1,300]]"), "300");
    EXPECT_EQ(altered<Levels>("[[1,300],[300,7],[1,7]]"), "300");
    EXPECT_EQ(altered<Levels>("[[2,4],[1,5],[2,4]]"), "");
    EXPECT_EQ(altered<std::vector<Levels>>("[[[300,1],[1,3]],[]]"), "");
    EXPECT_EQ(altered<std::vector<Levels>>("[[[300,1],[1,300]]]"), "300");
    EXPECT_EQ((altered<std::map<int, std::set<int>>>("[[2,[5,1]],[1,[7,3]]]")), "");
    EXPECT_EQ((altered<std::map<int, std::vector<Item>>>(R"([[2,[{"id":5},{}]],[1,[{"level":3}]]])")), "");
    EXPECT_EQ((altered<std::map<std::string, std::uint8_t>>(R"({"b":1,"a":256})")), "256");
}

struct Thing {
    std::set<int> tags;
    std::map<std::string, Json> properties;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Thing, tags, properties)

TEST(JsonNumbers, PlacesWithNumbersOfSeveralKinds) {
    EXPECT_EQ(altered<std::vector<Thing>>(R"([{"tags":[2,1],"properties":{"v":true}},
                                             {"tags":[3],"properties":{"v":0.5}}])"),
              "");
    EXPECT_EQ((altered<std::map<int, Json>>("[[3,true],[1,0.5],[2,7]]")), "");
    EXPECT_EQ((altered<std::map<int, Json>>("[[3,true],[1,7],[2,false]]")), "");
}

TEST(JsonNumbers, FixedNumbersOfElements) {
    EXPECT_EQ((altered<std::array<int, 2>>("[2,1]")), "");
    EXPECT_EQ((altered<std::array<int, 2>>("[1,2,3]")), "3");
    EXPECT_EQ((altered<std::array<int, 2>>("[1,2,1]")), "1");
    EXPECT_EQ((altered<std::tuple<int, int>>("[7,8,7]")), "7");
    EXPECT_EQ((altered<std::array<double, 2>>("[1.5,2.5,3.5]")), "3.5");
    EXPECT_EQ((altered<std::vector<std::array<double, 2>>>("[[1.5,2.5],[1.5,2.5,100]]")), "100");
    EXPECT_EQ(altered<Pair>("[300,44]"), "");
    EXPECT_EQ(altered<Pair>("[300,300]"), "300");
    EXPECT_EQ(altered<Pair>("[300,1,2]"), "2");
    EXPECT_EQ(altered<std::vector<Pair>>("[[300,1],[1,300]]"), "300");
}

// Writes what is not its default alone.
struct Sparse {
    int x = 0, y = 0;
    friend bool operator<(const Sparse& a, const Sparse& b) { return std::tie(a.x, a.y) < std::tie(b.x, b.y); }
};
void to_json(Json& json, const Sparse& sparse) {
    json = {{"x", sparse.x}};
    if (sparse.y != 0) json["y"] = sparse.y;
}
void from_json(const Json& json, Sparse& sparse) {
    sparse.x = json.at("x");
    sparse.y = json.value("y", 0);
}

TEST(JsonNumbers, DefaultsThatAreNotWritten) {
    EXPECT_EQ(altered<std::set<Sparse>>(R"([{"x":5,"y":0},{"x":3,"y":2}])"), "");
    EXPECT_NE(altered<std::vector<Sparse>>(R"([{"x":5,"y":0},{"x":3,"y":4294967297}])"), "");
    EXPECT_EQ(altered<std::vector<Sparse>>(R"([{"x":5},{"x":3,"y":4294967297}])"), "4294967297");
}

struct Tree : std::vector<Tree> {};
static_assert(!detail::holds_views<nlohmann::ordered_json> && !detail::holds_views<Tree>);
static_assert(!detail::holds_views<std::map<std::string, std::vector<int>>>);
static_assert(detail::holds_views<std::map<std::string_view, int>>);
static_assert(detail::holds_views<std::tuple<int, std::vector<std::pair<int, const char*>>>>);

TEST(JsonNumbers, PlainOnes) {
    EXPECT_EQ(altered<std::vector<double>>("[1,0.1,1e300]"), "");
    EXPECT_EQ(altered<std::vector<float>>("[1,0.1,1e300]"), "1e+300");
    EXPECT_EQ(altered<std::vector<std::int64_t>>("[9223372036854775807]"), "");
    EXPECT_EQ(altered<std::vector<std::int64_t>>("[0,9223372036854775808]"), "9223372036854775808");
    EXPECT_EQ(altered<std::vector<std::uint64_t>>("[18446744073709551615,-1]"), "-1");
    EXPECT_EQ(altered<Node>(R"({"id":1,"children":[{"id":2,"children":[{"id":3},{}]},{"id":4}]})"), "");
    EXPECT_EQ(altered<Node>(R"({"id":1,"children":[{"id":2,"children":[{"id":3},{"id":65537}]},{"id":1}]})"), "65537");
}

// A peer chooses what it sends: the work grows as the text does.
TEST(JsonNumbers, DeepAndLargeOnes) {
    std::string deep = R"({"id":70000})";
    for (int i = 0; i < 90; ++i) deep = R"({"id":1,"children":[)" + deep + "]}";
    EXPECT_EQ(altered<Node>(deep), "70000");
    std::string large = "[";
    for (int i = 50'000; i > 0; --i) large += std::to_string(i) + ",";
    EXPECT_EQ(altered<std::set<std::int32_t>>(large + "1]"), "");
    EXPECT_EQ(altered<std::set<std::int32_t>>(large + "4294967297]"), "4294967297");
}

}  // namespace
}  // namespace proapi
