#include "bindings/awaitable_protocol.hpp"

namespace proapi::bindings {

PyObject* stop_iteration(PyObject* value) {
    if (value == Py_None) {  // tp_iternext may return null without an exception: the short form of StopIteration
        Py_DECREF(value);
        return nullptr;
    }
    // PyErr_SetObject() would unpack a tuple, and would take an exception for the one to raise.
    PyObject* stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    Py_DECREF(value);
    if (stop) PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
    return nullptr;
}

PyObject* end_of_send(PyObject* result) {
    if (!result && !PyErr_Occurred()) PyErr_SetNone(PyExc_StopIteration);
    return result;
}

PyObject* throw_into(PyObject* const* arguments, Py_ssize_t count) {
    if (count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "throw expected 1 to 3 arguments");
        return nullptr;
    }
    PyObject* type = arguments[0];
    PyObject* value = count > 1 && arguments[1] != Py_None ? arguments[1] : nullptr;
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(type)), type);
    } else if (PyExceptionClass_Check(type)) {
        PyErr_SetObject(type, value);
    } else {
        PyErr_SetString(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException");
    }
    return nullptr;
}

}  // namespace proapi::bindings
