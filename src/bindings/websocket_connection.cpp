#include "bindings/websocket_connection.hpp"

#include <structmember.h>

#include <utility>

#include "bindings/arguments.hpp"
#include "bindings/awaitable.hpp"
#include "bindings/disconnect_callback.hpp"
#include "bindings/docstrings.hpp"
#include "bindings/guard.hpp"
#include "bindings/registry.hpp"
#include "bindings/request_info.hpp"
#include "bindings/wait.hpp"

namespace proapi::bindings {

namespace {

PyTypeObject* connection_type = nullptr;

// ---- who calls --------------------------------------------------------------------------------------------------

// Whether the running task is that of the connection's own handler; negative with an exception set.
int is_own_task(PyObject* self) {
    PyObject* answer = PyObject_CallOneArg(registry().is_own_task, self);
    const int is_own = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return is_own;
}

void drop_disconnect_callback(PyObject* self) noexcept {
    delete std::exchange(as_connection(self)->on_disconnect, nullptr);
}

// ---- waiting ----------------------------------------------------------------------------------------------------

PyObject* borrow_loop(PyObject* self) {
    return as_connection(self)->loop;
}
PyObject* give_none(PyObject*) {
    Py_RETURN_NONE;
}

bool is_undrained(PyObject* self) {
    return !websocket_of(self).is_closed() && websocket_of(self).is_above_low_water();
}
void enlist_drained(PyObject* self, service::Waiter& waiter) {
    websocket_of(self).wait_drained(waiter);
}
PyObject* give_delivered(PyObject* self) {
    return PyBool_FromLong(!websocket_of(self).is_closed());
}
// To the handler: it knows of the end from now on.
PyObject* raise_end(PyObject* self) {
    service::WebSocket& websocket = websocket_of(self);
    websocket.mark_end_seen();
    drop_disconnect_callback(self);
    return raise_problem(websocket.disconnect_problem(), &websocket);
}
PyObject* give_delivered_or_raise(PyObject* self) {
    if (!websocket_of(self).is_closed()) Py_RETURN_TRUE;
    return raise_end(self);
}
bool is_unflushed(PyObject* self) {
    return websocket_of(self).buffered_amount() > 0;
}
void enlist_flushed(PyObject* self, service::Waiter& waiter) {
    websocket_of(self).wait_flushed(waiter);
}
bool has_not_ended(PyObject* self) {
    return !websocket_of(self).has_ended();
}
void enlist_closed(PyObject* self, service::Waiter& waiter) {
    websocket_of(self).wait_closed(waiter);
}
PyObject* give_end(PyObject* self) {
    websocket_of(self).mark_end_seen();
    Py_RETURN_NONE;
}

constexpr WaitOperations wait_for_drain{is_undrained, enlist_drained, give_delivered, borrow_loop};
constexpr WaitOperations wait_for_own_drain{is_undrained, enlist_drained, give_delivered_or_raise, borrow_loop};
constexpr WaitOperations wait_for_flush{is_unflushed, enlist_flushed, give_none, borrow_loop};
constexpr WaitOperations wait_for_end{has_not_ended, enlist_closed, give_end, borrow_loop};

// ---- sending ----------------------------------------------------------------------------------------------------

// A send that is dropped does not wait, so a task that does nothing but send to a connection that has ended would hold
// the loop for ever: of so many in a row, with none between that was delivered, the last waits for the loop's next
// turn. (Not each: whoever sends to the members of a room is not to be interrupted because one of them has just left.)
constexpr int max_dropped_in_a_row = 100;
int dropped_in_a_row = 0;

PyObject* drop_send() {
    if (++dropped_in_a_row < max_dropped_in_a_row) return completed_false();
    dropped_in_a_row = 0;
    return make_completed_next_turn(Py_False);
}

// The end of a connection is raised in the task of its own handler only; anybody else's send is dropped. Who sends is
// asked here and not where the send is awaited: asyncio.wait_for() of Python 3.11 awaits in another task.
PyObject* send_or_throw(PyObject* self, service::MessageKind kind, base::Bytes payload) {
    service::SendResult result{};
    service::WebSocket& websocket = websocket_of(self);
    if (const service::Problem problem = websocket.send(kind, payload, result))
        return raise_problem(problem, &websocket);
    if (result == service::SendResult::sent) [[likely]] {
        dropped_in_a_row = 0;
        return completed_true();
    }
    const int is_own = is_own_task(self);
    if (is_own < 0) return nullptr;
    if (result == service::SendResult::full) return make_wait(self, is_own ? wait_for_own_drain : wait_for_drain);
    return is_own ? raise_end(self) : drop_send();
}

// Does not throw: its callers have something to release.
constexpr auto send = guarded<send_or_throw>;

// The one argument, by place or as `data`; null with the exception set.
PyObject* only_argument(PyObject* const* arguments, Py_ssize_t count, PyObject* keywords, const char* name) {
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    if (count + named == 1 &&
        (named == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, 0), "data") == 0))
        return arguments[0];
    PyErr_Format(PyExc_TypeError, "%s: expected one argument, data, got %zd", name, count + named);
    return nullptr;
}

