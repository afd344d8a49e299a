#include "bindings/completed_operation.hpp"

#include "bindings/awaitable_protocol.hpp"

namespace proapi::bindings {

namespace {

struct CompletedOperation {
    PyObject_HEAD PyObject* value;
    bool next_turn;  // the awaiting task must still let the loop turn once
};

void completed_dealloc(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    Py_XDECREF(reinterpret_cast<CompletedOperation*>(self)->value);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* new_reference_to_self(PyObject* self) {
    return Py_NewRef(self);
}

PySendResult completed_am_send(PyObject* self, PyObject*, PyObject** result) {
    auto* completed = reinterpret_cast<CompletedOperation*>(self);
    if (completed->next_turn) [[unlikely]] {
        completed->next_turn = false;
        *result = Py_NewRef(Py_None);  // as asyncio.sleep(0): the task continues in the loop's next turn
        return PYGEN_NEXT;
    }
    *result = Py_NewRef(completed->value);
    return PYGEN_RETURN;
}

PyObject* completed_next(PyObject* self) {
    PyObject* result = nullptr;
    return completed_am_send(self, nullptr, &result) == PYGEN_NEXT ? result : stop_iteration(result);
}
PyObject* completed_send(PyObject* self, PyObject*) {
    return end_of_send(completed_next(self));
}
PyObject* completed_throw(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return throw_into(arguments, count);
}
PyObject* completed_close(PyObject*, PyObject*) {
    Py_RETURN_NONE;
}

PyMethodDef completed_methods[] = {
    {"send", completed_send, METH_O, nullptr},
    {"throw", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(completed_throw)), METH_FASTCALL, nullptr},
    {"close", completed_close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot completed_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(completed_dealloc)},
    {Py_tp_iter, reinterpret_cast<void*>(new_reference_to_self)},
    {Py_tp_iternext, reinterpret_cast<void*>(completed_next)},
    {Py_am_await, reinterpret_cast<void*>(new_reference_to_self)},
    {Py_am_send, reinterpret_cast<void*>(completed_am_send)},
    {Py_tp_methods, completed_methods},
    {0, nullptr},
};

PyType_Spec completed_spec = {"proapi._engine.CompletedOperation", sizeof(CompletedOperation), 0,
                              Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, completed_slots};

}  // namespace

PyObject* make_completed(const ModuleState& state, PyObject* value) {
    auto* self = PyObject_New(CompletedOperation, state.completed_operation_type);
    if (!self) return nullptr;
    self->value = Py_NewRef(value);
    self->next_turn = false;
    return reinterpret_cast<PyObject*>(self);
}
PyObject* make_completed_next_turn(const ModuleState& state, PyObject* value) {
    PyObject* self = make_completed(state, value);
    if (self) reinterpret_cast<CompletedOperation*>(self)->next_turn = true;
    return self;
}

bool add_completed_operation_type(PyObject* module) {
    ModuleState& state = state_of_module(module);
    state.completed_operation_type = make_type(module, completed_spec);
    if (!state.completed_operation_type) return false;
    state.completed_true = make_completed(state, Py_True);
    state.completed_false = make_completed(state, Py_False);
    state.completed_none = make_completed(state, Py_None);
    return state.completed_true && state.completed_false && state.completed_none;
}

}  // namespace proapi::bindings
