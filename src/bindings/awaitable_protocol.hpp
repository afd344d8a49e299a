// The coroutine protocol of CPython for the engine's awaitables: a task steps them by am_send, other callers by send(),
// throw() and close().
//
// Knows no operation: what is awaited, and what it returns, is in the files that include this one.
#pragma once

#include <Python.h>

#include "bindings/guard.hpp"

namespace proapi::bindings {

// Sets StopIteration(value), the end of an awaitable. Steals `value`; returns null.
PyObject* stop_iteration(PyObject* value);

// Converts the result of tp_iternext to the result of send(): unlike a slot, a method must raise StopIteration.
PyObject* end_of_send(PyObject* result);

// step() is tp_iternext, and step_by_send() the method send(), of an awaitable with this am_send, which may throw.
// send() ignores its argument.
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

// throw(type, value, traceback) of an awaitable: sets the exception and returns null.
PyObject* throw_into(PyObject* const* arguments, Py_ssize_t count);

}  // namespace proapi::bindings
