// The nanobind classes of the extension, and the helpers that they share. The add_*() function of each source file adds
// its classes to the module.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "http/form_reader.hpp"
#include "net/listening_sockets.hpp"
#include "server/server.hpp"
#include "service/cors.hpp"
#include "service/error.hpp"
#include "service/exchange.hpp"
#include "service/log.hpp"
#include "service/static_files.hpp"

namespace proapi::bindings {

namespace nb = nanobind;

void add_cors(nb::module_& module);
void add_site(nb::module_& module);
void add_request_info(nb::module_& module);
void add_form_reader(nb::module_& module);
void add_exchange(nb::module_& module);
void add_asgi_exchange(nb::module_& module);
void add_asgi_websocket(nb::module_& module);
void add_engine(nb::module_& module);
void add_tls_options(nb::module_& module);
void add_listening_sockets(nb::module_& module);
void add_machines(nb::module_& module);

// Routes and settings. Servers keep the Python object alive.
struct SiteObject {
    service::Site site;
    std::vector<std::map<std::string, std::string>> route_settings;  // by route: its own settings

    // Computes the settings of each route from the application's and its own. Call after either has changed.
    void apply_settings();
    // Throws ValueError for settings that contradict each other (low_water above high_water). Call it after all
    // settings are set, since they may be set in any order.
    void check_settings() const;
};

struct CorsObject {
    std::shared_ptr<const service::Cors> cors;
};

// The data behind a handler's Request.
struct RequestObject {
    base::IntrusivePtr<service::Exchange> exchange;
    nb::object body;  // bytes, the only copy: make_request() moves it out of the exchange. None until it is whole.
    bool is_body_read = false, is_streamed = false;

    [[nodiscard]] const service::RequestInfo& info() const noexcept { return exchange->request(); }
};
[[nodiscard]] nb::object make_request(service::Exchange& exchange);

// (0, "", FormReader), (0, "", None) for a body that is not multipart/form-data, or (status, text, None).
[[nodiscard]] nb::tuple make_form_reader(std::string_view content_type, const http::FormLimits& limits);

// Sends what Site.find_file() has found, with this status and these fields.
struct FoundFile {
    service::StaticFile found;
};
void respond_with_found(service::Exchange& exchange, int status, const nb::object& headers, FoundFile& file);

// The number that the package knows the handler of a request by: its route's, or the number after the last route's for
// a request that would be refused.
[[nodiscard]] std::size_t handler_number(const service::Exchange& exchange, const service::Site& site) noexcept;
// (status, text, header fields), or None.
[[nodiscard]] nb::list make_fields(const http::Headers& headers);
[[nodiscard]] nb::object make_refusal(const service::Exchange& exchange);

using HeaderPairs = std::vector<std::pair<std::string, std::string>>;
// Converts what read_headers() reads. Throws nb::python_error for anything else.
[[nodiscard]] http::Headers to_headers(const nb::object& pairs);

// Sends a handler's file as the response. Throws OSError if the file can't be opened although it may exist.
// service::end_request() of a handler that has failed, or was cancelled by the stop.
void fail(service::Exchange& exchange, bool stopping);
void respond_with_file(service::Exchange& exchange, int status, const nb::object& headers, const nb::bytes& path);

// The next part of the request's body as bytes. None: nothing more comes, because the body is whole or has failed, or
// the client has left.
[[nodiscard]] nb::object read_body_part(service::Exchange& exchange);
// Status and text of the refusal of a body that has failed; None if it has not.
[[nodiscard]] nb::object body_refusal(const service::Exchange& exchange);

// Returns the level number of the module `logging`.
[[nodiscard]] int logging_level(service::LogLevel level) noexcept;

// Throws the Python exception for an error. For http::Error that is ValueError.
[[noreturn]] void raise(const service::Error& error);
[[noreturn]] void raise(const http::Error& error);
// Returns the value, or throws the exception for the error.
template <class T, class E>
T require(base::Result<T, E> result) {
    if (!result) raise(result.error());
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}
// Takes ownership of a new reference that a C function has returned. Throws nb::python_error if it is null.
[[nodiscard]] inline nb::object take(PyObject* object) {
    if (!object) throw nb::python_error();
    return nb::steal(object);
}

// Slots for a class that holds Python objects: let the garbage collector visit (traverse) and release (clear) them.
template <class T>
inline PyType_Slot collectable[] = {
    {Py_tp_traverse, reinterpret_cast<void*>(+[](PyObject* self, visitproc visit, void* arg) -> int {
         Py_VISIT(Py_TYPE(self));
         return nb::inst_ready(self) ? nb::inst_ptr<T>(self)->traverse(visit, arg) : 0;
     })},
    {Py_tp_clear, reinterpret_cast<void*>(+[](PyObject* self) -> int {
         if (nb::inst_ready(self)) nb::inst_ptr<T>(self)->clear();
         return 0;
     })},
    {0, nullptr},
};

using AddressPairs = std::vector<std::pair<std::string, std::uint16_t>>;
[[nodiscard]] AddressPairs to_pairs(const std::vector<base::Address>& addresses);
// Throws OSError.
[[nodiscard]] std::vector<net::ListeningSocket> sockets_for_worker(net::ListeningSockets& sockets);

[[nodiscard]] nb::object make_exchange(base::IntrusivePtr<service::Exchange> exchange, const nb::object& loop);

}  // namespace proapi::bindings
