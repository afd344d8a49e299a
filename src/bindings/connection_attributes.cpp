// The attributes of WebSocketConnection: those of its request, made at the first access and then kept, and its state.
#include "bindings/arguments.hpp"
#include "bindings/docstrings.hpp"
#include "bindings/guard.hpp"
#include "bindings/request_info.hpp"
#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

namespace {

PyObject* get_path(PyObject* self, void*) {
    return make_path(get_websocket(self).request());
}
PyObject* get_client(PyObject* self, void*) {
    return make_client(find_module_state(self), get_websocket(self).request());
}
PyObject* get_client_certificate(PyObject* self, void*) {
    return make_client_certificate(get_websocket(self).request());
}
PyObject* get_subprotocols(PyObject* self, void*) {
    return make_subprotocols(get_websocket(self).request());
}
PyObject* get_url(PyObject* self, void*) {
    return to_str(service::make_url(get_websocket(self).request(), service::UrlKind::websocket));
}

// Returns the attribute, made at the first access and then kept.
template <class Make>
PyObject* get_kept(PyObject*& field, Make&& make) {
    if (!field) field = make();
    return Py_XNewRef(field);
}

PyObject* make_mapping(PyObject* type, PyObject* pairs) {
    PyObject* mapping = pairs ? PyObject_CallOneArg(type, pairs) : nullptr;
    Py_XDECREF(pairs);
    return mapping;
}

PyObject* get_headers(PyObject* self, void*) {
    return get_kept(as_connection(self)->headers, [&] {
        return make_mapping(find_module_state(self).headers_type, to_pairs(get_websocket(self).request().head.headers));
    });
}
PyObject* get_query_params(PyObject* self, void*) {
    return get_kept(as_connection(self)->query_params, [&] {
        return make_mapping(find_module_state(self).query_params_type, make_query_pairs(get_websocket(self).request()));
    });
}
PyObject* get_cookies(PyObject* self, void*) {
    return get_kept(as_connection(self)->cookies, [&] { return make_cookies(get_websocket(self).request()); });
}
PyObject* get_path_params(PyObject* self, void*) {
    return get_kept(as_connection(self)->path_params,
                    [&] { return make_path_params(find_module_state(self), get_websocket(self).request()); });
}
PyObject* get_user_data(PyObject* self, void*) {
    return get_kept(as_connection(self)->user_data, PyDict_New);
}

PyObject* get_state(PyObject* self, void*) {
    return get_kept(as_connection(self)->attributes, [&]() -> PyObject* {
        PyObject* const data = get_user_data(self, nullptr);
        PyObject* const state = data ? PyObject_CallOneArg(find_module_state(self).state_type, data) : nullptr;
        Py_XDECREF(data);
        return state;
    });
}

PyObject* get_accepted(PyObject* self, void*) {
    return PyBool_FromLong(get_websocket(self).is_accepted());
}
PyObject* get_closed(PyObject* self, void*) {
    service::WebSocket& websocket = get_websocket(self);
    if (!websocket.is_closed()) websocket.watch_end();
    return PyBool_FromLong(websocket.is_closed());
}
PyObject* get_close_code(PyObject* self, void*) {
    const auto code = get_websocket(self).close_code();
    if (!code) Py_RETURN_NONE;
    return PyLong_FromLong(*code);
}
PyObject* get_close_reason(PyObject* self, void*) {
    if (!get_websocket(self).close_code()) Py_RETURN_NONE;
    return to_str(get_websocket(self).close_reason());
}
PyObject* get_is_abandoned(PyObject* self, void*) {
    const service::WebSocket& websocket = get_websocket(self);
    return PyBool_FromLong(websocket.has_ended() && !websocket.is_end_seen());
}
PyObject* get_subprotocol(PyObject* self, void*) {
    if (get_websocket(self).subprotocol().empty()) Py_RETURN_NONE;
    return to_str(get_websocket(self).subprotocol());
}
PyObject* get_buffered_amount(PyObject* self, void*) {
    return PyLong_FromSize_t(get_websocket(self).buffered_amount());
}

}  // namespace

PyGetSetDef connection_attributes[] = {
    {"path", guarded<get_path>, nullptr, docs::path, nullptr},
    {"path_params", guarded<get_path_params>, nullptr, docs::path_params, nullptr},
    {"query_params", guarded<get_query_params>, nullptr, docs::query_params, nullptr},
    {"headers", guarded<get_headers>, nullptr, docs::headers, nullptr},
    {"cookies", guarded<get_cookies>, nullptr, docs::cookies, nullptr},
    {"subprotocols", guarded<get_subprotocols>, nullptr, docs::subprotocols, nullptr},
    {"client", guarded<get_client>, nullptr, docs::client, nullptr},
    {"client_certificate", guarded<get_client_certificate>, nullptr, docs::client_certificate, nullptr},
    {"url", guarded<get_url>, nullptr, docs::url, nullptr},
    {"state", guarded<get_state>, nullptr, docs::state, nullptr},
    {"user_data", guarded<get_user_data>, nullptr, docs::user_data, nullptr},
    {"accepted", guarded<get_accepted>, nullptr, docs::accepted, nullptr},
    {"closed", guarded<get_closed>, nullptr, docs::closed, nullptr},
    {"close_code", guarded<get_close_code>, nullptr, docs::close_code, nullptr},
    {"close_reason", guarded<get_close_reason>, nullptr, docs::close_reason, nullptr},
    {"subprotocol", guarded<get_subprotocol>, nullptr, docs::subprotocol, nullptr},
    {"buffered_amount", guarded<get_buffered_amount>, nullptr, docs::buffered_amount, nullptr},
    {"_is_abandoned", guarded<get_is_abandoned>, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace proapi::bindings
