// The awaitable of whatever waits in one of the engine's lists of waiters: for a buffer to drain, for a connection to
// end.
//
// Knows neither connections nor exchanges: a WaitCondition says what is waited for.
#pragma once

#include <Python.h>

#include "bindings/module_state.hpp"
#include "service/waiter.hpp"

namespace proapi::bindings {

// What is waited for, of a subject: a Python object that the awaitable keeps alive.
struct WaitCondition {
    bool (*must_wait)(PyObject* subject);
    void (*enlist)(PyObject* subject, service::Waiter& waiter);
    PyObject* (*outcome)(PyObject* subject);  // of the await: a new reference, or null with an exception set
    PyObject* (*loop)(PyObject* subject);     // borrowed
};

// A new reference, or null with an exception set. Nothing is enlisted before it is awaited.
[[nodiscard]] PyObject* make_wait(const ModuleState& state, PyObject* subject, const WaitCondition& condition);
[[nodiscard]] bool add_wait_operation_type(PyObject* module);

}  // namespace proapi::bindings
