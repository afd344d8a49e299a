// HTTPExceptions as responses, and the engine's own refusals as HTTPExceptions.
#pragma once

#include "proapi/errors.hpp"
#include "proapi/response.hpp"
#include "service/exchange.hpp"

namespace proapi::detail {

// What the engine would answer with.
[[nodiscard]] HTTPException make_exception(service::Refusal refusal);
[[nodiscard]] HTTPException make_exception(const service::PendingRefusal& refusal);

// The response that the client receives: its text, with a line end, and the exception's headers.
[[nodiscard]] Response make_response(const HTTPException& error);

// Adds fields such as Allow, which HTTP requires with their status (RFC 9110 section 15.5.6), to another response with
// the status of the refusal.
void add_missing_fields(Response& response, const HTTPException& refusal);

}  // namespace proapi::detail
