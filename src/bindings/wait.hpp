// An awaitable on one of the engine's lists of waiters.
#pragma once

#include <Python.h>

#include "service/waiter.hpp"

namespace proapi::bindings {

// What is waited for, of a subject (a Python object that the awaitable keeps alive).
struct WaitOperations {
    bool (*must_wait)(PyObject* subject);
    void (*enlist)(PyObject* subject, service::Waiter& waiter);
    PyObject* (*outcome)(PyObject* subject);  // what the await gives: a new reference, or null with an exception set
    PyObject* (*loop)(PyObject* subject);     // borrowed
};

// A new reference, or null with an exception set. Nothing is enlisted before it is awaited.
[[nodiscard]] PyObject* make_wait(PyObject* subject, const WaitOperations& operations);
[[nodiscard]] bool add_wait_type(PyObject* module);

}  // namespace proapi::bindings
