// RequestInfo: the data behind a handler's Request, whatever server the request came through.
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "bindings/module_state.hpp"
#include "bindings/request_info.hpp"
#include "http/form.hpp"

namespace proapi::bindings {

namespace {

// (0, "", what `take_parts` makes of the form), or (status, text, nothing).
template <class TakeParts>
nb::tuple read_form(const RequestObject& self, TakeParts&& take_parts) {
    const auto body = nb::cast<nb::bytes>(self.body);
    const auto form =
        http::parse_form(self.info().head.headers.get("content-type").value_or(""), {body.c_str(), body.size()});
    if (!form) return nb::make_tuple(form.error().status(), form.error().text, nb::list());
    return nb::make_tuple(0, "", take_parts(*form));
}

nb::tuple parse_form(const RequestObject& self) {
    return read_form(self, [](const http::Form& form) { return take(to_pairs(form.fields)); });
}

nb::tuple parse_files(const RequestObject& self) {
    return read_form(self, [](const http::Form& form) {
        nb::list files;
        for (const auto& [name, filename, content_type, data] : form.files)
            files.append(nb::make_tuple(name, filename, content_type, nb::bytes(data.data(), data.size())));
        return files;
    });
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
        .def_ro("is_body_read", &R::is_body_read)
        .def_rw("is_streamed", &R::is_streamed)
        .def("parse_form", parse_form)
        .def("parse_files", parse_files);
}

}  // namespace proapi::bindings
