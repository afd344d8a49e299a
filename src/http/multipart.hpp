// The parts of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1.1). Internal to the `http` layer; others use
// parse_form() in http/form.hpp.
//
//   preamble CRLF                                            ignored; without it the first line has no CRLF before it
//   --boundary CRLF  field lines CRLF  [CRLF data]  CRLF     each part; spaces and tabs may follow the boundary
//   --boundary--     [CRLF epilogue]                         required; the epilogue is ignored
#pragma once

#include <string_view>

#include "http/form.hpp"

namespace proapi::http {

// `boundary` has 1 to 70 octets, none of them CR or LF. See parse_form().
[[nodiscard]] Result<Form> parse_multipart(std::string_view boundary, std::string_view body);

}  // namespace proapi::http
