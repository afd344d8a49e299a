// Parses route patterns such as "/chat/{room}/{page:int}", or says in one sentence what is wrong with them.
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

// Whether both Python and C++ accept `text` as the name of a parameter.
bool is_identifier(std::string_view text) noexcept {
    return !text.empty() && !is_digit(text.front()) &&
           std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

// "{name}" or "{name:converter}".
Result<PathParameter> parse_parameter(std::string_view text) {
    const std::string_view inside = text.substr(1, text.size() - 2);
    const std::size_t colon = inside.find(':');
    const std::string_view name = inside.substr(0, colon);
    if (!is_identifier(name)) return make_error(ErrorCode::bad_parameter_identifier, {quoted(name)});
    if (colon == std::string_view::npos) return PathParameter{std::string(name)};
    const std::string_view converter = inside.substr(colon + 1);
    const auto known = converter_named(converter);
    if (!known) return make_error(ErrorCode::unknown_converter, {quoted(converter)});
    return PathParameter{std::string(name), *known};
}

Result<std::string> parse_literal(std::string_view text) {
    if (text.find_first_of("{}") != std::string_view::npos) {
        return make_error(ErrorCode::mixed_segment, {quoted(text)});
    }
    if (text.find_first_of("?#") != std::string_view::npos) {
        return make_error(ErrorCode::query_in_pattern, {quoted(text)});
    }
    auto decoded = percent_decode(text);
    if (!decoded || replace_invalid_utf8(*decoded) != *decoded || decoded->find('\0') != std::string::npos) {
        return make_error(ErrorCode::bad_pattern_escape, {quoted(text)});
    }
    return std::move(*decoded);
}

Result<Pattern::Segment> parse_segment(std::string_view text) {
    const bool is_parameter = text.size() >= 2 && text.front() == '{' && text.find('}') == text.size() - 1 &&
                              text.find('{', 1) == std::string_view::npos;
    if (is_parameter) {
        auto parameter = parse_parameter(text);
        if (!parameter) return std::move(parameter).error();
        return Pattern::Segment{{}, *std::move(parameter)};
    }
    auto literal = parse_literal(text);
    if (!literal) return std::move(literal).error();
    return Pattern::Segment{*std::move(literal), std::nullopt};
}

// Checks what a single segment does not show: `path` comes last, and no name occurs twice.
Result<void> check_parameters(const Pattern& pattern) {
    const auto parameters = pattern.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (parameters[i].name == parameters[j].name) {
                return make_error(ErrorCode::parameter_twice, {quoted(parameters[i].name)});
            }
        }
    }
    for (std::size_t i = 0; i + 1 < pattern.segments.size(); ++i) {
        const auto& parameter = pattern.segments[i].parameter;
        if (parameter && parameter->converter == Converter::path) {
            return make_error(ErrorCode::path_not_last, {parameter->name});
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

Result<Pattern> parse_pattern(std::string_view text) {
    if (!text.starts_with('/')) return make_error(ErrorCode::no_leading_slash, {quoted(text)});
    Pattern pattern;
    for (std::string_view rest = text; !rest.empty();) {
        rest.remove_prefix(1);
        const std::string_view piece = rest.substr(0, rest.find('/'));
        rest.remove_prefix(piece.size());
        // Only the last segment may be empty: "/" and "/a/" are distinct paths.
        if (piece.empty() && !rest.empty()) return make_error(ErrorCode::empty_segment, {quoted(text)});
        auto segment = parse_segment(piece);
        if (!segment) return std::move(segment).error();
        pattern.segments.push_back(*std::move(segment));
    }
    if (auto checked = check_parameters(pattern); !checked) return std::move(checked).error();
    return pattern;
}

}  // namespace proapi::http
