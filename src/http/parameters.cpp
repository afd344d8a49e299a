#include "http/parameters.hpp"

#include <algorithm>

#include "http/headers.hpp"
#include "http/text.hpp"

namespace proapi::http {
namespace {

// Takes a quoted string off the front of `rest`, which begins with its opening quote. Returns false if there is no
// closing quote.
bool take_quoted(std::string_view& rest, std::string_view& value) noexcept {
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) return false;
    value = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return true;
}

// Takes "name=value" off the front of `rest`, or "name" if the grammar allows it.
ErrorCode take_parameter(std::string_view& rest, Parameter& parameter, ParameterGrammar grammar) noexcept {
    parameter.name = rest.substr(0, rest.find_first_of("=;"));
    rest.remove_prefix(parameter.name.size());
    parameter.has_value = grammar == ParameterGrammar::rfc_9110 || rest.starts_with('=');
    if (grammar == ParameterGrammar::rfc_6455) parameter.name = trim_end(parameter.name);
    if (!is_token(parameter.name)) return ErrorCode::bad_parameter_name;
    if (!parameter.has_value) return ErrorCode::none;
    if (!rest.starts_with('=')) return ErrorCode::parameter_without_value;
    rest.remove_prefix(1);
    if (grammar == ParameterGrammar::rfc_6455) skip_space(rest);
    parameter.is_quoted = rest.starts_with('"');
    if (parameter.is_quoted) {
        if (!take_quoted(rest, parameter.value)) return ErrorCode::unclosed_quote;
    } else {
        const std::string_view value = rest.substr(0, rest.find(';'));
        parameter.value = trim_end(value);
        if (!is_token(parameter.value)) return ErrorCode::bad_parameter_value;
        rest.remove_prefix(value.size());
    }
    skip_space(rest);
    return rest.empty() || rest.front() == ';' ? ErrorCode::none : ErrorCode::text_after_quote;
}

}  // namespace

ParameterizedValue parse_parameters(std::string_view text, ParameterGrammar grammar) {
    ParameterizedValue parsed;
    skip_space(text);
    const std::string_view value = text.substr(0, text.find(';'));
    parsed.value = trim_end(value);
    text.remove_prefix(value.size());
    while (!text.empty() && parsed.error == ErrorCode::none) {
        text.remove_prefix(1);  // the ";"
        skip_space(text);
        if (grammar == ParameterGrammar::rfc_9110 && (text.empty() || text.front() == ';')) continue;
        Parameter parameter;
        parsed.error = take_parameter(text, parameter, grammar);
        if (parsed.error == ErrorCode::none) parsed.parameters.push_back(parameter);
    }
    return parsed;
}

std::string without_escapes(std::string_view quoted) {
    std::string text;
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] == '\\' && i + 1 < quoted.size()) ++i;
        text.push_back(quoted[i]);
    }
    return text;
}

}  // namespace proapi::http
