// The parts of a complete multipart/form-data body. Internal to the `http` layer; others use parse_form() in
// http/form.hpp, or http/multipart_reader.hpp while the body arrives.
#pragma once

#include <string_view>

#include "http/form.hpp"

namespace proapi::http {

// `boundary` has 1 to 70 octets, none of them CR or LF. See parse_form().
[[nodiscard]] Result<Form> parse_multipart(std::string_view boundary, std::string_view body);

}  // namespace proapi::http