PyObject* connection_send_text(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    PyObject* data = only_argument(arguments, count, keywords, "send_text");
    if (!data) return nullptr;
    std::string_view text;
    if (!read_str(data, "send_text", text)) return nullptr;
    return send(self, service::MessageKind::text, base::as_bytes(text));
}

// Null with an exception set: a BufferError where the octets do not stand in one piece.
PyObject* send_buffer(PyObject* self, PyObject* data) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) != 0) return nullptr;
    PyObject* result = send(self, service::MessageKind::binary,
                            {static_cast<const std::uint8_t*>(buffer.buf), static_cast<std::size_t>(buffer.len)});
    PyBuffer_Release(&buffer);
    return result;
}

PyObject* connection_send_bytes(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    PyObject* data = only_argument(arguments, count, keywords, "send_bytes");
    if (!data) return nullptr;
    if (!PyObject_CheckBuffer(data)) {
        PyErr_Format(PyExc_TypeError, "send_bytes: expected bytes, bytearray or memoryview, got %.200s",
                     Py_TYPE(data)->tp_name);
        return nullptr;
    }
    PyObject* result = send_buffer(self, data);
    if (result || !PyErr_ExceptionMatches(PyExc_BufferError)) return result;
    PyErr_Clear();
    PyObject* gathered = PyBytes_FromObject(data);  // of a memoryview of every second octet, say
    if (!gathered) return nullptr;
    result = send_buffer(self, gathered);
    Py_DECREF(gathered);
    return result;
}

PyObject* connection_send_json(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* const names[] = {"data", "mode", nullptr};
    PyObject* data = nullptr;
    const char* mode = "text";
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|s:send_json", const_cast<char**>(names), &data, &mode))
        return nullptr;
    const std::string_view wanted(mode);
    if (wanted != "text" && wanted != "binary") {
        PyErr_Format(PyExc_ValueError, "send_json: expected mode 'text' or 'binary', got '%.50s'", mode);
        return nullptr;
    }
    PyObject* encoded = PyObject_CallOneArg(registry().encode_json, data);
    if (!encoded) return nullptr;
    PyObject* result = nullptr;
    char* octets = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(encoded, &octets, &size) == 0)
        result = send(self, wanted == "text" ? service::MessageKind::text : service::MessageKind::binary,
                      base::as_bytes({octets, static_cast<std::size_t>(size)}));
    Py_DECREF(encoded);
    return result;
}

// ---- receiving --------------------------------------------------------------------------------------------------

template <ReceiveKind kind>
PyObject* connection_receive(PyObject* self, PyObject*) {
    return make_receive(as_connection(self), kind, EndOfMessages::raises, nullptr);
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
    return make_receive(as_connection(self), ReceiveKind::json, EndOfMessages::raises, json_type);
}

PyObject* connection_iter_json(PyObject* self, PyObject* arguments, PyObject* keywords) {
    PyObject* json_type = nullptr;
    if (!read_json_type(arguments, keywords, "|O:iter_json", json_type)) return nullptr;
    return make_message_iterator(as_connection(self), ReceiveKind::json, json_type);
}

// ---- opening and closing ----------------------------------------------------------------------------------------

PyObject* connection_on_disconnect(PyObject* self, PyObject* callback) {
    drop_disconnect_callback(self);
    service::WebSocket& websocket = websocket_of(self);
    if (!websocket.is_closed()) {
        as_connection(self)->on_disconnect = new DisconnectCallback(callback);
        websocket.wait_no_longer_open(*as_connection(self)->on_disconnect);
    }
    Py_RETURN_NONE;
}

PyObject* connection_accept(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* const names[] = {"subprotocol", "headers", nullptr};
    PyObject *subprotocol = Py_None, *header_argument = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO:accept", const_cast<char**>(names), &subprotocol,
                                     &header_argument))
        return nullptr;
    std::optional<std::string_view> chosen;
    if (subprotocol != Py_None) {
        std::string_view text;
        if (!read_str(subprotocol, "accept: subprotocol", text)) return nullptr;
        chosen = text;
    }
    http::Headers headers;
    if (!read_headers(header_argument, headers)) return nullptr;
    service::WebSocket& websocket = websocket_of(self);
    if (const service::Problem problem = websocket.accept(chosen, headers)) return raise_problem(problem, &websocket);
    return completed_none();
}

