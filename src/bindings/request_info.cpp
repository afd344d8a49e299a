#include "bindings/request_info.hpp"

#include "bindings/arguments.hpp"
#include "ws/handshake.hpp"

namespace proapi::bindings {

namespace {

// The router has checked that the text fits the converter.
PyObject* convert_parameter(const ModuleState& state, const std::string& text, http::Converter converter) {
    switch (converter) {
        case http::Converter::integer:
            return PyLong_FromString(text.c_str(), nullptr, 10);
        case http::Converter::floating: {
            PyObject* str = to_str(text);
            PyObject* number = str ? PyFloat_FromString(str) : nullptr;
            Py_XDECREF(str);
            return number;
        }
        case http::Converter::uuid:
            return PyObject_CallFunction(state.uuid_type, "s", text.c_str());
        case http::Converter::text:
        case http::Converter::path:
            return to_str(text);
    }
    return nullptr;
}

}  // namespace

PyObject* make_path(const service::RequestInfo& request) {
    const std::string_view raw_path = request.head.raw_path();
    const auto decoded = http::percent_decode(raw_path);
    return to_str(decoded ? std::string_view(*decoded) : raw_path);
}

PyObject* make_path_params(const ModuleState& state, const service::RequestInfo& request) {
    PyObject* params = PyDict_New();
    for (const http::PathValue& parameter : request.match.parameters) {
        PyObject* value = params ? convert_parameter(state, parameter.value, parameter.converter) : nullptr;
        if (!value || PyDict_SetItemString(params, parameter.name.c_str(), value) != 0) Py_CLEAR(params);
        Py_XDECREF(value);
        if (!params) break;
    }
    return params;
}

PyObject* make_query_pairs(const service::RequestInfo& request) {
    return to_pairs(http::parse_query(request.head.query()));
}

PyObject* make_cookies(const service::RequestInfo& request) {
    http::Pairs cookies;
    for (const std::string_view field : request.head.headers.getlist("cookie"))
        for (auto& pair : http::parse_cookies(field)) cookies.push_back(std::move(pair));
    return to_dict(cookies);
}

PyObject* make_client(const ModuleState& state, const service::RequestInfo& request) {
    if (request.client.host.empty()) Py_RETURN_NONE;
    return PyObject_CallFunction(state.client_type, "si", request.client.host.c_str(),
                                 static_cast<int>(request.client.port));
}

PyObject* make_client_certificate(const service::RequestInfo& request) {
    if (!request.client_certificate) Py_RETURN_NONE;
    return to_str(*request.client_certificate);
}

PyObject* make_subprotocols(const service::RequestInfo& request) {
    PyObject* list = PyList_New(0);
    for (const std::string_view one : ws::list_subprotocols(request.head)) {
        PyObject* text = list ? to_str(one) : nullptr;
        if (!text || PyList_Append(list, text) != 0) Py_CLEAR(list);
        Py_XDECREF(text);
        if (!list) break;
    }
    return list;
}

}  // namespace proapi::bindings
