// Cors: the rules of CORS, checked when they are made, for Site.add_cors().
#include "service/cors.hpp"

#include "bindings/classes.hpp"
#include "bindings/python_errors.hpp"

namespace proapi::bindings {

namespace {

using Names = std::vector<std::string>;

// An exception, such as a MemoryError, leaves the loop's turn; the origin is not allowed then.
[[nodiscard]] bool matches(const nb::callable& matches_origin, std::string_view origin) {
    try {
        return !matches_origin(origin).is_none();
    } catch (nb::python_error& error) {
        error.restore();
        keep_exception(matches_origin.ptr());
        return false;
    }
}

void make(CorsObject* self, const Names& allow_origins, const nb::object& matches_origin, const Names& allow_methods,
          const Names& allow_headers, const Names& expose_headers, std::int64_t max_age_s, bool allow_credentials,
          bool allow_private_network) {
    service::CorsOptions options{.allow_origins = allow_origins,
                                 .matches_origin = nullptr,
                                 .allow_methods = allow_methods,
                                 .allow_headers = allow_headers,
                                 .expose_headers = expose_headers,
                                 .max_age = std::chrono::seconds(max_age_s),
                                 .allow_credentials = allow_credentials,
                                 .allow_private_network = allow_private_network};
    if (!matches_origin.is_none())
        options.matches_origin = [call = nb::borrow<nb::callable>(matches_origin)](std::string_view origin) {
            return matches(call, origin);
        };
    new (self) CorsObject{require(service::Cors::make(options))};
}

}  // namespace

void add_cors(nb::module_& module) {
    nb::class_<CorsObject>(module, "Cors")
        .def("__init__", make, nb::kw_only(), nb::arg("allow_origins"), nb::arg("matches_origin").none(),
             nb::arg("allow_methods"), nb::arg("allow_headers"), nb::arg("expose_headers"), nb::arg("max_age_s"),
             nb::arg("allow_credentials"), nb::arg("allow_private_network"))
        .def_prop_ro("websocket_origins", [](const CorsObject& self) { return self.cors->websocket_origins(); });
}

}  // namespace proapi::bindings
