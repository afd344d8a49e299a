// Sends a Response through the engine's exchange, streams included.
#pragma once

#include "app/worker.hpp"
#include "proapi/response.hpp"
#include "server/exchange.hpp"

namespace proapi::detail {

// Throws std::invalid_argument for a status or headers that would break the response.
Task<> write_response(std::shared_ptr<Worker> worker, base::IntrusivePtr<server::Exchange> exchange, Response response);

}  // namespace proapi::detail
