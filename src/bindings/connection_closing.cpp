// close() and wait_closed() of WebSocketConnection, and who learns of the connection's end: its own handler gets an
// exception, and the callback of _on_disconnect() is called unless the handler has ended the connection itself or was
// told of its end.
//
// Knows no close codes but the default: service::WebSocket checks them.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "bindings/arguments.hpp"
#include "bindings/completed_operation.hpp"
#include "bindings/connection_methods.hpp"
#include "bindings/disconnect_callback.hpp"
#include "bindings/python_errors.hpp"
#include "bindings/wait_operation.hpp"
#include "service/ending.hpp"

namespace proapi::bindings {

namespace {

PyObject* return_none(PyObject*) {
    Py_RETURN_NONE;
}
bool is_unflushed(PyObject* self) {
    return get_websocket(self).buffered_amount() > 0;
}
void enlist_flushed(PyObject* self, service::Waiter& waiter) {
    get_websocket(self).wait_flushed(waiter);
}
bool has_not_ended(PyObject* self) {
    return !get_websocket(self).has_ended();
}
void enlist_closed(PyObject* self, service::Waiter& waiter) {
    get_websocket(self).wait_closed(waiter);
}
PyObject* return_when_ended(PyObject* self) {
    get_websocket(self).mark_end_seen();
    Py_RETURN_NONE;
}

// Text of the application's for the log: whatever is not UTF-8 in it is escaped. Throws what Python raises.
[[nodiscard]] nb::object to_utf8(PyObject* text) {
    nb::object octets = nb::steal(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
    if (!octets.is_valid()) throw nb::python_error();
    return octets;
}
[[nodiscard]] std::string_view view(const nb::object& octets) {
    return {PyBytes_AS_STRING(octets.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(octets.ptr()))};
}

constexpr WaitCondition wait_for_flush{is_unflushed, enlist_flushed, return_none, loop_of_connection};
constexpr WaitCondition wait_for_end{has_not_ended, enlist_closed, return_when_ended, loop_of_connection};

}  // namespace

// ---- who learns of the end --------------------------------------------------------------------------------------

int is_own_task(PyObject* self) {
    PyObject* answer = PyObject_CallOneArg(find_module_state(self).is_own_task, self);
    const int is_own = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return is_own;
}

PyObject* raise_end_to_handler(PyObject* self) {
    service::WebSocket& websocket = get_websocket(self);
    websocket.mark_end_seen();
    drop_disconnect_callback(as_connection(self));
    return raise_error(find_module_state(self), websocket.make_disconnect_error(), &websocket);
}

void drop_disconnect_callback(ConnectionObject* connection) noexcept {
    delete std::exchange(connection->on_disconnect, nullptr);
}

bool forget_disconnect_of_own(ConnectionObject* connection) {
    if (!connection->on_disconnect) return true;
    const int is_own = is_own_task(reinterpret_cast<PyObject*>(connection));
    if (is_own > 0) drop_disconnect_callback(connection);
    return is_own >= 0;
}

PyObject* connection_on_disconnect(PyObject* self, PyObject* callback) {
    drop_disconnect_callback(as_connection(self));
    service::WebSocket& websocket = get_websocket(self);
    if (!websocket.is_closed()) {
        as_connection(self)->on_disconnect = new DisconnectCallback(callback);
        websocket.wait_no_longer_open(*as_connection(self)->on_disconnect);
    }
    Py_RETURN_NONE;
}

// ---- ending it --------------------------------------------------------------------------------------------------

PyObject* connection_close(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* const names[] = {"code", "reason", nullptr};
    PyObject *code_argument = nullptr, *reason = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO:close", const_cast<char**>(names), &code_argument,
                                     &reason))
        return nullptr;
    int code = ws::close_code::normal;
    if (code_argument && !read_int(code_argument, "close: code", code)) return nullptr;
    std::string_view text;
    if (reason != Py_None && !read_str(reason, "close: reason", text)) return nullptr;
    service::WebSocket& websocket = get_websocket(self);
    if (code < 0 || code > 0xffff) {  // read_int() cuts large numbers, which the error shows as they were given
        const nb::object given = to_utf8(nb::str(nb::handle(code_argument)).ptr());
        return raise_error(find_module_state(self), make_error(service::ErrorCode::bad_close_code, {view(given)}));
    }
    if (const auto done = websocket.close(code, text); !done)
        return raise_error(find_module_state(self), done.error(), &websocket);
    if (!forget_disconnect_of_own(as_connection(self))) return nullptr;
    return websocket.buffered_amount() > 0 ? make_wait(find_module_state(self), self, wait_for_flush)
                                           : completed_none(find_module_state(self));
}

PyObject* connection_wait_closed(PyObject* self, PyObject*) {
    return make_wait(find_module_state(self), self, wait_for_end);
}

PyObject* connection_end(PyObject* self, PyObject* arguments) {
    static constexpr std::array<std::pair<std::string_view, service::HandlerEnd>, 6> ends{{
        {"returned", service::HandlerEnd::returned},
        {"disconnected", service::HandlerEnd::disconnected},
        {"wrong_kind", service::HandlerEnd::wrong_kind},
        {"wrong_content", service::HandlerEnd::wrong_content},
        {"stopped", service::HandlerEnd::stopped},
        {"failed", service::HandlerEnd::failed},
    }};
    const char* end = nullptr;
    PyObject *handler = nullptr, *error = nullptr;
    if (!PyArg_ParseTuple(arguments, "sUU:_end", &end, &handler, &error)) return nullptr;
    const auto* const found = std::ranges::find(ends, std::string_view(end), &decltype(ends)::value_type::first);
    if (found == ends.end()) return PyErr_Format(PyExc_ValueError, "_end: unknown end '%s'", end);
    const nb::object handler_text = to_utf8(handler), error_text = to_utf8(error);
    const auto line = service::end_websocket(get_websocket(self), found->second, view(handler_text), view(error_text));
    return line ? to_str(*line) : Py_NewRef(Py_None);
}

}  // namespace proapi::bindings
