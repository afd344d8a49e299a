// What Python sees of a request's data, for RequestInfo and WebSocketConnection alike. Each gives a new reference, or
// null with an exception set.
#pragma once

#include <Python.h>

#include "bindings/module_state.hpp"
#include "service/request_info.hpp"

namespace proapi::bindings {

[[nodiscard]] PyObject* path_of(const service::RequestInfo& request);
// {name: str | int | float | uuid.UUID}
[[nodiscard]] PyObject* path_params_of(const ModuleState& state, const service::RequestInfo& request);
[[nodiscard]] PyObject* query_pairs_of(const service::RequestInfo& request);
[[nodiscard]] PyObject* cookies_of(const service::RequestInfo& request);
[[nodiscard]] PyObject* client_of(const ModuleState& state,
                                  const service::RequestInfo& request);  // (host, port), or None
[[nodiscard]] PyObject* subprotocols_of(const service::RequestInfo& request);

}  // namespace proapi::bindings
