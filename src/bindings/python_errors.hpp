// Converts the engine's refusals to Python exceptions, and handles exceptions that leave a task without a caller.
//
// The whole extension uses one table. The layers below decide what is refused and with which text; see
// service/error.hpp.
#pragma once

#include <Python.h>

#include "service/error.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

struct ModuleState;

// Sets the Python exception for an error and returns null. A disconnect takes its close code and reason from
// `websocket`.
PyObject* raise_error(const ModuleState& state, const service::Error& error,
                      const service::WebSocket* websocket = nullptr);

// Keeps a SystemExit or KeyboardInterrupt that has left a task, for this thread's loop to raise, and reports any other
// exception as unraisable. Call with an exception set.
void keep_exception(PyObject* source);
// Sets the exception that this thread has kept. Returns false if there is none.
[[nodiscard]] bool raise_kept_exception();

}  // namespace proapi::bindings
