#include "bindings/request_info.hpp"

#include "bindings/arguments.hpp"
#include "bindings/registry.hpp"
#include "ws/handshake.hpp"

namespace proapi::bindings {

namespace {

PyObject* import_type(const char* module_name, const char* name) {
    PyObject* module = PyImport_ImportModule(module_name);
    PyObject* type = module ? PyObject_GetAttrString(module, name) : nullptr;
    Py_XDECREF(module);
    return type;
}

PyObject* make_uuid(const std::string& text) {
    static PyObject* type = nullptr;
    if (!type) type = import_type("uuid", "UUID");
    return type ? PyObject_CallFunction(type, "s", text.c_str()) : nullptr;
}

// The router has checked that the text fits the converter.
PyObject* convert(const std::string& text, http::Converter converter) {
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
            return make_uuid(text);
        case http::Converter::text:
        case http::Converter::path:
            return to_str(text);
    }
    return nullptr;
}

}  // namespace

PyObject* path_of(const service::RequestInfo& request) {
    const std::string_view raw_path = request.head.raw_path();
    const auto decoded = http::percent_decode(raw_path);
    return to_str(decoded ? std::string_view(*decoded) : raw_path);
}

PyObject* path_params_of(const service::RequestInfo& request) {
    PyObject* params = PyDict_New();
    for (const http::PathValue& parameter : request.match.parameters) {
        PyObject* value = params ? convert(parameter.value, parameter.converter) : nullptr;
        if (!value || PyDict_SetItemString(params, parameter.name.c_str(), value) != 0) Py_CLEAR(params);
        Py_XDECREF(value);
        if (!params) break;
    }
    return params;
}

PyObject* query_pairs_of(const service::RequestInfo& request) {
    return to_pairs(http::parse_query(request.head.query()));
}

PyObject* cookies_of(const service::RequestInfo& request) {
    http::Pairs cookies;
    for (const std::string_view field : request.head.headers.getlist("cookie"))
        for (auto& pair : http::parse_cookies(field)) cookies.push_back(std::move(pair));
    return to_dict(cookies);
}

PyObject* client_of(const service::RequestInfo& request) {
    if (request.client.host.empty()) Py_RETURN_NONE;
    static PyObject* type = nullptr;
    if (!type) type = import_type("proapi.datastructures", "Client");
    return type ? PyObject_CallFunction(type, "si", request.client.host.c_str(), static_cast<int>(request.client.port))
                : nullptr;
}

PyObject* subprotocols_of(const service::RequestInfo& request) {
    PyObject* list = PyList_New(0);
    for (const std::string_view one : ws::subprotocols_of(request.head)) {
        PyObject* text = list ? to_str(one) : nullptr;
        if (!text || PyList_Append(list, text) != 0) Py_CLEAR(list);
        Py_XDECREF(text);
        if (!list) break;
    }
    return list;
}

}  // namespace proapi::bindings
