// AsgiExchange: an HTTP request or a handshake that came through another server. The engine's rules apply to it; its
// transport is a list of ASGI messages, which Python sends.
#include <algorithm>

#include "bindings/arguments.hpp"
#include "bindings/asgi.hpp"
#include "bindings/module_state.hpp"
#include "bindings/python_errors.hpp"
#include "http/body_decoder.hpp"
#include "http/response.hpp"
#include "http/text.hpp"

namespace proapi::bindings {

nb::object make_field(std::string_view name, std::string_view value) {
    const nb::object lower = take(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(name.size())));
    std::ranges::transform(name, PyBytes_AS_STRING(lower.ptr()), http::lower);
    return nb::make_tuple(lower, nb::bytes(value.data(), value.size()));
}

// ---- AsgiService ------------------------------------------------------------------------------------------------

AsgiService::AsgiService(nb::object site, nb::callable log)
    : site_object_(std::move(site)),
      log_(std::move(log)),
      service_(nb::cast<const SiteObject&>(site_object_).site, *this, *this, clock_),
      compression_memory_(service_.site().settings.compression_memory) {}

void AsgiService::write(service::LogLevel level, std::string_view line) {
    if (log_.is_valid()) log_(logging_level(level), take(to_str(line)));
}

int AsgiService::traverse(visitproc visit, void* arg) {
    Py_VISIT(site_object_.ptr());
    Py_VISIT(log_.ptr());
    return 0;
}

void AsgiService::clear() {
    log_ = nb::object();
}

// ---- AsgiExchange -----------------------------------------------------------------------------------------------

class AsgiExchange final : private service::ExchangeTransport {
public:
    // Opens the exchange. Afterwards it has a response, is a WebSocket, has a route, or wants its body.
    AsgiExchange(nb::object service, const nb::dict& scope)
        : service_object_(std::move(service)), service_(nb::cast<AsgiService&>(service_object_)) {
        service::RequestInfo request = read_scope(scope, service_.names());
        const service::Settings& settings = service_.site().settings;
        const auto body = request.head.framing == http::BodyFraming::none ? service::Exchange::Body::none
                                                                          : service::Exchange::Body::waiting;
        exchange_ = base::IntrusivePtr<service::Exchange>(
            new service::Exchange(std::move(request), body, *this, settings.high_water, settings.low_water));
        const Opening opening(*this);
        service_.service().open(exchange_);
    }
    AsgiExchange(const AsgiExchange&) = delete;
    AsgiExchange& operator=(const AsgiExchange&) = delete;
    virtual ~AsgiExchange() { end(); }

    // ---- for the pump ----

    [[nodiscard]] bool wants_body() const { return exchange_->wants_body(); }
    // Takes and drops some of a body that is too long: a client that is still sending might not read the response.
    [[nodiscard]] bool takes_body() const {
        return wants_body() || (is_body_too_long_ && body_bytes_ <= max_body_bytes_ + max_dropped_bytes);
    }
    void feed(const nb::bytes& part, bool more) {
        const std::string_view octets(part.c_str(), part.size());
        body_bytes_ += octets.size();
        is_body_too_long_ = is_body_too_long_ || body_bytes_ > max_body_bytes_;
        const Opening opening(*this);
        if (is_body_too_long_) {
            std::string().swap(body_);
            if (more && takes_body()) return;
            is_body_too_long_ = false;
            exchange_->on_body_failed(http::describe(http::ErrorCode::body_too_long));
        } else if (!more) {
            exchange_->on_body_end(std::exchange(body_, {}).append(octets));
        } else if (exchange_->collects_body()) {
            body_ += octets;
        } else {
            exchange_->on_body(std::string(octets));
        }
    }
    [[nodiscard]] bool must_wait_for_body() const { return exchange_->must_wait_for_body(); }
    // Whether the body has a coding, and is not decoded to its end yet.
    [[nodiscard]] bool wants_to_decode() const { return exchange_->wants_to_decode(); }
    void decode_body() {
        const Opening opening(*this);
        exchange_->decode_body();
    }
    // Call when the client has disconnected.
    void end() {
        if (!exchange_->has_ended()) exchange_->on_end();
    }
    [[nodiscard]] nb::object route() const {
        return has_route_ ? nb::object(nb::int_(handler_number(*exchange_, service_.site()))) : nb::none();
    }
    void set_route() noexcept { has_route_ = true; }
    // Returns the octets that are sent for a part of the response's file.
    [[nodiscard]] nb::bytes encode_file(const nb::bytes& part, bool is_last) {
        if (!encodes_file_) return part;
        const std::string encoded = exchange_->encode_file(base::as_bytes({part.c_str(), part.size()}), is_last);
        return nb::bytes(encoded.data(), encoded.size());
    }
    [[nodiscard]] nb::object websocket() const { return websocket_.is_valid() ? websocket_ : nb::none(); }
    [[nodiscard]] nb::list take_messages() {
        flush_body(true);
        return std::exchange(messages_, nb::list());
    }

