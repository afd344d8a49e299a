// An awaitable whose result is known: what a send, accept() or close() returns when there is nothing to wait for.
//
// Knows neither tasks nor loops; for operations that wait, see wait_operation.hpp and receive_operation.hpp.
#pragma once

#include <Python.h>

#include "bindings/module_state.hpp"

namespace proapi::bindings {

// Creates the type; false with an exception set.
[[nodiscard]] bool add_completed_operation_type(PyObject* module);

// Returns an awaitable that returns `value` without suspending and keeps a reference to it. A new reference, or null
// with an exception set.
[[nodiscard]] PyObject* make_completed(const ModuleState& state, PyObject* value);
// The same, but the awaiting task continues in the loop's next turn.
[[nodiscard]] PyObject* make_completed_next_turn(const ModuleState& state, PyObject* value);
// Shared awaitables; each call returns a new reference.
[[nodiscard]] inline PyObject* completed_true(const ModuleState& state) noexcept {
    return Py_NewRef(state.completed_true);
}
[[nodiscard]] inline PyObject* completed_false(const ModuleState& state) noexcept {
    return Py_NewRef(state.completed_false);
}
[[nodiscard]] inline PyObject* completed_none(const ModuleState& state) noexcept {
    return Py_NewRef(state.completed_none);
}

}  // namespace proapi::bindings
