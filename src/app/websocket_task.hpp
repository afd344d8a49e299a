// Runs a WebSocket handler and ends the connection as the handler ended.
#pragma once

#include "app/worker.hpp"
#include "service/websocket.hpp"

namespace proapi::detail {

void start_websocket_task(Worker& worker, const base::IntrusivePtr<service::WebSocket>& websocket);

}  // namespace proapi::detail
