// Exchange: an HTTP request over the engine's own socket, and its response.
#include "service/exchange.hpp"
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "bindings/completed_operation.hpp"
#include "bindings/disconnect_callback.hpp"
#include "bindings/wait_operation.hpp"
#include "service/ending.hpp"

namespace proapi::bindings {

namespace {

struct ExchangeObject {
    base::IntrusivePtr<service::Exchange> exchange;
    nb::object request;  // made at the first access
    nb::object loop;
    std::unique_ptr<DisconnectCallback> end_callback;

    void on_end(const nb::object& callback) {
        end_callback.reset();
        if (callback.is_none()) return;
        if (exchange->has_ended()) {  // soon, since a method must not call back
            loop.attr("call_soon")(callback);
            return;
        }
        end_callback = std::make_unique<DisconnectCallback>(callback.ptr());
        exchange->wait_end(*end_callback);
    }
};

service::Exchange& get_exchange(PyObject* self) {
    return *nb::inst_ptr<ExchangeObject>(nb::handle(self))->exchange;
}

constexpr WaitCondition wait_for_exchange_drain{
    .must_wait = [](PyObject* self) { return get_exchange(self).is_above_low_water(); },
    .enlist = [](PyObject* self, service::Waiter& waiter) { get_exchange(self).wait_drained(waiter); },
    .outcome = [](PyObject* self) { return PyBool_FromLong(!get_exchange(self).has_ended()); },
    .loop = [](PyObject* self) { return nb::inst_ptr<ExchangeObject>(nb::handle(self))->loop.ptr(); },
};

constexpr WaitCondition wait_for_body{
    .must_wait = [](PyObject* self) { return get_exchange(self).must_wait_for_body(); },
    .enlist = [](PyObject* self, service::Waiter& waiter) { get_exchange(self).wait_body(waiter); },
    .outcome = [](PyObject* self) { return read_body_part(get_exchange(self)).release().ptr(); },
    .loop = [](PyObject* self) { return nb::inst_ptr<ExchangeObject>(nb::handle(self))->loop.ptr(); },
};

nb::object write(const nb::handle& self, const nb::bytes& data) {
    switch (require(get_exchange(self.ptr()).write(base::as_bytes({data.c_str(), data.size()})))) {
        case service::SendOutcome::sent:
            return take(completed_true(module_state()));
        case service::SendOutcome::full:
            return take(make_wait(module_state(), self.ptr(), wait_for_exchange_drain));
        case service::SendOutcome::ended:
            break;
    }
    return take(completed_false(module_state()));
}

}  // namespace

void respond_with_file(service::Exchange& exchange, int status, const nb::object& headers, const nb::bytes& path) {
    service::StaticFile found =
        service::answer_with_file_at({path.c_str(), path.size()}, status, to_headers(headers), exchange.request().head);
    if (found.error != 0) {
        errno = found.error;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
        throw nb::python_error();
    }
    require(found.file ? exchange.respond_with_file(found.status, found.headers, std::move(*found.file))
                       : exchange.respond(found.status, found.headers, found.text));
}

void respond_with_found(service::Exchange& exchange, int status, const nb::object& headers, FoundFile& file) {
    service::StaticFile& found = file.found;
    require(found.file
                ? exchange.respond_with_file(status, to_headers(headers), std::move(*std::exchange(found.file, {})))
                : exchange.respond(status, to_headers(headers), found.text));
}

std::size_t handler_number(const service::Exchange& exchange, const service::Site& site) noexcept {
    return exchange.refusal() ? site.routes.size() : exchange.request().match.route;
}

// With names as they are written, not in lower case.
nb::list make_fields(const http::Headers& headers) {
    nb::list fields;
    for (const auto& [name, value] : headers) fields.append(nb::make_tuple(name, value));
    return fields;
}

nb::object make_refusal(const service::Exchange& exchange) {
    const service::PendingRefusal* refusal = exchange.refusal();
    if (!refusal) return nb::none();
    return nb::make_tuple(refusal->status, refusal->text, make_fields(refusal->headers));
}

nb::object read_body_part(service::Exchange& exchange) {
    const auto part = exchange.read_body();
    if (!part || !*part) return nb::none();
    return nb::bytes((*part)->data(), (*part)->size());
}

nb::object body_refusal(const service::Exchange& exchange) {
    const auto& refusal = exchange.body_refusal();
    return refusal ? nb::object(nb::make_tuple(refusal->status, refusal->text)) : nb::none();
}

void fail(service::Exchange& exchange, bool stopping) {
    end_request(exchange, stopping ? service::HandlerEnd::stopped : service::HandlerEnd::failed);
}

nb::object make_exchange(base::IntrusivePtr<service::Exchange> exchange, const nb::object& loop) {
    return nb::cast(ExchangeObject{std::move(exchange), {}, loop, nullptr});
}

void add_exchange(nb::module_& module) {
    using E = ExchangeObject;
    using F = FoundFile;
    nb::class_<F>(module, "FoundFile")
        .def_prop_ro("status", [](const F& self) { return self.found.status; })
        .def_prop_ro("headers", [](const F& self) { return make_fields(self.found.headers); })
        .def_prop_ro("text", [](const F& self) { return self.found.text; })
        .def_prop_ro("fault", [](const F& self) {
            return self.found.error ? std::optional(base::error_text(self.found.error)) : std::nullopt;
        });
    nb::class_<E>(module, "Exchange")
        .def_prop_ro("request",
                     [](E& self) {
                         if (!self.request.is_valid()) self.request = make_request(*self.exchange);
                         return self.request;
                     })
        .def_prop_ro("refusal", [](const E& self) { return make_refusal(*self.exchange); })
        .def_prop_ro("started", [](const E& self) { return self.exchange->is_started(); })
        .def_prop_ro("finished", [](const E& self) { return self.exchange->is_finished(); })
        .def_prop_ro("ended", [](const E& self) { return self.exchange->has_ended(); })
        .def_prop_ro("client_left", [](const E& self) { return self.exchange->has_client_left(); })
        .def("read_body",
             [](const nb::handle& self) { return take(make_wait(module_state(), self.ptr(), wait_for_body)); })
        .def_prop_ro("is_body_whole", [](const E& self) { return self.exchange->is_body_whole(); })
        .def_prop_ro("body_refusal", [](const E& self) { return body_refusal(*self.exchange); })
        .def("end_with_client", [](const E& self) { self.exchange->end_with_client(); })
        .def("on_end", &E::on_end, nb::arg("callback").none())
        .def("respond",
             [](const E& self, int status, const nb::object& headers, const nb::bytes& body) {
                 require(self.exchange->respond(status, to_headers(headers), {body.c_str(), body.size()}));
             })
        .def("respond_with_file",
             [](const E& self, int status, const nb::object& headers, const nb::bytes& path) {
                 respond_with_file(*self.exchange, status, headers, path);
             })
        .def("respond_with_found", [](const E& self, int status, const nb::object& headers,
                                      FoundFile& file) { respond_with_found(*self.exchange, status, headers, file); })
        .def(
            "start",
            [](const E& self, int status, const nb::object& headers, std::optional<std::uint64_t> content_length) {
                require(self.exchange->start(status, to_headers(headers), content_length));
            },
            nb::arg("status"), nb::arg("headers"), nb::arg("content_length").none())
        .def("write", write)
        .def("flush", [](const E&) { return take(make_completed_next_turn(module_state(), Py_None)); })
        .def("finish", [](const E& self) { require(self.exchange->finish()); })
        .def(
            "fail", [](const E& self, bool stopping) { fail(*self.exchange, stopping); }, nb::kw_only(),
            nb::arg("stopping") = false);
}

}  // namespace proapi::bindings
