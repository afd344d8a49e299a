// Tables of errors: rows in the order of their codes, and texts with places to fill in.
#include "base/error_table.hpp"

#include <gtest/gtest.h>

namespace proapi::base {
namespace {

enum class Fruit { apple, pear, plum };
using FruitRow = ErrorRow<Fruit, std::string_view>;

static_assert(has_a_row_for_each(std::to_array<FruitRow>({{Fruit::apple, ""}, {Fruit::pear, ""}}), Fruit::pear));
static_assert(!has_a_row_for_each(std::to_array<FruitRow>({{Fruit::pear, ""}, {Fruit::apple, ""}}), Fruit::pear),
              "in another order");
static_assert(!has_a_row_for_each(std::to_array<FruitRow>({{Fruit::apple, ""}, {Fruit::pear, ""}}), Fruit::plum),
              "the last one is missing");
static_assert(!has_a_row_for_each(std::to_array<FruitRow>({{Fruit::apple, ""}, {Fruit::plum, ""}}), Fruit::plum),
              "one between is missing");

TEST(FillIn, PutsEachValueIntoTheNextPlace) {
    EXPECT_EQ(fill_in("nothing", {}), "nothing");
    EXPECT_EQ(fill_in("{} and {}", {"one", "two"}), "one and two");
    EXPECT_EQ(fill_in("{{}:path}", {"rest"}), "{rest:path}");
    EXPECT_EQ(fill_in("{}{}", {"{}", "x"}), "{}x") << "placeholders in a value stay";
}

TEST(FillIn, PlacesAndValuesWithoutACounterpartAreLeft) {
    EXPECT_EQ(fill_in("{} and {}", {"one"}), "one and {}");
    EXPECT_EQ(fill_in("only {}", {"one", "two"}), "only one");
    EXPECT_EQ(fill_in("", {"one"}), "");
}

}  // namespace
}  // namespace proapi::base
