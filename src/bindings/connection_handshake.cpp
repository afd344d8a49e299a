// accept() and reject() of WebSocketConnection: the response to the handshake.
//
// Knows no HTTP: service::WebSocket checks headers and statuses.
#include <optional>
#include <string_view>

#include "bindings/arguments.hpp"
#include "bindings/completed_operation.hpp"
#include "bindings/connection_methods.hpp"
#include "bindings/python_errors.hpp"

namespace proapi::bindings {

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
    service::WebSocket& websocket = get_websocket(self);
    if (const auto done = websocket.accept(chosen, headers); !done)
        return raise_error(find_module_state(self), done.error(), &websocket);
    return completed_none(find_module_state(self));
}

PyObject* connection_reject(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* const names[] = {"status_code", "body", "headers", "status",
                                        nullptr};  // the last: an older name
    PyObject *status_argument = nullptr, *older_status = nullptr, *body = nullptr, *header_argument = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|OOO$O:reject", const_cast<char**>(names), &status_argument,
                                     &body, &header_argument, &older_status))
        return nullptr;
    if (status_argument && older_status) {
        PyErr_SetString(PyExc_TypeError, "reject: expected status_code or its older name status, got both");
        return nullptr;
    }
    if (older_status) status_argument = older_status;
    int status = 403;
    if (status_argument && !read_int(status_argument, "reject: status_code", status)) return nullptr;
    std::string_view text;
    if (body && PyBytes_Check(body)) {
        text = {PyBytes_AS_STRING(body), static_cast<std::size_t>(PyBytes_GET_SIZE(body))};
    } else if (body && !PyUnicode_Check(body)) {
        return PyErr_Format(PyExc_TypeError, "reject: body: expected str or bytes, got %.200s", Py_TYPE(body)->tp_name);
    } else if (body && !read_str(body, "reject: body", text)) {
        return nullptr;
    }
    http::Headers headers;
    if (!read_headers(header_argument, headers)) return nullptr;
    service::WebSocket& websocket = get_websocket(self);
    if (const auto done = websocket.reject(status, text, headers); !done)
        return raise_error(find_module_state(self), done.error(), &websocket);
    return forget_disconnect_of_own(as_connection(self)) ? completed_none(find_module_state(self)) : nullptr;
}

}  // namespace proapi::bindings
