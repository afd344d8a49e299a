// Bodies of multipart/form-data: where parts begin and end, their limits, and the texts of refusals. The vectors
// (form_test) test the meaning of names, types and encodings.
#include "http/multipart.hpp"

#include <gtest/gtest.h>
#include "tests/cpp/error_text.hpp"

namespace proapi::http {
namespace {

const std::string named_a = "Content-Disposition: form-data; name=a\r\n\r\n";

std::string error_of(std::string_view body) {
    const auto form = parse_multipart("X", body);
    EXPECT_TRUE(form || form.error().status() == 400);
    return error_text(form);
}

// Returns the fields of a body that must be well formed.
Pairs fields_of(std::string_view body) {
    const auto form = parse_multipart("X", body);
    EXPECT_EQ(error_text(form), "") << body;
    return form ? form->fields : Pairs{};
}

// RFC 2046 section 5.1.1: the CRLF before a delimiter belongs to the delimiter; another one before it is data.
TEST(Multipart, TheLineEndBeforeADelimiterIsNotData) {
    EXPECT_EQ(fields_of("--X\r\n" + named_a + "1\r\n--X--"), (Pairs{{"a", "1"}}));
    EXPECT_EQ(fields_of("--X\r\n" + named_a + "1\r\n\r\n--X--"), (Pairs{{"a", "1\r\n"}}));
    EXPECT_EQ(fields_of("--X\r\n" + named_a + "\r\n--X--"), (Pairs{{"a", ""}}));
}

TEST(Multipart, WhatStandsBeforeTheFirstAndAfterTheLastDelimiterIsIgnored) {
    EXPECT_EQ(fields_of("preamble\r\n--X\r\n" + named_a + "1\r\n--X--\r\nepilogue\r\n--X\r\n"), (Pairs{{"a", "1"}}));
    EXPECT_EQ(fields_of("--X--"), Pairs{});
}

// The same section: if a part has no data, the CRLF of the empty line after its head may be that of the delimiter.
TEST(Multipart, APartWithoutDataNeedsNoEmptyLineOfItsOwn) {
    EXPECT_EQ(fields_of("--X\r\nContent-Disposition: form-data; name=a\r\n\r\n--X--"), (Pairs{{"a", ""}}));
    EXPECT_EQ(error_of("--X\r\nContent-Disposition: form-data; name=a\r\n--X--"),
              "part 1: expected CRLF after a field, got the end of the part");
}

TEST(Multipart, SpacesAndTabsMayFollowADelimiter) {
    EXPECT_EQ(fields_of("--X \t\r\n" + named_a + "1\r\n--X-- \t\r\n"), (Pairs{{"a", "1"}}));
    EXPECT_EQ(fields_of("--X\r\n" + named_a + "1\r\n--X-- \t"), (Pairs{{"a", "1"}}));
}

// Whatever a file contains, it must not end its own part.
TEST(Multipart, DataThatOnlyResemblesADelimiterIsData) {
    for (const std::string data : {"--X", "\r\n--Xa", "\r\n-X", "\r\n--x", "\n--X\n", "\r\n--X\n", "\r--X\r",
                                   "\r\n--X--a", "\r\n--", "\r\n--X-\r\n"})
        EXPECT_EQ(fields_of("--X\r\n" + named_a + "1" + data + "\r\n--X--"), (Pairs{{"a", "1" + data}})) << data;
}

TEST(Multipart, ABoundaryMayBeTheBeginningOfAnother) {
    EXPECT_EQ(fields_of("--X\r\n" + named_a + "--XY\r\n--XY--\r\n--X--"), (Pairs{{"a", "--XY\r\n--XY--"}}));
}

TEST(Multipart, WithoutItsDelimitersABodyIsRefused) {
    constexpr std::string_view no_first = "expected a line of two hyphens and the boundary, got none";
    for (const char* body : {"", "a=1", "--Y\r\n", "-X\r\n", "--X", "--X\n", "a--X\r\n"})
        EXPECT_EQ(error_of(body), no_first) << body;
    constexpr std::string_view no_last = "expected a last line of two hyphens, the boundary and two hyphens, got none";
    for (const std::string& body :
         {"--X\r\n" + named_a + "1", "--X\r\n" + named_a + "1\r\n--X-", std::string("--X\r\n")})
        EXPECT_EQ(error_of(body), no_last) << body;
}

TEST(Multipart, ARefusalNamesThePart) {
    const std::string good = "--X\r\n" + named_a + "1\r\n";
    EXPECT_EQ(error_of("--X\r\n\r\n1\r\n--X--"), "part 1: expected a Content-Disposition, got none");
    EXPECT_EQ(error_of(good + good + "--X\r\nContent-Disposition: form-data\r\n\r\n1\r\n--X--"),
              "part 3: expected a name in Content-Disposition, got none");
    EXPECT_EQ(error_of(good + "--X\r\n" + named_a + "\xff\r\n--X--"),
              "part 2: expected a text in UTF-8, got other octets");
}

std::string error_of_head(const std::string& fields) {
    return error_of("--X\r\n" + fields + "\r\n\r\n1\r\n--X--");
}

TEST(Multipart, RefusalsOfAHeadSayWhatCame) {
    EXPECT_EQ(error_of_head("Content-Disposition: attachment; name=a"),
              "part 1: expected the Content-Disposition form-data, got \"attachment\"");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name=a; name=b"),
              "part 1: expected one name in Content-Disposition, got two");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name"),
              "part 1: Content-Disposition: expected name=value, got a parameter without an equals sign");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name=a; filename*=utf-16''b"),
              "part 1: expected a filename* that begins with UTF-8'' or ISO-8859-1'', got \"utf-16''b\"");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name=a; filename*=UTF-8''%zz"),
              "part 1: expected a filename* of percent-encoded UTF-8, got \"UTF-8''%zz\"");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64"),
              "part 1: expected the Content-Transfer-Encoding 7bit, 8bit or binary, got \"base64\"");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name=a\r\nContent-Type: a\r\ncontent-type: b"),
              "part 1: expected one content-type, got two");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name=a\r\n folded"),
              "part 1: expected a field name, got white space: folded lines are not accepted");
    EXPECT_EQ(error_of_head("Content-Disposition: form-data; name=a\nX: b"),
              "part 1: expected CRLF at the end of a line, got a bare LF");
    EXPECT_EQ(error_of("--X\r\nContent-Disposition\r\n--X--"),
              "part 1: expected CRLF after a field, got the end of the part");
}

