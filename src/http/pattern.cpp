// Route patterns: "/chat/{room}/{page:int}" taken apart, or what is wrong with it, in one sentence for its author.
#include <algorithm>

#include "http/router.hpp"
#include "http/text.hpp"
#include "http/url.hpp"

namespace proapi::http {
namespace {

std::optional<Converter> converter_named(std::string_view name) noexcept {
    if (name == "str") return Converter::text;
    if (name == "int") return Converter::integer;
    if (name == "float") return Converter::floating;
    if (name == "uuid") return Converter::uuid;
    if (name == "path") return Converter::path;
    return std::nullopt;
}

// What both Python and C++ can take as a parameter's name.
bool is_identifier(std::string_view text) noexcept {
    return !text.empty() && !is_digit(text.front()) &&
           std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

// "{name}" or "{name:converter}".
std::string parse_parameter(std::string_view text, PathParameter& parameter) {
    const std::string_view inside = text.substr(1, text.size() - 2);
    const std::size_t colon = inside.find(':');
    const std::string_view name = inside.substr(0, colon);
    if (!is_identifier(name))
        return "expected a letter, then letters, digits or _ as parameter name, got " + quoted(name);
    parameter.name = name;
    if (colon == std::string_view::npos) return {};
    const std::string_view converter = inside.substr(colon + 1);
    const auto known = converter_named(converter);
    if (!known) return "expected int, float, uuid, path or str as converter, got " + quoted(converter);
    parameter.converter = *known;
    return {};
}

std::string parse_literal(std::string_view text, std::string& literal) {
    if (text.find_first_of("{}") != std::string_view::npos) {
        return "expected a segment to be text or one {parameter}, got " + quoted(text);
    }
    if (text.find_first_of("?#") != std::string_view::npos) {
        return "expected a path without query or fragment, got " + quoted(text);
    }
    auto decoded = percent_decode(text);
    if (!decoded || replace_invalid_utf8(*decoded) != *decoded || decoded->find('\0') != std::string::npos) {
        return "expected valid percent-encoded UTF-8 without NUL, got " + quoted(text);
    }
    literal = std::move(*decoded);
    return {};
}

std::string parse_segment(std::string_view text, Pattern::Segment& segment) {
    const bool is_parameter = text.size() >= 2 && text.front() == '{' && text.find('}') == text.size() - 1 &&
                              text.find('{', 1) == std::string_view::npos;
    return is_parameter ? parse_parameter(text, segment.parameter.emplace()) : parse_literal(text, segment.literal);
}

// What only the whole shows: `path` takes the rest, names are arguments.
std::string check_parameters(const Pattern& pattern) {
    const auto parameters = pattern.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (parameters[i].name == parameters[j].name) {
                return "expected each parameter name once, got " + quoted(parameters[i].name) + " twice";
            }
        }
    }
    for (std::size_t i = 0; i + 1 < pattern.segments.size(); ++i) {
        const auto& parameter = pattern.segments[i].parameter;
        if (parameter && parameter->converter == Converter::path) {
            return "expected {" + parameter->name + ":path} as last segment, since it takes the rest of the path";
        }
    }
    return {};
}

}  // namespace

std::vector<PathParameter> Pattern::parameters() const {
    std::vector<PathParameter> found;
    for (const Segment& segment : segments) {
        if (segment.parameter) found.push_back(*segment.parameter);
    }
    return found;
}

Pattern parse_pattern(std::string_view text) {
    Pattern pattern;
    if (!text.starts_with('/')) {
        pattern.error = "expected a path that begins with \"/\", got " + quoted(text);
        return pattern;
    }
    for (std::string_view rest = text; !rest.empty() && pattern.error.empty();) {
        rest.remove_prefix(1);
        const std::string_view segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(segment.size());
        // Only the last segment may be empty: "/" and "/a/" are paths of their own.
        if (segment.empty() && !rest.empty()) {
            pattern.error = "expected no empty segment before the last, got " + quoted(text);
        } else {
            pattern.error = parse_segment(segment, pattern.segments.emplace_back());
        }
    }
    if (pattern.error.empty()) pattern.error = check_parameters(pattern);
    return pattern;
}

}  // namespace proapi::http
