// Converts the data of a request to Python objects, for RequestInfo and WebSocketConnection. Each function returns a
// new reference, or null with an exception set.
#pragma once

#include <Python.h>

#include "bindings/module_state.hpp"
#include "service/request_info.hpp"

namespace proapi::bindings {

[[nodiscard]] PyObject* make_path(const service::RequestInfo& request);
// {name: str | int | float | uuid.UUID}
[[nodiscard]] PyObject* make_path_params(const ModuleState& state, const service::RequestInfo& request);
[[nodiscard]] PyObject* make_query_pairs(const service::RequestInfo& request);
[[nodiscard]] PyObject* make_cookies(const service::RequestInfo& request);
[[nodiscard]] PyObject* make_client(const ModuleState& state,
                                    const service::RequestInfo& request);              // (host, port), or None
[[nodiscard]] PyObject* make_client_certificate(const service::RequestInfo& request);  // PEM, or None
[[nodiscard]] PyObject* make_subprotocols(const service::RequestInfo& request);

}  // namespace proapi::bindings
