// RequestInfo: the data behind a handler's Request, whatever server the request came through.
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "bindings/module_state.hpp"
#include "bindings/request_info.hpp"
#include "http/form.hpp"

namespace proapi::bindings {

namespace {

[[nodiscard]] std::string_view content_type(const RequestObject& self) {
    return self.info().head.headers.get("content-type").value_or("");
}

// (0, "", the fields), or (status, text, []).
nb::tuple parse_form(const RequestObject& self, const nb::bytes& body, std::size_t max_text) {
    const auto form = http::parse_form(content_type(self), {body.c_str(), body.size()}, max_text);
    if (!form) return nb::make_tuple(form.error().status(), form.error().text, nb::list());
    return nb::make_tuple(0, "", take(to_pairs(form->fields)));
}

nb::tuple read_form(const RequestObject& self, std::size_t max_fields, std::size_t max_files, std::size_t max_text) {
    return make_form_reader(content_type(self),
                            {.max_fields = max_fields, .max_files = max_files, .max_text_bytes = max_text});
}

}  // namespace

nb::object make_request(service::Exchange& exchange) {
    nb::object body = nb::none();
    if (exchange.is_body_whole()) {
        const std::string octets = exchange.take_body();
        body = nb::bytes(octets.data(), octets.size());
    }
    return nb::cast(
        RequestObject{.exchange = base::IntrusivePtr<service::Exchange>(&exchange), .body = std::move(body)});
}

void add_request_info(nb::module_& module) {
    using R = RequestObject;
    nb::class_<R>(module, "RequestInfo")
        .def_prop_ro("method", [](const R& self) { return self.info().head.method; })
        .def_prop_ro("path", [](const R& self) { return take(make_path(self.info())); })
        .def_prop_ro("path_params", [](const R& self) { return take(make_path_params(module_state(), self.info())); })
        .def_prop_ro("headers", [](const R& self) { return take(to_pairs(self.info().head.headers)); })
        .def_prop_ro("query_params", [](const R& self) { return take(make_query_pairs(self.info())); })
        .def_prop_ro("cookies", [](const R& self) { return take(make_cookies(self.info())); })
        .def_prop_ro("client", [](const R& self) { return take(make_client(module_state(), self.info())); })
        .def_prop_ro("client_certificate", [](const R& self) { return take(make_client_certificate(self.info())); })
        .def_prop_ro("url",
                     [](const R& self) { return take(to_str(service::make_url(self.info(), service::UrlKind::http))); })
        .def_prop_rw(
            "body",
            [](R& self) {
                self.is_body_read = true;
                return self.body;
            },
            [](R& self, nb::bytes body) { self.body = std::move(body); })
        .def("take_body", [](R& self) { return std::exchange(self.body, nb::none()); })
        .def_ro("is_body_read", &R::is_body_read)
        .def_rw("is_streamed", &R::is_streamed)
        .def("parse_form", parse_form, nb::arg("body"), nb::arg("max_text"))
        .def("read_form", read_form, nb::arg("max_fields"), nb::arg("max_files"), nb::arg("max_text"));
}

}  // namespace proapi::bindings
