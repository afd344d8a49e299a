// Runs an HTTP handler and sends what it gives.
#pragma once

#include <string>

#include "app/worker.hpp"
#include "proapi/errors.hpp"
#include "server/exchange.hpp"

namespace proapi::detail {

// What the client reads of it.
[[nodiscard]] std::string body_of(const HTTPException& error);

void start_http_task(Worker& worker, base::IntrusivePtr<server::Exchange> exchange);

}  // namespace proapi::detail
