// What Python sees of a request's data, for RequestInfo and WebSocketConnection alike. Each gives a new reference, or
// null with an exception set.
#pragma once

#include <Python.h>

#include "server/request_info.hpp"

namespace proapi::bindings {

[[nodiscard]] PyObject* path_of(const server::RequestInfo& request);
// {name: str | int | float | uuid.UUID}
[[nodiscard]] PyObject* path_params_of(const server::RequestInfo& request);
[[nodiscard]] PyObject* query_pairs_of(const server::RequestInfo& request);
[[nodiscard]] PyObject* cookies_of(const server::RequestInfo& request);
[[nodiscard]] PyObject* client_of(const server::RequestInfo& request);  // (host, port), or None
[[nodiscard]] PyObject* subprotocols_of(const server::RequestInfo& request);

}  // namespace proapi::bindings
