// Route patterns: the vectors, and the texts of refusals for the author of a route.
#include <gtest/gtest.h>

#include "http/router.hpp"
#include "tests/cpp/error_text.hpp"
#include "vectors.hpp"

namespace proapi::http {
namespace {

TEST(Pattern, Vectors) {
    for (const vectors::Json& vector : vectors::load("patterns.json")) {
        SCOPED_TRACE(vector.at("name").get<std::string>());
        const std::string text = vectors::octets(vector.at("pattern"));
        const auto parsed = parse_pattern(text);
        Router router;
        EXPECT_EQ(error_text(router.add("GET", text, 0)), error_text(parsed));
        ASSERT_EQ(parsed.has_value(), !vector.value("error", false)) << error_text(parsed);
        if (!parsed) continue;
        const Pattern& pattern = *parsed;
        const vectors::Json& expected = vector.at("segments");
        ASSERT_EQ(pattern.segments.size(), expected.size());
        std::vector<PathParameter> parameters;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const auto& segment = pattern.segments[i];
            ASSERT_EQ(segment.parameter.has_value(), expected[i].is_array());
            if (!segment.parameter) {
                EXPECT_EQ(segment.literal, vectors::octets(expected[i]));
                continue;
            }
            EXPECT_EQ(segment.parameter->name, vectors::octets(expected[i][0]));
            EXPECT_EQ(vectors::name_of(segment.parameter->converter), expected[i][1].get<std::string>());
            parameters.push_back(*segment.parameter);
        }
        EXPECT_EQ(pattern.parameters(), parameters);
    }
}

TEST(Pattern, RefusalsSayWhatWasExpectedAndWhatCame) {
    const std::vector<std::pair<std::string, std::string>> refusals{
        {"chat", R"(expected a path that begins with "/", got "chat")"},
        {"/a//b", R"(expected no empty segment before the last, got "/a//b")"},
        {"/room-{id}", R"(expected a segment to be text or one {parameter}, got "room-{id}")"},
        {"/a?b", R"(expected a path without query or fragment, got "a?b")"},
        {"/%zz", R"(expected valid percent-encoded UTF-8 without NUL, got "%zz")"},
        {"/{1a}", R"(expected a letter, then letters, digits or _ as parameter name, got "1a")"},
        {"/{}", R"(expected a letter, then letters, digits or _ as parameter name, got "")"},
        {"/{a:number}", R"(expected int, float, uuid, path or str as converter, got "number")"},
        {"/{a}/{a}", R"(expected each parameter name once, got "a" twice)"},
        {"/{rest:path}/b", "expected {rest:path} as last segment, since it takes the rest of the path"},
    };
    for (const auto& [pattern, words] : refusals) EXPECT_EQ(error_text(parse_pattern(pattern)), words);
}

TEST(Pattern, TheFirstMistakeIsTheOneThatIsNamed) {
    EXPECT_EQ(error_text(parse_pattern("/{a:number}/{1a}")), error_text(parse_pattern("/{a:number}")));
}

TEST(Pattern, ALongPatternIsShownInPart) {
    const std::string long_name(10'000, '-');
    EXPECT_LT(error_text(parse_pattern("/{" + long_name + "}")).size(), 400U);
}

}  // namespace
}  // namespace proapi::http
