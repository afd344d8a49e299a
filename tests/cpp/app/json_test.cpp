// JSON as a value: what is written and what is read.
#include <gtest/gtest.h>

#include <cmath>
#include <proapi/proapi.hpp>

namespace proapi {
namespace {

TEST(Json, IsCompactUtf8) {
    const Json value = {{"a", {1, 2.5, nullptr, true, "\u20ac"}}};
    EXPECT_EQ(write_json(value), "{\"a\":[1,2.5,null,true,\"\u20ac\"]}");
    EXPECT_EQ(parse_json(write_json(value)), value);
}

TEST(Json, RefusesWhatBrowsersCantParse) {
    for (const double number : {std::nan(""), HUGE_VAL, -HUGE_VAL})
        EXPECT_THROW(static_cast<void>(write_json(Json{{"x", {number}}})), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(write_json("\xff")), std::invalid_argument);
    const Json discarded = Json::parse("{", nullptr, false);
    EXPECT_THROW(static_cast<void>(write_json(discarded)), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(write_json(Json{{"x", {discarded}}})), std::invalid_argument);
    for (const char* text : {"", "{", "NaN", "[1,]", "1 2", "\"\xff\"", "1e999"})
        EXPECT_THROW(static_cast<void>(parse_json(text)), std::invalid_argument) << text;
}

// Clients get the text, and whoever logs it escapes it.
TEST(Json, TheTextOfAnErrorIsUtf8AndNotEscaped) {
    try {
        static_cast<void>(parse_json("[\"caf\xc3\xa9\xff\"]"));
        FAIL();
    } catch (const std::invalid_argument& error) {
        const std::string text = error.what();
        EXPECT_TRUE(text.starts_with("invalid JSON: ")) << text;
        EXPECT_NE(text.find("caf\xc3\xa9\xef\xbf\xbd"), std::string::npos) << text;
        EXPECT_EQ(text.find('\\'), std::string::npos) << text;
    }
}

// promise: json-whole-numbers
TEST(Json, WholeNumbersAreExactOrRefused) {
    for (const char* number : {"0", "-0", "-1", "9007199254740993", "9223372036854775807", "9223372036854775808",
                               "18446744073709551615", "-9223372036854775808"}) {
        const Json value = parse_json("{\"id\":[" + std::string(number) + "]}");
        EXPECT_TRUE(value["id"][0].is_number_integer()) << number;
        EXPECT_EQ(value["id"][0].dump(), std::string(number) == "-0" ? "0" : number);
    }
    for (const std::string number : {"18446744073709551616", "-9223372036854775809", "12345678901234567890123",
                                     "-100000000000000000000000000000000000000007"}) {
        for (const std::string& text : {number, "[1," + number + "]", "{\"a\":" + number + "}", " " + number + "\n"}) {
            try {
                static_cast<void>(parse_json(text));
                ADD_FAILURE() << text;
            } catch (const std::invalid_argument& error) {
                EXPECT_NE(std::string(error.what()).find("got " + number), std::string::npos) << error.what();
            }
        }
    }
    EXPECT_EQ(parse_json("1" + std::string(40, '0') + ".0"), 1e40);
    EXPECT_EQ(parse_json("12345678901234567890123e0"), 12345678901234567890123e0);
    EXPECT_EQ(parse_json("\"12345678901234567890123\""), "12345678901234567890123");
    EXPECT_THROW(static_cast<void>(parse_json(std::string(100'000, '9'))), std::invalid_argument);
    for (const char* wrong : {"-", "1-2", "--1", "+1", "01", "1e", "1.", "[1 2]"})
        EXPECT_THROW(static_cast<void>(parse_json(wrong)), std::invalid_argument) << wrong;
}

// promise: json-byte-order-mark
TEST(Json, AByteOrderMarkIsSkipped) {
    EXPECT_EQ(parse_json("\xEF\xBB\xBF{\"a\":1}"), parse_json("{\"a\":1}"));
    for (const char* wrong : {"\xEF\xBB\xBF",
                              "\xEF\xBB\xBF\xEF\xBB\xBF"
                              "1",
                              "1\xEF\xBB\xBF",
                              "\xEF\xBB"
                              "1"})
        EXPECT_THROW(static_cast<void>(parse_json(wrong)), std::invalid_argument) << wrong;
}

TEST(Json, DepthIsBounded) {
    const std::string open(max_json_depth, '['), shut(max_json_depth, ']');
    const Json deepest = parse_json(open + shut);
    EXPECT_EQ(write_json(deepest), open + shut);
    EXPECT_THROW(static_cast<void>(parse_json("[" + open + shut + "]")), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(write_json(Json::array({deepest}))), std::invalid_argument);
    EXPECT_EQ(parse_json("\"" + std::string(1000, '[') + "\\\"[\"").get<std::string>().size(), 1002U);
}

}  // namespace
}  // namespace proapi
