// Line ends, field lines and their limits, and the texts of refusals.
#include "http/line.hpp"

#include <gtest/gtest.h>

#include <string>
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

// The limit applies to the line without its CRLF. A CR at the end is not counted yet, because it may be that of the
// line end.
TEST(Line, ExceedsItsLimitAtTheOctetThatPassesIt) {
    EXPECT_FALSE(exceeds("", 0));
    EXPECT_FALSE(exceeds("\r", 0));
    EXPECT_TRUE(exceeds("a", 0));
    EXPECT_FALSE(exceeds("abc", 3));
    EXPECT_FALSE(exceeds("abc\r", 3));
    EXPECT_TRUE(exceeds("abcd", 3));
    EXPECT_TRUE(exceeds("abcd\r", 3));
    EXPECT_TRUE(exceeds("abc\r\r", 3));
}

TEST(Line, AnEndIsCrlfAndNothingElse) {
    std::string_view line = "GET / HTTP/1.1\r";
    EXPECT_EQ(error_text(strip_line_end(line)), "");
    EXPECT_EQ(line, "GET / HTTP/1.1");
    line = "\r";
    EXPECT_EQ(error_text(strip_line_end(line)), "");
    EXPECT_EQ(line, "");

    for (std::string_view bare : {"", "a", "a\rb"})
        EXPECT_EQ(error_text(strip_line_end(bare)), "expected CRLF at the end of a line, got a bare LF") << bare;
    for (std::string_view bare : {"a\rb\r", "\r\r"})
        EXPECT_EQ(error_text(strip_line_end(bare)), "expected CRLF at the end of a line, got a bare CR") << bare;
}

void expect_field(std::string_view line, std::string_view name, std::string_view value) {
    const auto field = parse_field_line(line);
    ASSERT_EQ(error_text(field), "") << line;
    EXPECT_EQ(field->name, name) << line;
    EXPECT_EQ(field->value, value) << line;
}

TEST(Line, AFieldIsItsNameAndItsValueWithoutWhiteSpaceAroundIt) {
    expect_field("Host: example.com", "Host", "example.com");
    expect_field("Host:example.com", "Host", "example.com");
    expect_field("X: \t a  b \t", "X", "a  b");
    expect_field("X:", "X", "");
    expect_field("X:  ", "X", "");
    expect_field("X: a:b:", "X", "a:b:");
    expect_field("X: caf\xe9", "X", "caf\xe9");  // obs-text
}

void expect_refusal(std::string_view line, std::string_view words) {
    EXPECT_EQ(error_text(parse_field_line(line)), words) << line;
}

// RFC 9112 section 5.2.
TEST(Line, AFoldedLineIsRefused) {
    constexpr std::string_view words = "expected a field name, got white space: folded lines are not accepted";
    expect_refusal(" X: a", words);
    expect_refusal("\tfolded", words);
    expect_refusal(" ", words);
}

TEST(Line, AFieldWithoutAColonIsRefused) {
    constexpr std::string_view words = "expected \"name: value\", got a field line without a colon";
    expect_refusal("", words);
    expect_refusal("Host", words);
}

// RFC 9112 section 5.1: a proxy that accepts "Content-Length : 5" and a server that does not would see different
// messages.
TEST(Line, WhiteSpaceBeforeTheColonIsRefused) {
    constexpr std::string_view words =
        "expected a token before the colon of a field line, got other characters or none";
    expect_refusal("Content-Length : 5", words);
    expect_refusal("X\t: a", words);
    expect_refusal(": a", words);
    expect_refusal("X\xe9: a", words);
    expect_refusal("X(: a", words);
}

TEST(Line, AValueHasNoControlCharacterButTab) {
    for (int octet = 0; octet < 256; ++octet) {
        const std::string line = "X: a" + std::string(1, static_cast<char>(octet)) + "b";
        const bool is_control = (octet < 0x20 && octet != '\t') || octet == 0x7f;
        expect_refusal(line, is_control ? "expected no control character in a field value, got one" : "");
    }
}

}  // namespace
}  // namespace proapi::http
