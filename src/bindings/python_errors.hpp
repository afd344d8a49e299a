// From the engine's refusals to Python's exceptions, and the exceptions that leave a task with nobody to take them.
//
// One table for all of the extension. What is refused, and in which words, is decided below; see service/error.hpp.
#pragma once

#include <Python.h>

#include "service/error.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

struct ModuleState;

// Sets the exception of an error; returns null. `websocket`: whose close code and reason a disconnect has.
PyObject* raise_error(const ModuleState& state, const service::Error& error,
                      const service::WebSocket* websocket = nullptr);

// Keeps SystemExit and KeyboardInterrupt that left a task for this thread's loop to raise, and reports any other
// exception as unraisable. Call with an exception set.
void keep_exception(PyObject* source);
// Sets the exception that this thread has kept; false if there is none.
[[nodiscard]] bool raise_kept_exception();

}  // namespace proapi::bindings
