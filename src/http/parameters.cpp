#include "http/parameters.hpp"

#include <algorithm>

#include "http/headers.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

// Takes a quoted string off the front of `rest`, its opening quote being there. False: it has no closing one.
bool take_quoted(std::string_view& rest, std::string_view& value) noexcept {
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) return false;
    value = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return true;
}

// Takes "name=value" off the front of `rest`. Gives what is wrong, empty: nothing.
std::string_view take_parameter(std::string_view& rest, Parameter& parameter) noexcept {
    parameter.name = rest.substr(0, rest.find_first_of("=;"));
    if (!is_token(parameter.name)) return "expected a token as the name of a parameter, got something else";
    rest.remove_prefix(parameter.name.size());
    if (!rest.starts_with('=')) return "expected name=value, got a parameter without an equals sign";
    rest.remove_prefix(1);
    parameter.is_quoted = rest.starts_with('"');
    if (parameter.is_quoted) {
        if (!take_quoted(rest, parameter.value)) return "expected a closing quote in a parameter, got none";
    } else {
        const std::string_view value = rest.substr(0, rest.find(';'));
        parameter.value = trim_end(value);
        if (!is_token(parameter.value)) return "expected a token or a quoted string in a parameter, got neither";
        rest.remove_prefix(value.size());
    }
    skip_space(rest);
    return rest.empty() || rest.front() == ';' ? "" : "expected a semicolon after a quoted string, got something else";
}

}  // namespace

ParametersOf parse_parameters(std::string_view text) {
    ParametersOf parsed;
    skip_space(text);
    const std::string_view value = text.substr(0, text.find(';'));
    parsed.value = trim_end(value);
    text.remove_prefix(value.size());
    while (!text.empty() && parsed.error.empty()) {
        text.remove_prefix(1);  // the ";"
        skip_space(text);
        if (text.empty() || text.front() == ';') continue;
        Parameter parameter;
        parsed.error = take_parameter(text, parameter);
        if (parsed.error.empty()) parsed.parameters.push_back(parameter);
    }
    return parsed;
}

}  // namespace proapi::http
