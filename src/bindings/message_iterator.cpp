#include "bindings/message_iterator.hpp"

#include "bindings/receive_operation.hpp"
#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

namespace {

struct MessageIterator {
    PyObject_HEAD ConnectionObject* connection;
    PyObject* json_type;
    ReceiveKind kind;
};

int iterator_traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(reinterpret_cast<MessageIterator*>(self)->connection);
    Py_VISIT(reinterpret_cast<MessageIterator*>(self)->json_type);
    return 0;
}

int iterator_clear(PyObject* self) {
    Py_CLEAR(reinterpret_cast<MessageIterator*>(self)->connection);
    Py_CLEAR(reinterpret_cast<MessageIterator*>(self)->json_type);
    return 0;
}

void iterator_dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    iterator_clear(self);
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyObject* iterator_anext(PyObject* self) {
    auto* iterator = reinterpret_cast<MessageIterator*>(self);
    if (!iterator->connection) {  // the garbage collector has cleared the iterator
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return nullptr;
    }
    return make_receive_operation(iterator->connection, iterator->kind, EndOfMessages::stops, iterator->json_type);
}

PyType_Slot iterator_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(iterator_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(iterator_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(iterator_clear)},
    {Py_am_aiter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_am_anext, reinterpret_cast<void*>(iterator_anext)},
    {0, nullptr},
};

PyType_Spec iterator_spec = {"proapi._engine.MessageIterator", sizeof(MessageIterator), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             iterator_slots};

}  // namespace

PyObject* make_message_iterator(ConnectionObject* connection, ReceiveKind kind, PyObject* json_type) {
    auto* self = PyObject_GC_New(MessageIterator, connection->state->message_iterator_type);
    if (!self) return nullptr;
    self->connection = reinterpret_cast<ConnectionObject*>(Py_NewRef(reinterpret_cast<PyObject*>(connection)));
    self->json_type = json_type && json_type != Py_None ? Py_NewRef(json_type) : nullptr;
    self->kind = kind;
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
}

bool add_message_iterator_type(PyObject* module) {
    return (state_of_module(module).message_iterator_type = make_type(module, iterator_spec)) != nullptr;
}

}  // namespace proapi::bindings
