#include "bindings/received_message.hpp"

#include <string>

namespace proapi::bindings {

namespace {

PyObject* make_str(base::Bytes payload) {
    const std::string_view text = base::as_text(payload);
    return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* make_bytes(base::Bytes payload) {
    return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(payload.data()),
                                     static_cast<Py_ssize_t>(payload.size()));
}

// Raises WebSocketMessageError(text, data, close_code). The message is not lost: it is the error's `data`.
PyObject* raise_message_error(const ModuleState& state, const char* text, PyObject* data, int close_code) {
    PyObject* error = data ? PyObject_CallFunction(state.message_error, "sOi", text, data, close_code) : nullptr;
    if (error) PyErr_SetObject(state.message_error, error);
    Py_XDECREF(error);
    return nullptr;
}

PyObject* json_object(const ModuleState& state, PyObject* octets, service::MessageKind kind, PyObject* json_type) {
    PyObject* object =
        PyObject_CallFunctionObjArgs(state.decode_json, octets, json_type ? json_type : Py_None, nullptr);
    if (object || !PyErr_ExceptionMatches(PyExc_ValueError)) return object;
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* text = value ? PyObject_Str(value) : nullptr;
    const char* reason = text ? PyUnicode_AsUTF8(text) : nullptr;
    const std::string line = std::string("receive_json: ") + (reason ? reason : "expected JSON, got another message");
    PyErr_Clear();
    PyObject* data = kind == service::MessageKind::text
                         ? PyUnicode_DecodeUTF8(PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets), nullptr)
                         : Py_NewRef(octets);
    raise_message_error(state, line.c_str(), data, ws::close_code::invalid_payload);
    Py_XDECREF(data);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return nullptr;
}

}  // namespace

PyObject* copy_message(service::MessageView message, ReceiveKind kind) {
    const bool as_text = message.kind == service::MessageKind::text && kind != ReceiveKind::json;
    return as_text ? make_str(message.payload) : make_bytes(message.payload);
}

PyObject* convert_message(const ModuleState& state, PyObject* copy, service::MessageKind message_kind, ReceiveKind kind,
                          PyObject* json_type) {
    const bool is_text = message_kind == service::MessageKind::text;
    PyObject* object = nullptr;
    if (kind == ReceiveKind::json) {
        object = json_object(state, copy, message_kind, json_type);
    } else if (kind == ReceiveKind::text && !is_text) {
        raise_message_error(state, "receive_text: expected a text message, got a binary one", copy,
                            ws::close_code::unsupported_data);
    } else if (kind == ReceiveKind::bytes && is_text) {
        raise_message_error(state, "receive_bytes: expected a binary message, got a text one", copy,
                            ws::close_code::unsupported_data);
    } else {
        return copy;
    }
    Py_DECREF(copy);
    return object;
}

}  // namespace proapi::bindings
