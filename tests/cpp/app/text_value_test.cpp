// From text to values: every type, its limits, and the errors.
#include <gtest/gtest.h>

#include "proapi/text_value.hpp"

namespace proapi::detail {
namespace {

template <class T>
std::string read_as(std::string_view text, T* value = nullptr) {
    T read{};
    const auto fault = read_text(text, read);
    if (value) *value = read;
    return fault ? fault->type : "ok";
}

template <class T>
T value_of(std::string_view text) {
    T value{};
    EXPECT_EQ(read_as<T>(text, &value), "ok") << text;
    return value;
}

TEST(TextValue, Integers) {
    EXPECT_EQ(value_of<int>("42"), 42);
    EXPECT_EQ(value_of<int>("-42"), -42);
    EXPECT_EQ(value_of<int>("+42"), 42);
    EXPECT_EQ(value_of<int>("007"), 7);
    EXPECT_EQ(value_of<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(value_of<std::uint64_t>("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(value_of<std::uint64_t>("-0"), 0U);
    for (const char* text : {"", "+", "-", "+-1", "--1", "1 ", " 1", "1.0", "1e3", "0x10", "x", "1x", "\xC3\xA4",
                             "99999999999999999999x", "1\0"}) {
        EXPECT_EQ(read_as<int>(text), *text == '1' && text[1] == 0 ? "ok" : "int_parsing") << text;
        EXPECT_EQ(read_as<std::uint64_t>(text), *text == '1' && text[1] == 0 ? "ok" : "int_parsing") << text;
    }
}

TEST(TextValue, IntegersThatTheirTypeCantHold) {
    EXPECT_EQ(value_of<std::int8_t>("-128"), -128);
    EXPECT_EQ(read_as<std::int8_t>("128"), "less_than_equal");
    EXPECT_EQ(read_as<std::int8_t>("-129"), "greater_than_equal");
    EXPECT_EQ(value_of<std::uint16_t>("65535"), 65535);
    EXPECT_EQ(read_as<std::uint16_t>("-1"), "greater_than_equal");
    EXPECT_EQ(read_as<std::int64_t>("9223372036854775808"), "less_than_equal");
    EXPECT_EQ(read_as<std::int64_t>("-9223372036854775809"), "greater_than_equal");
    EXPECT_EQ(read_as<std::uint64_t>("18446744073709551616"), "less_than_equal");
    EXPECT_EQ(read_as<std::uint64_t>("-1"), "greater_than_equal");
    int value = 0;
    const auto fault = read_text("3000000000", value);
    EXPECT_EQ(fault->text, "Input should be less than or equal to 2147483647");
    EXPECT_EQ(fault->context, Json::object({{"le", 2147483647}}));
    std::uint64_t large = 0;
    EXPECT_EQ(read_text("-5", large)->context, Json::object({{"ge", 0}}));
}

TEST(TextValue, FloatingPoint) {
    EXPECT_EQ(value_of<double>("0.5"), 0.5);
    EXPECT_EQ(value_of<double>("-1e3"), -1000);
    EXPECT_EQ(value_of<double>("+7"), 7);
    EXPECT_EQ(value_of<float>("0.25"), 0.25F);
    for (const char* text : {"", "x", "1,5", "1.5 ", "0x1p3"})
        EXPECT_EQ(read_as<double>(text), "float_parsing") << text;
    for (const char* text : {"inf", "-inf", "nan", "1e999"}) EXPECT_EQ(read_as<double>(text), "finite_number") << text;
    EXPECT_EQ(read_as<float>("1e300"), "finite_number");
}

TEST(TextValue, Booleans) {
    for (const char* text : {"true", "1", "on", "yes", "t", "y", "TRUE", "On"})
        EXPECT_TRUE(value_of<bool>(text)) << text;
    for (const char* text : {"false", "0", "off", "no", "f", "n", "False"}) EXPECT_FALSE(value_of<bool>(text)) << text;
    for (const char* text : {"", "2", "truee", " true", "ja"}) EXPECT_EQ(read_as<bool>(text), "bool_parsing") << text;
}

TEST(TextValue, TextAndUuids) {
    EXPECT_EQ(value_of<std::string>(""), "");
    EXPECT_EQ(value_of<std::string>("a b"), "a b");
    EXPECT_EQ(value_of<Uuid>("123E4567-e89b-12d3-a456-426614174000").to_string(),
              "123e4567-e89b-12d3-a456-426614174000");
    EXPECT_EQ(read_as<Uuid>("123"), "uuid_parsing");
}

TEST(TextValue, DatesAndTimes) {
    using namespace std::chrono;
    EXPECT_EQ(value_of<year_month_day>("2024-02-29"), year(2024) / 2 / 29);
    for (const char* text :
         {"", "2023-02-29", "2024-13-01", "2024-1-01", "2024-01-01T00:00:00Z", "24-01-01", "2024/01/01"})
        EXPECT_EQ(read_as<year_month_day>(text), "date_parsing") << text;
    const sys_seconds noon = sys_days(year(2026) / 1 / 31) + hours(12);
    for (const char* text : {"2026-01-31T12:00:00Z", "2026-01-31t12:00:00z", "2026-01-31 12:00:00Z",
                             "2026-01-31T14:00:00+02:00", "2026-01-31T06:30:00-05:30", "2026-01-31T12:00:00.999999Z"})
        EXPECT_EQ(value_of<sys_seconds>(text), noon) << text;
    for (const char* text :
         {"", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
          "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00+2", "2026-01-31T12:00:00Zx", "2026-02-30T12:00:00Z"})
        EXPECT_EQ(read_as<sys_seconds>(text), "datetime_parsing") << text;
}

}  // namespace
}  // namespace proapi::detail
