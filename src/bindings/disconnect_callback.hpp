// What Python wants called once when a client is gone: a waiter of the engine that owns a callable.
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

    // What the callback raises is reported as unraisable: nobody is there to take it.
    void on_ready() override {
        PyObject* callback = std::exchange(callback_, nullptr);  // the call may be the end of this object
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
    PyObject* callback_;  // null once it was called
};

}  // namespace proapi::bindings