PyObject* connection_close(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* const names[] = {"code", "reason", nullptr};
    PyObject *code_argument = nullptr, *reason = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO:close", const_cast<char**>(names), &code_argument,
                                     &reason))
        return nullptr;
    int code = ws::close_code::normal;
    if (code_argument && !read_int(code_argument, code)) return nullptr;
    std::string_view text;
    if (reason != Py_None && !read_str(reason, "close: reason", text)) return nullptr;
    service::WebSocket& websocket = websocket_of(self);
    if (code < 0 || code > 0xffff) {
        PyErr_Format(PyExc_ValueError, "close(): expected a code of 1000-1003, 1007-1014 or 3000-4999, got %R",
                     code_argument);
        return nullptr;
    }
    if (const service::Problem problem = websocket.close(static_cast<std::uint16_t>(code), text))
        return raise_problem(problem, &websocket);
    if (!forget_disconnect_of_own(as_connection(self))) return nullptr;
    return websocket.buffered_amount() > 0 ? make_wait(self, wait_for_flush) : completed_none();
}

PyObject* connection_reject(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* const names[] = {"status", "body", "headers", nullptr};
    PyObject *status_argument = nullptr, *body = nullptr, *header_argument = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OOO:reject", const_cast<char**>(names), &status_argument,
                                     &body, &header_argument))
        return nullptr;
    int status = 403;
    if (status_argument && !read_int(status_argument, status)) return nullptr;
    std::string_view text;
    if (body && PyBytes_Check(body)) {
        text = {PyBytes_AS_STRING(body), static_cast<std::size_t>(PyBytes_GET_SIZE(body))};
    } else if (body && !read_str(body, "reject: body", text)) {
        return nullptr;
    }
    http::Headers headers;
    if (!read_headers(header_argument, headers)) return nullptr;
    service::WebSocket& websocket = websocket_of(self);
    if (const service::Problem problem = websocket.reject(status, text, headers))
        return raise_problem(problem, &websocket);
    return forget_disconnect_of_own(as_connection(self)) ? completed_none() : nullptr;
}

PyObject* connection_wait_closed(PyObject* self, PyObject*) {
    return make_wait(self, wait_for_end);
}

// ---- the object -------------------------------------------------------------------------------------------------

PyObject* connection_repr(PyObject* self) {
    const service::WebSocket& websocket = websocket_of(self);
    PyObject* path = path_of(websocket.request());
    const char* state = websocket.is_closed() ? "closed" : websocket.is_accepted() ? "open" : "connecting";
    PyObject* text = path ? PyUnicode_FromFormat("<WebSocketConnection %U %s>", path, state) : nullptr;
    Py_XDECREF(path);
    return text;
}

// The older protocols of pickle would make an empty shell of it.
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
    if (connection->on_disconnect) {
        if (const int result = connection->on_disconnect->traverse(visit, arg)) return result;
    }
    return traverse_receiver(connection, visit, arg);
}

int connection_clear(PyObject* self) {
    ConnectionObject* connection = as_connection(self);
    drop_receiver(connection);
    drop_disconnect_callback(self);
    Py_CLEAR(connection->loop);
    Py_CLEAR(connection->path_params);
    Py_CLEAR(connection->headers);
    Py_CLEAR(connection->query_params);
    Py_CLEAR(connection->cookies);
    Py_CLEAR(connection->user_data);
    return 0;
}

void connection_dealloc(PyObject* self) {
    ConnectionObject* connection = as_connection(self);
    PyObject_GC_UnTrack(self);
    if (connection->weak_references) PyObject_ClearWeakRefs(self);
    connection_clear(self);
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
    {"_on_disconnect", as_method<connection_on_disconnect>(), METH_O, nullptr},
    {"__reduce__", as_method<connection_reduce>(), METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef connection_members[] = {
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

bool forget_disconnect_of_own(ConnectionObject* connection) {
    if (!connection->on_disconnect) return true;
    auto* self = reinterpret_cast<PyObject*>(connection);
    const int is_own = is_own_task(self);
    if (is_own > 0) drop_disconnect_callback(self);
    return is_own >= 0;
}

PyObject* make_connection(base::IntrusivePtr<service::WebSocket> websocket, PyObject* loop) {
    auto* self = PyObject_GC_New(ConnectionObject, connection_type);
    if (!self) return nullptr;
    self->websocket = websocket.get();
    self->websocket->add_reference();
    self->source = nullptr;
    self->receiver = nullptr;
    self->on_disconnect = nullptr;
    self->loop = Py_NewRef(loop);
    self->path_params = self->headers = self->query_params = self->cookies = nullptr;
    self->user_data = self->weak_references = nullptr;
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
}

bool add_connection_type(PyObject* module) {
    PyObject* type = PyType_FromModuleAndSpec(module, &connection_spec, nullptr);
    connection_type = reinterpret_cast<PyTypeObject*>(type);
    return type && PyModule_AddObjectRef(module, "WebSocketConnection", type) == 0;
}

}  // namespace proapi::bindings
