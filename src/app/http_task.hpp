// Runs an HTTP handler and sends what it gives.
#pragma once

#include "app/worker.hpp"
#include "server/exchange.hpp"

namespace proapi::detail {

void start_http_task(Worker& worker, base::IntrusivePtr<server::Exchange> exchange);

}  // namespace proapi::detail
