// Parameters of a field's value, quoted and plain, and the errors in malformed ones.
#include "http/parameters.hpp"

#include <gtest/gtest.h>
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

// Returns the value and each "name=value", separated by "|". A value that was quoted is shown in quotes.
std::string described(const ParameterizedValue& parsed) {
    std::string text(parsed.value);
    for (const Parameter& one : parsed.parameters) {
        text.append("|").append(one.name).append("=");
        text.append(one.is_quoted ? "\"" : "").append(one.value).append(one.is_quoted ? "\"" : "");
    }
    return text;
}

void expect_parameters(std::string_view text, std::string_view expected) {
    const ParameterizedValue parsed = parse_parameters(text);
    EXPECT_EQ(error_text(parsed.error), "") << text;
    EXPECT_EQ(described(parsed), expected) << text;
}

// RFC 9110 section 8.3.1: four ways to write one media type.
TEST(Parameters, TheRfcsExamples) {
    expect_parameters("text/html;charset=utf-8", "text/html|charset=utf-8");
    expect_parameters("Text/HTML;Charset=\"utf-8\"", "Text/HTML|Charset=\"utf-8\"");
    expect_parameters("text/html; charset=\"utf-8\"", "text/html|charset=\"utf-8\"");
    expect_parameters("text/html;charset=UTF-8", "text/html|charset=UTF-8");
}

TEST(Parameters, WhiteSpaceIsAllowedAroundSemicolonsOnly) {
    expect_parameters(" a \t;\t b=c ; d=\"e\" ; ", "a|b=c|d=\"e\"");
    EXPECT_NE(error_text(parse_parameters("a; b =c").error), "");
    EXPECT_NE(error_text(parse_parameters("a; b= c").error), "");
}

TEST(Parameters, AnEmptyParameterIsIgnored) {
    expect_parameters("", "");
    expect_parameters("a", "a");
    expect_parameters("a;", "a");
    expect_parameters("a;;b=c;; ;", "a|b=c");
    expect_parameters(";a=b", "|a=b");
}

TEST(Parameters, AQuotedValueMayHoldSemicolonsAndEscapedQuotes) {
    expect_parameters("a; b=\"c;d=e\"; f=g", "a|b=\"c;d=e\"|f=g");
    expect_parameters(R"(a; b="c\"d"; e=f)", R"(a|b="c\"d"|e=f)");
    expect_parameters(R"(a; b="c\\"; e=f)", R"(a|b="c\\"|e=f)");
    expect_parameters("a; b=\"\"", "a|b=\"\"");
}

TEST(Parameters, EachIsGivenAsOftenAsItComes) {
    expect_parameters("a; b=1; B=2; b=1", "a|b=1|B=2|b=1");
}

// The value before the parameters is still returned: a malformed boundary does not turn a form into text/plain.
void expect_error(std::string_view text, std::string_view words) {
    const ParameterizedValue parsed = parse_parameters(text);
    EXPECT_EQ(error_text(parsed.error), words) << text;
    EXPECT_EQ(parsed.value, "a") << text;
}

TEST(Parameters, WhatIsMalformedIsNamed) {
    expect_error("a; =b", "expected a token as the name of a parameter, got something else");
    expect_error("a; b c=d", "expected a token as the name of a parameter, got something else");
    expect_error("a; b", "expected name=value, got a parameter without an equals sign");
    expect_error("a; b;c=d", "expected name=value, got a parameter without an equals sign");
    expect_error("a; b=", "expected a token or a quoted string in a parameter, got neither");
    expect_error("a; b=;c=d", "expected a token or a quoted string in a parameter, got neither");
    expect_error("a; b=c d", "expected a token or a quoted string in a parameter, got neither");
    expect_error("a; b=\xc3\xa9", "expected a token or a quoted string in a parameter, got neither");
    expect_error("a; b=\"c", "expected a closing quote in a parameter, got none");
    expect_error("a; b=\"", "expected a closing quote in a parameter, got none");
    expect_error(R"(a; b="c\")", "expected a closing quote in a parameter, got none");
    expect_error(R"(a; b="c\)", "expected a closing quote in a parameter, got none");
    expect_error("a; b=\"c\"d", "expected a semicolon after a quoted string, got something else");
    expect_error("a; b=\"c\", d=e", "expected a semicolon after a quoted string, got something else");
}

TEST(Parameters, ThoseBeforeAMalformedOneAreGiven) {
    const ParameterizedValue parsed = parse_parameters("a; b=c; d");
    EXPECT_EQ(described(parsed), "a|b=c");
    EXPECT_NE(error_text(parsed.error), "");
}

// RFC 6455 section 9.1: token [ "=" (token | quoted-string) ].
TEST(Parameters, OfAnExtensionMayHaveNoValueAndAreNeverEmpty) {
    const auto extension = [](std::string_view text) { return parse_parameters(text, ParameterGrammar::rfc_6455); };
    const ParameterizedValue parsed = extension("deflate-stream; a ;b; c=1 ;d=\"2\"");
    EXPECT_EQ(error_text(parsed.error), "");
    EXPECT_EQ(described(parsed), "deflate-stream|a=|b=|c=1|d=\"2\"");
    std::string with_value;
    for (const Parameter& one : parsed.parameters) with_value += one.has_value ? 'y' : 'n';
    EXPECT_EQ(with_value, "nnyy");
    EXPECT_EQ(described(extension("a; b =c;d= e\t;f\t = \"g\"")), "a|b=c|d=e|f=\"g\"")
        << "the implied *LWS of RFC 2616";
    for (const std::string_view malformed :
         {"a;", "a;;b", "a; ;b", "a; b=", "a; b= ", "a; b c", "a; b c=d", "a; =c", "a; \"b\""})
        EXPECT_NE(error_text(extension(malformed).error), "") << malformed;
}

TEST(Parameters, EscapesOfAQuotedValueAreTakenOut) {
    EXPECT_EQ(without_escapes(R"(a\"b\\c)"), "a\"b\\c");
    EXPECT_EQ(without_escapes(""), "");
    EXPECT_EQ(without_escapes("a\\"), "a\\") << "nothing follows the last backslash";
}

}  // namespace
}  // namespace proapi::http
