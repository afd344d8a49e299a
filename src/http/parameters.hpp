// Parameters of a field's value: "form-data; name=a; filename=\"b.txt\"" (RFC 9110 section 5.6.6). A piece of the
// `http` layer's inside. What is escaped in a quoted value is left to those who know the field: they differ over it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace proapi::http {

struct Parameter {
    std::string_view name;   // any case
    std::string_view value;  // without its quotes, its escapes as they came
    bool is_quoted = false;
};

// Views of the text that was parsed, or of constants.
struct ParametersOf {
    std::string_view value;  // before the first ";", without white space around it
    std::vector<Parameter> parameters;
    std::string_view error;  // what is wrong, empty: nothing; then `value` is there all the same
};

// Linear. An empty parameter ("a;;b=c", "a;") is none.
[[nodiscard]] ParametersOf parse_parameters(std::string_view text);

}  // namespace proapi::http
