#include "bindings/websocket_connection.hpp"

#include <structmember.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "bindings/connection_methods.hpp"
#include "bindings/disconnect_callback.hpp"
#include "bindings/docstrings.hpp"
#include "bindings/guard.hpp"
#include "bindings/message_iterator.hpp"
#include "bindings/message_receiver.hpp"
#include "bindings/receive_operation.hpp"
#include "bindings/request_info.hpp"

namespace proapi::bindings {

namespace {

// ---- receiving --------------------------------------------------------------------------------------------------

template <ReceiveKind kind>
PyObject* connection_receive(PyObject* self, PyObject*) {
    return make_receive_operation(as_connection(self), kind, EndOfMessages::raises, nullptr);
}

template <ReceiveKind kind>
PyObject* connection_iterate(PyObject* self, PyObject*) {
    return make_message_iterator(as_connection(self), kind, nullptr);
}

PyObject* connection_aiter(PyObject* self) {
    return make_message_iterator(as_connection(self), ReceiveKind::any, nullptr);
}

bool read_json_type(PyObject* arguments, PyObject* keywords, const char* format, PyObject*& json_type) {
    static const char* const names[] = {"type", nullptr};
    return PyArg_ParseTupleAndKeywords(arguments, keywords, format, const_cast<char**>(names), &json_type) != 0;
}

PyObject* connection_receive_json(PyObject* self, PyObject* arguments, PyObject* keywords) {
    PyObject* json_type = nullptr;
    if (!read_json_type(arguments, keywords, "|O:receive_json", json_type)) return nullptr;
    return make_receive_operation(as_connection(self), ReceiveKind::json, EndOfMessages::raises, json_type);
}

PyObject* connection_iter_json(PyObject* self, PyObject* arguments, PyObject* keywords) {
    PyObject* json_type = nullptr;
    if (!read_json_type(arguments, keywords, "|O:iter_json", json_type)) return nullptr;
    return make_message_iterator(as_connection(self), ReceiveKind::json, json_type);
}

// ---- the object -------------------------------------------------------------------------------------------------

PyObject* connection_repr(PyObject* self) {
    const service::WebSocket& websocket = get_websocket(self);
    PyObject* path = make_path(websocket.request());
    const char* state = websocket.is_closed() ? "closed" : websocket.is_accepted() ? "open" : "connecting";
    PyObject* text = path ? PyUnicode_FromFormat("<WebSocketConnection %U %s>", path, state) : nullptr;
    Py_XDECREF(path);
    return text;
}

// The older protocols of pickle would create an empty object.
PyObject* connection_reduce(PyObject* self, PyObject*) {
    PyErr_Format(PyExc_TypeError, "cannot pickle '%.200s' object", Py_TYPE(self)->tp_name);
    return nullptr;
}

int connection_traverse(PyObject* self, visitproc visit, void* arg) {
    ConnectionObject* connection = as_connection(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(connection->loop);
    Py_VISIT(connection->path_params);
    Py_VISIT(connection->headers);
    Py_VISIT(connection->query_params);
    Py_VISIT(connection->cookies);
    Py_VISIT(connection->user_data);
    Py_VISIT(connection->attributes);
    Py_VISIT(connection->app);
    if (connection->on_disconnect) {
        if (const int result = connection->on_disconnect->traverse(visit, arg)) return result;
    }
    if (const int result = traverse_spare_receive(connection, visit, arg)) return result;
    return traverse_receiver(connection, visit, arg);
}

int connection_clear(PyObject* self) {
    ConnectionObject* connection = as_connection(self);
    drop_receiver(connection);
    drop_disconnect_callback(connection);
    Py_CLEAR(connection->loop);
    Py_CLEAR(connection->path_params);
    Py_CLEAR(connection->headers);
    Py_CLEAR(connection->query_params);
    Py_CLEAR(connection->cookies);
    Py_CLEAR(connection->user_data);
    Py_CLEAR(connection->attributes);
    Py_CLEAR(connection->app);
    return 0;
}

void connection_dealloc(PyObject* self) {
    ConnectionObject* connection = as_connection(self);
    PyObject_GC_UnTrack(self);
    if (connection->weak_references) PyObject_ClearWeakRefs(self);
    connection_clear(self);
    free_spare_receive(connection);
    std::destroy_at(&connection->dropped_in_a_row);
    connection->websocket->drop_reference();
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyMethodDef connection_methods[] = {
    {"accept", as_method<connection_accept>(), METH_VARARGS | METH_KEYWORDS, docs::accept},
    {"close", as_method<connection_close>(), METH_VARARGS | METH_KEYWORDS, docs::close},
    {"reject", as_method<connection_reject>(), METH_VARARGS | METH_KEYWORDS, docs::reject},
    {"wait_closed", as_method<connection_wait_closed>(), METH_NOARGS, docs::wait_closed},
    {"receive", as_method<connection_receive<ReceiveKind::any>>(), METH_NOARGS, docs::receive},
    {"receive_text", as_method<connection_receive<ReceiveKind::text>>(), METH_NOARGS, docs::receive_text},
    {"receive_bytes", as_method<connection_receive<ReceiveKind::bytes>>(), METH_NOARGS, docs::receive_bytes},
    {"receive_json", as_method<connection_receive_json>(), METH_VARARGS | METH_KEYWORDS, docs::receive_json},
    {"iter_text", as_method<connection_iterate<ReceiveKind::text>>(), METH_NOARGS, docs::iter_text},
    {"iter_bytes", as_method<connection_iterate<ReceiveKind::bytes>>(), METH_NOARGS, docs::iter_bytes},
    {"iter_json", as_method<connection_iter_json>(), METH_VARARGS | METH_KEYWORDS, docs::iter_json},
    {"send_text", as_method<connection_send_text>(), METH_FASTCALL | METH_KEYWORDS, docs::send_text},
    {"send_bytes", as_method<connection_send_bytes>(), METH_FASTCALL | METH_KEYWORDS, docs::send_bytes},
    {"send_json", as_method<connection_send_json>(), METH_VARARGS | METH_KEYWORDS, docs::send_json},
    {"_end", as_method<connection_end>(), METH_VARARGS, nullptr},
    {"_on_disconnect", as_method<connection_on_disconnect>(), METH_O, nullptr},
    {"__reduce__", as_method<connection_reduce>(), METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef connection_members[] = {
    {"app", T_OBJECT, offsetof(ConnectionObject, app), READONLY, docs::app},
    {"_app", T_OBJECT, offsetof(ConnectionObject, app), 0, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ConnectionObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot connection_slots[] = {
    {Py_tp_doc, const_cast<char*>(docs::connection)},
    {Py_tp_dealloc, reinterpret_cast<void*>(connection_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(connection_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(connection_clear)},
    {Py_tp_repr, reinterpret_cast<void*>(guarded<connection_repr>)},
    {Py_am_aiter, reinterpret_cast<void*>(guarded<connection_aiter>)},
    {Py_tp_methods, connection_methods},
    {Py_tp_getset, connection_attributes},
    {Py_tp_members, connection_members},
    {0, nullptr},
};

PyType_Spec connection_spec = {"proapi.WebSocketConnection", sizeof(ConnectionObject), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               connection_slots};

}  // namespace

PyObject* loop_of_connection(PyObject* self) {
    return as_connection(self)->loop;
}

PyObject* make_connection(const ModuleState& state, base::IntrusivePtr<service::WebSocket> websocket, PyObject* loop) {
    auto dropped_in_a_row = count_of_dropped_sends();
    auto* self = PyObject_GC_New(ConnectionObject, state.connection_type);
    if (!self) return nullptr;
    self->websocket = websocket.get();
    self->websocket->add_reference();
    self->state = &state;
    self->source = nullptr;
    self->receiver = nullptr;
    self->spare_receive = nullptr;
    self->on_disconnect = nullptr;
    self->loop = Py_NewRef(loop);
    std::construct_at(&self->dropped_in_a_row, std::move(dropped_in_a_row));
    self->path_params = self->headers = self->query_params = self->cookies = nullptr;
    self->user_data = self->attributes = self->app = self->weak_references = nullptr;
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
}

bool add_connection_type(PyObject* module) {
    PyTypeObject* type = state_of_module(module).connection_type = make_type(module, connection_spec);
    return type && PyModule_AddType(module, type) == 0;
}

}  // namespace proapi::bindings
