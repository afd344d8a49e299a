// The extension module: what the engine shows to the package, and what the package hands to the engine.
#include "bindings/awaitable.hpp"
#include "bindings/classes.hpp"
#include "bindings/guard.hpp"
#include "bindings/registry.hpp"
#include "bindings/wait.hpp"
#include "bindings/websocket_connection.hpp"

namespace proapi::bindings {

void set_python_error() noexcept {
    try {
        throw;
    } catch (nb::python_error& error) {
        error.restore();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    } catch (...) {
        PyErr_SetString(PyExc_SystemError, "the engine has failed");
    }
}

void check(const service::Problem& problem) {
    if (!problem) return;
    raise_problem(problem);
    throw nb::python_error();
}

http::Headers to_headers(const HeaderPairs& pairs) {
    http::Headers headers;
    for (const auto& [name, value] : pairs) headers.add(name, value);
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
        [](nb::object headers_type, nb::object query_params_type, nb::object disconnect_error, nb::object state_error,
           nb::object message_error, nb::object encode_json, nb::object decode_json, nb::object is_own_task,
           nb::object done_future) {
            Registry& known = registry();
            known.headers_type = headers_type.release().ptr();
            known.query_params_type = query_params_type.release().ptr();
            known.disconnect_error = disconnect_error.release().ptr();
            known.state_error = state_error.release().ptr();
            known.message_error = message_error.release().ptr();
            known.encode_json = encode_json.release().ptr();
            known.decode_json = decode_json.release().ptr();
            known.is_own_task = is_own_task.release().ptr();
            known.done_future = done_future.release().ptr();
            known.cancelled_error = attribute("asyncio", "CancelledError");
            known.get_running_loop = attribute("asyncio", "get_running_loop");
        },
        nb::kw_only(), nb::arg("headers_type"), nb::arg("query_params_type"), nb::arg("disconnect_error"),
        nb::arg("state_error"), nb::arg("message_error"), nb::arg("encode_json"), nb::arg("decode_json"),
        nb::arg("is_own_task"), nb::arg("done_future"));
}

// msgspec writes null for a NaN or an infinity, and words where it is a key or a Decimal: nan": inf": NaN" Infinity"
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

}  // namespace

NB_MODULE(_engine, module) {
    // Types and what Python has registered stand once in the process.
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "proapi works in the main interpreter only, got a subinterpreter");
        throw nb::python_error();
    }
#ifdef NDEBUG
    // A server in a daemon thread is still there when the interpreter ends: no fault of anybody's.
    nb::set_leak_warnings(false);
#endif
    module.attr("version") = PROAPI_VERSION;
    if (!add_awaitable_types(module.ptr()) || !add_receive_types(module.ptr()) || !add_wait_type(module.ptr()) ||
        !add_connection_type(module.ptr()))
        throw nb::python_error();
    add_register(module);
    add_json(module);
    add_site(module);
    add_request_info(module);
    add_exchange(module);
    add_asgi_exchange(module);
    add_asgi_websocket(module);
    add_engine(module);
    add_machines(module);
}

}  // namespace proapi::bindings