    // ---- for the handler ----

    [[nodiscard]] nb::object request() {
        if (!request_.is_valid()) request_ = make_request(*exchange_);
        return request_;
    }
    [[nodiscard]] service::Exchange& exchange() const noexcept { return *exchange_; }

private:
    static constexpr std::uint64_t max_dropped_bytes = 1024 * 1024;

    // The scope in which the service may call back.
    class Opening {
    public:
        explicit Opening(AsgiExchange& exchange) noexcept : service_(exchange.service_) {
            service_.set_opening(&exchange);
        }
        ~Opening() { service_.set_opening(nullptr); }
        Opening(const Opening&) = delete;
        Opening& operator=(const Opening&) = delete;

    private:
        AsgiService& service_;
    };

    // ExchangeTransport
    [[nodiscard]] bool has_body_arrived() const noexcept override { return false; }
    void start_body(std::uint64_t max_bytes) override { max_body_bytes_ = max_bytes; }
    void resume_body() override {}
    void write_head(const service::ResponseStart& start) override {
        nb::list fields;
        for (const auto& [name, value] : start.headers) fields.append(make_field(name, value));
        if (start.content_length && http::status_has_body(start.status))
            fields.append(make_field("content-length", std::to_string(*start.content_length)));
        const AsgiNames& names = service_.names();
        nb::dict message;
        message[names.type] = names.response_start;
        message[names.status] = start.status;
        message[names.headers] = fields;
        messages_.append(message);
    }
    void write_body(base::Bytes bytes) override { part_ += base::as_text(bytes); }
    [[nodiscard]] bool take_file() override { return true; }
    void write_file(service::FileBody file) override {
        flush_body(true);
        encodes_file_ = file.encoded_by != nullptr;
        messages_.append(nb::make_tuple(file.file.get(), file.offset, file.length));
        static_cast<void>(file.file.release());  // Python closes it
        append_body({}, false);
    }
    void finish_response() override { flush_body(false); }
    void abort_response() override { flush_body(true); }
    void end_after_response() override {}  // the connection is the other server's
    void watch_client() override {}        // Python watches it
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return 0; }
    [[nodiscard]] base::CompressionMemory& compression_memory() noexcept override {
        return service_.compression_memory();
    }
    [[nodiscard]] base::IntrusivePtr<service::WebSocket> upgrade(service::Exchange& exchange,
                                                                 const service::WebSocketSettings& settings) override {
        base::IntrusivePtr<service::WebSocket> websocket;
        websocket_ = make_websocket_bridge(service_object_, exchange.take_request(), settings, websocket);
        return websocket;
    }

    void append_body(std::string_view octets, bool more) {
        const AsgiNames& names = service_.names();
        nb::dict message;
        message[names.type] = names.response_body;
        message[names.body] = nb::bytes(octets.data(), octets.size());
        message[names.more_body] = more;
        messages_.append(message);
    }
    void flush_body(bool more) {
        if (part_.empty() && more) return;
        append_body(part_, more);
        part_.clear();
    }

    nb::object service_object_;
    AsgiService& service_;
    base::IntrusivePtr<service::Exchange> exchange_;
    nb::object request_, websocket_;
    nb::list messages_;
    std::string body_, part_;  // the request's body, and the response's since the last message
    std::uint64_t body_bytes_ = 0, max_body_bytes_ = 0;
    bool is_body_too_long_ = false, has_route_ = false, encodes_file_ = false;
};

