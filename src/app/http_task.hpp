// Runs an HTTP handler and sends its response.
#pragma once

#include <string>

#include "app/worker.hpp"
#include "service/exchange.hpp"

namespace proapi::detail {

// Logged for a handler that ended with Cancelled although neither the server's stop nor its client's end cancelled it.
inline constexpr std::string_view cancelled_by_another =
    "it was told of another task's cancellation, by the exception Cancelled";

void start_http_task(Worker& worker, base::IntrusivePtr<service::Exchange> exchange);

}  // namespace proapi::detail
