// The awaitable of operations that wait in one of the engine's lists of waiters: for a buffer to drain, for a
// connection to end.
//
// Knows neither connections nor exchanges: a WaitCondition says what it waits for.
#pragma once

#include <Python.h>

#include "bindings/module_state.hpp"
#include "service/waiter.hpp"

namespace proapi::bindings {

// What an awaitable waits for. `subject` is a Python object that the awaitable keeps alive.
struct WaitCondition {
    bool (*must_wait)(PyObject* subject);
    void (*enlist)(PyObject* subject, service::Waiter& waiter);
    PyObject* (*outcome)(PyObject* subject);  // the await's result: a new reference, or null with an exception set
    PyObject* (*loop)(PyObject* subject);     // borrowed
};

// Returns a new reference, or null with an exception set. The wait is enlisted when it is awaited.
[[nodiscard]] PyObject* make_wait(const ModuleState& state, PyObject* subject, const WaitCondition& condition);
[[nodiscard]] bool add_wait_operation_type(PyObject* module);

}  // namespace proapi::bindings
