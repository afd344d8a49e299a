// A waiter that owns a Python callable and calls it once when a client has disconnected.
#pragma once

#include <Python.h>

#include <utility>

#include "service/waiter.hpp"

namespace proapi::bindings {

class DisconnectCallback final : public service::Waiter {
public:
    // Keeps a new reference.
    explicit DisconnectCallback(PyObject* callback) noexcept : callback_(Py_NewRef(callback)) {}
    DisconnectCallback(const DisconnectCallback&) = delete;
    DisconnectCallback& operator=(const DisconnectCallback&) = delete;
    ~DisconnectCallback() { Py_XDECREF(callback_); }

    // An exception of the callback is reported as unraisable: no caller could handle it.
    void on_ready() override {
        PyObject* callback = std::exchange(callback_, nullptr);  // the call may destroy this object
        PyObject* result = PyObject_CallNoArgs(callback);
        if (!result) PyErr_WriteUnraisable(callback);
        Py_XDECREF(result);
        Py_DECREF(callback);
    }

    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(callback_);
        return 0;
    }

private:
    PyObject* callback_;  // null after the call
};

}  // namespace proapi::bindings
