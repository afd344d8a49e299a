// Determines the kind of form, and the boundary of a multipart form.
#include "http/form.hpp"

#include <algorithm>

#include "http/headers.hpp"
#include "http/multipart.hpp"
#include "http/parameters.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

constexpr std::string_view urlencoded_type = "application/x-www-form-urlencoded";
constexpr std::string_view multipart_type = "multipart/form-data";

// RFC 2046 section 5.1.1, extended to all visible ASCII, since tokens allow more than its bchars. A space at the end
// would be taken for the white space that may follow a delimiter.
bool is_boundary(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 70 && text.back() != ' ' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

Result<std::string> read_boundary(const ParameterizedValue& type) {
    if (type.error != ErrorCode::none) return make_error(type.error);
    const auto is_named = [](const Parameter& one) { return equals_ignoring_case(one.name, "boundary"); };
    const auto count = std::count_if(type.parameters.begin(), type.parameters.end(), is_named);
    if (count != 1) return make_error(ErrorCode::not_one_boundary, {std::to_string(count)});
    const Parameter& given = *std::find_if(type.parameters.begin(), type.parameters.end(), is_named);
    std::string boundary = given.is_quoted ? without_escapes(given.value) : std::string(given.value);
    if (!is_boundary(boundary)) return make_error(ErrorCode::bad_boundary, {quoted(boundary)});
    return boundary;
}

}  // namespace

Result<std::optional<std::string>> find_boundary(std::string_view content_type) {
    const ParameterizedValue type = parse_parameters(content_type);
    if (!equals_ignoring_case(type.value, multipart_type)) return std::optional<std::string>();
    auto boundary = read_boundary(type);
    if (!boundary) return with_context("Content-Type", std::move(boundary).error());
    return std::optional(*std::move(boundary));
}

Result<Form> parse_form(std::string_view content_type, std::string_view body, std::size_t max_urlencoded_bytes) {
    const auto boundary = find_boundary(content_type);
    if (!boundary) return boundary.error();
    if (*boundary) return parse_multipart(**boundary, body);
    const ParameterizedValue type = parse_parameters(content_type);
    if (equals_ignoring_case(type.value, urlencoded_type)) {
        if (body.size() > max_urlencoded_bytes)
            return make_error(ErrorCode::too_much_text, {std::to_string(max_urlencoded_bytes)});
        if (const std::size_t count = count_pairs(body); count > max_form_parts)
            return make_error(ErrorCode::too_many_form_fields, {std::to_string(max_form_parts), std::to_string(count)});
        return Form{parse_query(body), {}};
    }
    return make_error(ErrorCode::unknown_form_type, {content_type.empty() ? "no Content-Type" : quoted(content_type)});
}

}  // namespace proapi::http
