// Forms that are read as they arrive, in constant memory.
#pragma once

#include "http/error.hpp"
#include "proapi/body_stream.hpp"
#include "proapi/errors.hpp"
#include "proapi/form.hpp"

namespace proapi::detail {

// The answer to a form that can't be read.
[[nodiscard]] HTTPException make_exception(const http::Error& error);

// `content_type`: of the body.
[[nodiscard]] Task<FormData> read_form(BodyStream body, std::string content_type, FormOptions options);

}  // namespace proapi::detail
