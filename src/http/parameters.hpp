// Parameters of a field's value: "form-data; name=a; filename=\"b.txt\"" (RFC 9110 section 5.6.6), and those of
// Sec-WebSocket-Extensions (RFC 6455 section 9.1). What is escaped in a quoted value is left to those who know the
// field: they differ over it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/error.hpp"

namespace proapi::http {

enum class ParameterGrammar : std::uint8_t {
    rfc_9110,  // each has a value; an empty one ("a;;b=c", "a;") is none
    rfc_6455,  // a value may be missing, with its equals sign ("a; b"); an empty one is malformed
};

struct Parameter {
    std::string_view name;   // any case
    std::string_view value;  // without its quotes, its escapes as they came
    bool is_quoted = false;
    bool has_value = true;
};

// Views of the text that was parsed, or of constants.
struct ParameterizedValue {
    std::string_view value;  // before the first ";", without white space around it
    std::vector<Parameter> parameters;
    ErrorCode error = ErrorCode::none;  // the value is there all the same
};

// Linear.
[[nodiscard]] ParameterizedValue parse_parameters(std::string_view text,
                                                  ParameterGrammar grammar = ParameterGrammar::rfc_9110);

// A quoted value's text, for fields where RFC 9110 section 5.6.4 holds: a quoted-pair is its second octet.
[[nodiscard]] std::string without_escapes(std::string_view quoted);

}  // namespace proapi::http
