// What the engine's awaitables have in common: the coroutine protocol of CPython, which a task speaks by am_send and
// everybody else by send(), throw() and close().
//
// Knows no operation: what is awaited, and what it returns, is in the files that include this one.
#pragma once

#include <Python.h>

#include "bindings/guard.hpp"

namespace proapi::bindings {

// Sets StopIteration(value), the end of an awaitable. Steals `value`; returns null.
PyObject* stop_iteration(PyObject* value);

// What send() of an awaitable returns for what its tp_iternext has returned: a method ends by an exception.
PyObject* end_of_send(PyObject* result);

// tp_iternext of an awaitable with this am_send, which may throw, and its method send(), which takes no value.
template <auto am_send>
PyObject* step(PyObject* self) {
    PyObject* out = nullptr;
    switch (guarded<am_send>(self, Py_None, &out)) {
        case PYGEN_NEXT:
            return out;
        case PYGEN_RETURN:
            return stop_iteration(out);
        case PYGEN_ERROR:
            break;
    }
    return nullptr;
}
template <auto am_send>
PyObject* step_by_send(PyObject* self, PyObject*) {
    return end_of_send(step<am_send>(self));
}

// throw(type, value, traceback) of an awaitable: sets the exception, returns null.
PyObject* throw_into(PyObject* const* arguments, Py_ssize_t count);

}  // namespace proapi::bindings
