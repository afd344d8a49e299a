// Feeds one line to the parsers of field lines, lists, parameters and media types, and to the functions that quote and
// escape text.
// Oracle: a parsed value that is serialized and parsed again is the same. Any text can be quoted. Text quoted in a
// refusal is UTF-8 of limited length; text escaped for the log is printable ASCII.
#include "base/utf8.hpp"
#include "http/headers.hpp"
#include "http/line.hpp"
#include "http/parameters.hpp"
#include "http/response.hpp"
#include "http/text.hpp"
#include "service/log.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

void check_field_line(std::string_view text) {
    const auto parsed = http::parse_field_line(text);
    if (!parsed) return;
    const http::FieldLine& field = *parsed;
    check(http::is_token(field.name), "a field name is a token", field.name);
    check(http::trim(field.value) == field.value, "a field value has no white space around it", field.value);
    const std::string line = std::string(field.name) + ": " + std::string(field.value);
    const auto again = http::parse_field_line(line);
    check_equal(error_text(again), "", "a field that is written again is read again");
    check_equal(again->name, field.name, "a field that is written again has the same name");
    check_equal(again->value, field.value, "a field that is written again has the same value");

    http::Headers headers{{"Before", "1"}, {field.name, field.value}, {"After", "2"}};
    check(headers.contains(field.name) && headers.count(field.name) >= 1, "a field that was added is there");
    headers.remove(field.name);
    check(!headers.contains(field.name), "a field that was removed is not there");
}

void check_list(std::string_view text) {
    const auto members = http::split_list(text);
    const http::Headers headers{{"List", text}};
    std::string joined;
    for (const std::string_view member : members) {
        check(!member.empty() && http::trim(member) == member, "a member is not empty and trimmed", member);
        check(headers.has_token("list", member), "a member of a list is found in it", member);
        joined.append(joined.empty() ? "" : ", ").append(member);
    }
    check(http::split_list(joined) == members, "a list that is written again is the same list", joined);
}

void check_parameters(std::string_view text) {
    const http::ParameterizedValue given = http::parse_parameters(text);
    std::string line(given.value);
    for (const auto& [name, value, is_quoted, has_value] : given.parameters) {
        check(has_value, "each parameter has a value", name);
        check(http::is_token(name), "a parameter's name is a token", name);
        check(is_quoted || http::is_token(value), "a value without quotes is a token", value);
        line.append(";; ").append(name).append("=");
        line.append(is_quoted ? "\"" : "").append(value).append(is_quoted ? "\" " : " ");
    }
    const http::ParameterizedValue again = http::parse_parameters(line);
    check_equal(error_text(again.error), "", "parameters that are written again are read again");
    check_equal(again.value, given.value, "the value before written parameters is the same");
    check(again.parameters.size() == given.parameters.size(), "as many parameters are read again", line);
    for (std::size_t i = 0; i < given.parameters.size(); ++i) {
        check_equal(again.parameters[i].name, given.parameters[i].name, "a parameter's name is the same again");
        check_equal(again.parameters[i].value, given.parameters[i].value, "a parameter's value is the same again");
        check(again.parameters[i].is_quoted == given.parameters[i].is_quoted, "quotes are the same again", line);
    }
}

// Any text in quotes, with its quotes and backslashes escaped, is one value and one member.
void check_quoted(std::string_view text) {
    std::string escaped;
    for (const char c : text) escaped.append(c == '"' || c == '\\' ? "\\" : "").append(1, c);
    const std::string in_quotes = "\"" + escaped + "\"";
    const std::string parameters = "value; name=" + in_quotes + "; other=1", list = "a," + in_quotes + ",b";
    const http::ParameterizedValue given = http::parse_parameters(parameters);
    check(given.error == http::ErrorCode::none && given.parameters.size() == 2, "any text can be quoted", in_quotes);
    check_equal(given.parameters[0].value, escaped, "a quoted value keeps its escapes");
    const auto members = http::split_list(list);
    check(members.size() == 3 && members[1] == in_quotes, "a comma in quotes separates nothing", in_quotes);
}

void check_media_type(std::string_view text) {
    std::string upper(text), lower(text);
    for (char& c : lower) c = http::lower(c);
    for (char& c : upper) c = http::is_letter(c) ? static_cast<char>(c & ~0x20) : c;
    const std::string_view type = http::guess_content_type(text);
    check(http::is_field_value(type) && !type.empty(), "a media type is a field value", type);
    check(http::guess_content_type(upper) == type && http::guess_content_type(lower) == type,
          "a media type does not depend on case", text);
}

void check_shown(std::string_view text) {
    const std::string quoted = http::quoted(text, 50);
    check(base::is_valid_utf8(base::as_bytes(quoted)), "what is quoted is UTF-8", quoted);
    check(quoted.size() <= 3 * 50 + 8, "what is quoted is bounded", quoted);
    const std::string escaped = service::escape_for_log(text, 50);
    check(escaped.size() <= 4 * 50 + 8, "what is escaped is bounded", escaped);
    check(std::all_of(escaped.begin(), escaped.end(), [](char c) { return c >= 0x20 && c < 0x7f; }),
          "what is escaped is printable ASCII", escaped);
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(http_fields) {
    using namespace proapi::fuzz;
    const Block text(input.rest());
    check_field_line(text.text());
    check_list(text.text());
    check_parameters(text.text());
    check_quoted(text.text());
    check_media_type(text.text());
    check_shown(text.text());
}