TEST(Multipart, AHeadHasAtMost16Fields) {
    std::string others;
    for (std::size_t i = 1; i < max_part_fields; ++i) others += "X: y\r\n";
    EXPECT_EQ(error_of("--X\r\n" + others + named_a + "1\r\n--X--"), "");
    EXPECT_EQ(error_of("--X\r\nX: y\r\n" + others + named_a + "1\r\n--X--"),
              "part 1: expected at most 16 fields, got more");
}

TEST(Multipart, AHeadHasAtMost4096Octets) {
    const std::size_t filler = max_part_head_bytes - named_a.size() - std::string("X: \r\n").size();
    EXPECT_EQ(error_of("--X\r\nX: " + std::string(filler, 'y') + "\r\n" + named_a + "1\r\n--X--"), "");
    EXPECT_EQ(error_of("--X\r\nX: " + std::string(filler + 1, 'y') + "\r\n" + named_a + "1\r\n--X--"),
              "part 1: expected fields of at most 4096 octets, got more");
}

// The longest allowed boundary, of hyphens, with data that is also a hyphen.
TEST(Multipart, ABoundaryOf70CharactersIsFound) {
    const std::string boundary(70, '-');
    const auto form = parse_multipart(boundary, "--" + boundary + "\r\n" + named_a + "-\r\n--" + boundary + "--");
    ASSERT_EQ(error_text(form), "");
    EXPECT_EQ(form->fields, (Pairs{{"a", "-"}}));
}

}  // namespace
}  // namespace proapi::http
