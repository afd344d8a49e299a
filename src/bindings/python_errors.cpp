#include "bindings/python_errors.hpp"

#include <nanobind/nanobind.h>

#include <utility>

#include "bindings/arguments.hpp"
#include "bindings/guard.hpp"
#include "bindings/module_state.hpp"

namespace proapi::bindings {

namespace {

// Per thread, because an event loop runs in one thread and must raise what leaves its own tasks.
thread_local PyObject* kept_exception = nullptr;

// Steals `exception`. No caller on this stack can handle one that is neither an exit nor an interrupt, so it is
// reported.
void keep_or_report(PyObject* exception, PyObject* source) {
    const bool ends_loop = PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) ||
                           PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt);
    if (ends_loop && !kept_exception) {
        kept_exception = exception;
        return;
    }
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
    Py_DECREF(exception);
    PyErr_WriteUnraisable(source);
}

}  // namespace

PyObject* raise_error(const ModuleState& state, const service::Error& error, const service::WebSocket* websocket) {
    switch (error.kind()) {
        case service::ErrorKind::state:
            PyErr_SetString(state.state_error, error.text.c_str());
            break;
        case service::ErrorKind::value:
            PyErr_SetString(PyExc_ValueError, error.text.c_str());
            break;
        case service::ErrorKind::disconnect: {
            const int code = websocket ? websocket->close_code().value_or(ws::close_code::abnormal_closure)
                                       : ws::close_code::abnormal_closure;
            PyObject* reason = to_str(websocket ? std::string_view(websocket->close_reason()) : std::string_view());
            PyObject* exception = reason ? PyObject_CallFunction(state.disconnect_error, "iO", code, reason) : nullptr;
            Py_XDECREF(reason);
            if (exception) PyErr_SetObject(state.disconnect_error, exception);
            Py_XDECREF(exception);
            break;
        }
    }
    return nullptr;
}

void keep_exception(PyObject* source) {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    keep_or_report(value, source);
}

bool raise_kept_exception() {
    if (!kept_exception) return false;
    PyObject* exception = std::exchange(kept_exception, nullptr);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
    Py_DECREF(exception);
    return true;
}

void set_python_error() noexcept {
    try {
        throw;
    } catch (nanobind::python_error& error) {
        error.restore();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    } catch (...) {
        PyErr_SetString(PyExc_SystemError, "the engine has failed");
    }
}

}  // namespace proapi::bindings