void AsgiService::on_request(base::IntrusivePtr<service::Exchange>) {
    opening_->set_route();
}

void add_asgi_exchange(nb::module_& module) {
    nb::class_<AsgiService>(module, "AsgiService", nb::type_slots(collectable<AsgiService>))
        .def(nb::init<nb::object, nb::callable>(), nb::arg("site"), nb::arg("log"));

    using E = AsgiExchange;
    nb::class_<E>(module, "AsgiExchange")
        .def(nb::init<nb::object, const nb::dict&>(), nb::arg("service"), nb::arg("scope"))
        .def_prop_ro("takes_body", &E::takes_body)
        .def("feed", &E::feed, nb::arg("part"), nb::arg("more"))
        .def_prop_ro("must_wait_for_body", &E::must_wait_for_body)
        .def("take_body_part", [](const E& self) { return read_body_part(self.exchange()); })
        .def_prop_ro("is_body_whole", [](const E& self) { return self.exchange().is_body_whole(); })
        .def_prop_ro("body_refusal", [](const E& self) { return body_refusal(self.exchange()); })
        .def_prop_ro("wants_to_decode", &E::wants_to_decode)
        .def("decode_body", &E::decode_body)
        .def("end", &E::end)
        .def("encode_file", &E::encode_file, nb::arg("part"), nb::arg("is_last"))
        .def_prop_ro("route", &E::route)
        .def_prop_ro("websocket", &E::websocket)
        .def("take_messages", &E::take_messages)
        .def_prop_ro("request", &E::request)
        .def_prop_ro("refusal", [](const E& self) { return make_refusal(self.exchange()); })
        .def_prop_ro("started", [](const E& self) { return self.exchange().is_started(); })
        .def_prop_ro("finished", [](const E& self) { return self.exchange().is_finished(); })
        .def_prop_ro("ended", [](const E& self) { return self.exchange().has_ended(); })
        .def("respond",
             [](const E& self, int status, const nb::object& headers, const nb::bytes& body) {
                 require(self.exchange().respond(status, to_headers(headers), {body.c_str(), body.size()}));
             })
        .def("respond_with_file",
             [](const E& self, int status, const nb::object& headers, const nb::bytes& path) {
                 respond_with_file(self.exchange(), status, headers, path);
             })
        .def("respond_with_found", [](const E& self, int status, const nb::object& headers,
                                      FoundFile& file) { respond_with_found(self.exchange(), status, headers, file); })
        .def(
            "start",
            [](const E& self, int status, const nb::object& headers, std::optional<std::uint64_t> content_length) {
                require(self.exchange().start(status, to_headers(headers), content_length));
            },
            nb::arg("status"), nb::arg("headers"), nb::arg("content_length").none())
        .def("put",
             [](const E& self, const nb::bytes& data) {
                 static_cast<void>(require(self.exchange().write(base::as_bytes({data.c_str(), data.size()}))));
             })
        .def("finish", [](const E& self) { require(self.exchange().finish()); })
        .def(
            "fail", [](const E& self, bool stopping) { fail(self.exchange(), stopping); }, nb::kw_only(),
            nb::arg("stopping") = false);
}

}  // namespace proapi::bindings
