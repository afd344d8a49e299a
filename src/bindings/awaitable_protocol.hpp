// What the engine's awaitables have in common: the coroutine protocol of CPython, which a task speaks by am_send and
// everybody else by send(), throw() and close().
//
// Knows no operation: what is awaited, and what it returns, is in the files that include this one.
#pragma once

#include <Python.h>

namespace proapi::bindings {

// Sets StopIteration(value), the end of an awaitable. Steals `value`; returns null.
PyObject* stop_iteration(PyObject* value);

// What send() of an awaitable returns for what its tp_iternext has returned: a method ends by an exception.
PyObject* end_of_send(PyObject* result);

// throw(type, value, traceback) of an awaitable: sets the exception, returns null.
PyObject* throw_into(PyObject* const* arguments, Py_ssize_t count);

}  // namespace proapi::bindings
