// Parameters of a field's value: "form-data; name=a; filename=\"b.txt\"" (RFC 9110 section 5.6.6), and those of
// Sec-WebSocket-Extensions (RFC 6455 section 9.1). Escapes in a quoted value are left to the callers, since fields
// differ in their escapes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/error.hpp"

namespace proapi::http {

enum class ParameterGrammar : std::uint8_t {
    rfc_9110,  // each has a value; empty parameters ("a;;b=c", "a;") are skipped
    // A value may be missing, together with its equals sign ("a; b"). White space may be on both sides of an equals
    // sign: section 9.1 includes the "implied *LWS" of RFC 2616. Empty parameters are malformed.
    rfc_6455,
};

struct Parameter {
    std::string_view name;   // any case
    std::string_view value;  // without its quotes, but with its escapes
    bool is_quoted = false;
    bool has_value = true;
};

// Views of the parsed text, or of constants.
struct ParameterizedValue {
    std::string_view value;  // before the first ";", without white space around it
    std::vector<Parameter> parameters;
    ErrorCode error = ErrorCode::none;  // `value` is valid even after an error
};

// Linear in the size of `text`.
[[nodiscard]] ParameterizedValue parse_parameters(std::string_view text,
                                                  ParameterGrammar grammar = ParameterGrammar::rfc_9110);

// Returns the text of a quoted value, for fields that follow RFC 9110 section 5.6.4: a quoted-pair stands for its
// second octet.
[[nodiscard]] std::string without_escapes(std::string_view quoted);

}  // namespace proapi::http
