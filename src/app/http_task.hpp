// Runs an HTTP handler and sends what it gives.
#pragma once

#include <string>

#include "app/worker.hpp"
#include "proapi/errors.hpp"
#include "service/exchange.hpp"

namespace proapi::detail {

// Of a handler that ends by Cancelled, though neither the server's stop nor its client's end has cancelled it.
inline constexpr std::string_view cancelled_by_another =
    "it was told of another task's cancellation, by the exception Cancelled";

// What the client reads of it: the body, and the headers besides those of a text.
[[nodiscard]] std::string make_body(const HTTPException& error);
[[nodiscard]] http::Headers refusal_headers(const HTTPException& error);

void start_http_task(Worker& worker, base::IntrusivePtr<service::Exchange> exchange);

}  // namespace proapi::detail
