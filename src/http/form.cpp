// Which kind of form a body is, and the boundary that a multipart one announces.
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

// RFC 2046 section 5.1.1, with all of visible ASCII: tokens have more than its bchars. A space at the end would be
// taken for the white space that may follow a delimiter.
bool is_boundary(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 70 && text.back() != ' ' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

Form refuse(int status, std::string error) {
    Form form;
    form.status = status;
    form.error = std::move(error);
    return form;
}

Form parse_multipart_form(const ParametersOf& type, std::string_view body) {
    if (!type.error.empty()) return refuse(400, "Content-Type: " + std::string(type.error));
    const auto is_named = [](const Parameter& one) { return equals_ignoring_case(one.name, "boundary"); };
    const auto count = std::count_if(type.parameters.begin(), type.parameters.end(), is_named);
    if (count != 1) return refuse(400, "Content-Type: expected one boundary, got " + std::to_string(count));
    const Parameter& given = *std::find_if(type.parameters.begin(), type.parameters.end(), is_named);
    const std::string boundary = given.is_quoted ? without_escapes(given.value) : std::string(given.value);
    if (!is_boundary(boundary))
        return refuse(400, "Content-Type: expected a boundary of 1 to 70 characters of ASCII, the last no space, got " +
                               quoted(boundary));
    return parse_multipart(boundary, body);
}

}  // namespace

Form parse_form(std::string_view content_type, std::string_view body) {
    const ParametersOf type = parse_parameters(content_type);
    if (equals_ignoring_case(type.value, multipart_type)) return parse_multipart_form(type, body);
    if (equals_ignoring_case(type.value, urlencoded_type)) {
        if (const std::size_t count = count_pairs(body); count > max_form_parts)
            return refuse(400, "expected a form of at most " + std::to_string(max_form_parts) + " fields, got " +
                                   std::to_string(count));
        Form form;
        form.fields = parse_query(body);
        return form;
    }
    return refuse(415, "expected " + std::string(urlencoded_type) + " or " + std::string(multipart_type) + ", got " +
                           (content_type.empty() ? "no Content-Type" : quoted(content_type)));
}

}  // namespace proapi::http
