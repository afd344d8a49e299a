// The extension module: what the engine exports to the package, and what the package registers with the engine.
//
// The definition is written out, because NB_MODULE would use the state of the module for itself. nanobind still has two
// globals: its table of the Python types of C++ types, once in a process, and its pointer to that table. So the module
// can be imported once in a process, by the main interpreter. It needs the GIL: nothing here has been tested without
// it.
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "bindings/completed_operation.hpp"
#include "bindings/guard.hpp"
#include "bindings/message_iterator.hpp"
#include "bindings/module_state.hpp"
#include "bindings/pending_future.hpp"
#include "bindings/python_errors.hpp"
#include "bindings/receive_operation.hpp"
#include "bindings/wait_operation.hpp"
#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

ModuleState& module_state() {
    auto* type = reinterpret_cast<PyTypeObject*>(nb::type<SiteObject>().ptr());
    return *static_cast<ModuleState*>(PyType_GetModuleState(type));
}

void raise(const service::Error& error) {
    raise_error(module_state(), error);
    throw nb::python_error();
}

void raise(const http::Error& error) {
    throw nb::value_error(error.text.c_str());
}

http::Headers to_headers(const nb::object& pairs) {
    http::Headers headers;
    if (!read_headers(pairs.ptr(), headers)) throw nb::python_error();
    return headers;
}

int logging_level(service::LogLevel level) noexcept {
    return (static_cast<int>(level) + 1) * 10;  // DEBUG 10, INFO 20, WARNING 30, ERROR 40
}

namespace {

[[nodiscard]] PyObject* attribute(const char* module, const char* name) {
    return nb::object(nb::module_::import_(module).attr(name)).release().ptr();
}

void add_register(nb::module_& module) {
    module.def(
        "register",
        [&state = state_of_module(module.ptr())](
            nb::object headers_type, nb::object query_params_type, nb::object client_type, nb::object state_type,
            nb::object disconnect_error, nb::object state_error, nb::object message_error, nb::object encode_json,
            nb::object decode_json, nb::object is_own_task, nb::object done_future) {
            if (state.headers_type) throw std::runtime_error("register: expected one call, got another");
            state.headers_type = headers_type.release().ptr();
            state.query_params_type = query_params_type.release().ptr();
            state.client_type = client_type.release().ptr();
            state.state_type = state_type.release().ptr();
            state.disconnect_error = disconnect_error.release().ptr();
            state.state_error = state_error.release().ptr();
            state.message_error = message_error.release().ptr();
            state.encode_json = encode_json.release().ptr();
            state.decode_json = decode_json.release().ptr();
            state.is_own_task = is_own_task.release().ptr();
            state.done_future = done_future.release().ptr();
            state.cancelled_error = attribute("asyncio", "CancelledError");
            state.get_running_loop = attribute("asyncio", "get_running_loop");
            state.uuid_type = attribute("uuid", "UUID");
        },
        nb::kw_only(), nb::arg("headers_type"), nb::arg("query_params_type"), nb::arg("client_type"),
        nb::arg("state_type"), nb::arg("disconnect_error"), nb::arg("state_error"), nb::arg("message_error"),
        nb::arg("encode_json"), nb::arg("decode_json"), nb::arg("is_own_task"), nb::arg("done_future"));
}

// msgspec writes null for a NaN or an infinity, and words if that is a key or a Decimal: nan": inf": NaN" Infinity"
bool may_hide_non_finite(std::string_view json) noexcept {
    for (std::size_t at = json.find('n'); at != std::string_view::npos; at = json.find('n', at + 1)) {
        const std::string_view rest = json.substr(at);
        if (rest.starts_with("null") || rest.starts_with("nan\":")) return true;
        if (at > 0 && (rest.starts_with("nf\":") || rest.starts_with("nfinity\""))) return true;
    }
    return json.find("NaN\"") != std::string_view::npos;
}

void add_json(nb::module_& module) {
    module.def(
        "may_hide_non_finite", [](const nb::bytes& json) { return may_hide_non_finite({json.c_str(), json.size()}); },
        nb::arg("json"));
}

[[noreturn]] void refuse_import(const char* reason) {
    PyErr_SetString(PyExc_ImportError, reason);
    throw nb::python_error();
}

void fill_module(nb::module_ module) {
    if (PyInterpreterState_Get() != PyInterpreterState_Main())
        refuse_import("proapi works in the main interpreter only, got a subinterpreter");
    if (!nb::register_module(module)) throw nb::python_error();
    if (nb::type<SiteObject>().is_valid()) refuse_import("proapi._engine was imported before in this process");
#ifdef NDEBUG
    // A server in a daemon thread may still exist when the interpreter ends: that is not a leak.
    nb::set_leak_warnings(false);
#endif
    module.attr("version") = PROAPI_VERSION;
    for (const auto add : {add_completed_operation_type, add_pending_future_type, add_wait_operation_type,
                           add_receive_operation_type, add_message_iterator_type, add_connection_type})
        if (!add(module.ptr())) throw nb::python_error();
    add_register(module);
    add_json(module);
    add_cors(module);
    add_site(module);
    add_request_info(module);
    add_form_reader(module);
    add_exchange(module);
    add_asgi_exchange(module);
    add_asgi_websocket(module);
    add_tls_options(module);
    add_engine(module);
    add_listening_sockets(module);
    add_machines(module);
}

// ---- the definition ---------------------------------------------------------------------------------------------

int execute(PyObject* module) noexcept {
    try {
        fill_module(nb::borrow<nb::module_>(module));
        return 0;
    } catch (...) {
        set_python_error();
        return -1;
    }
}

int traverse(PyObject* module, visitproc visit, void* arg) {
    return traverse_state(state_of_module(module), visit, arg);
}

int clear(PyObject* module) {
    clear_state(state_of_module(module));
    return 0;
}

void free_state(void* module) {
    clear_state(state_of_module(static_cast<PyObject*>(module)));
}

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(execute)},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, nullptr},
};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "proapi._engine",
    .m_doc = nullptr,
    .m_size = sizeof(ModuleState),
    .m_methods = nullptr,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_state,
};

}  // namespace

}  // namespace proapi::bindings

PyMODINIT_FUNC PyInit__engine() {
    return PyModuleDef_Init(&proapi::bindings::definition);
}
