// The state of one `_engine` module (PEP 489): its types, shared objects, and what the package passes to register().
//
// The state is written while the package is imported and only read afterwards, so readers need no lock. Data that
// changes later belongs to one object, or to the thread of an event loop (`kept_exception` of python_errors.cpp,
// `dropped_in_a_row` of the connections).
//
// Objects on the path of a message keep a pointer to the state. The pointer stays valid: every type holds a reference
// to its module, and the module frees its state last.
#pragma once

#include <Python.h>

namespace proapi::bindings {

// All members are owned references, and null in a new module.
struct ModuleState {
    // Types and objects of this module, created when it is imported.
    PyTypeObject* completed_operation_type;
    PyTypeObject* pending_future_type;
    PyTypeObject* wait_operation_type;
    PyTypeObject* receive_operation_type;
    PyTypeObject* message_iterator_type;
    PyTypeObject* connection_type;
    PyObject *completed_true, *completed_false, *completed_none;
    // Interned, so that they can be compared by address.
    PyObject *call_soon_name, *blocking_name, *get_loop_name, *add_callback_name;
    PyObject* context_keyword;  // ("context",)

    // Set by register().
    PyObject* headers_type;
    PyObject* query_params_type;
    PyObject* client_type;
    PyObject* state_type;
    PyObject* disconnect_error;
    PyObject* state_error;
    PyObject* message_error;
    PyObject* encode_json;
    PyObject* decode_json;
    PyObject* is_own_task;       // (connection) -> bool: whether the running task is that of its handler
    PyObject* done_future;       // an asyncio.Future without a loop, whose result is None
    PyObject* cancelled_error;   // asyncio.CancelledError
    PyObject* get_running_loop;  // asyncio's
    PyObject* uuid_type;         // uuid.UUID
};

[[nodiscard]] inline ModuleState& state_of_module(PyObject* module) noexcept {
    return *static_cast<ModuleState*>(PyModule_GetState(module));
}

// For an object whose type the module has created from a spec, and which can't be subclassed.
[[nodiscard]] inline ModuleState& state_of_type(PyObject* object) noexcept {
    return *static_cast<ModuleState*>(PyType_GetModuleState(Py_TYPE(object)));
}

// For nanobind's functions and classes, which get neither their module nor a defining class. nanobind has one Python
// type for each C++ type in a process, and that type knows its module. Costs some 50 instructions, so not for every
// message.
[[nodiscard]] ModuleState& module_state();

// Returns a new type of `module`, or null with an exception set.
[[nodiscard]] inline PyTypeObject* make_type(PyObject* module, PyType_Spec& spec) {
    return reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
}

int traverse_state(ModuleState& state, visitproc visit, void* arg);
void clear_state(ModuleState& state) noexcept;

}  // namespace proapi::bindings
