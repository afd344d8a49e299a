// WebSocketBridge: a WebSocket whose frames another server reads and writes (ASGI). The application's end is
// service::WebSocket, with the same rules as for the engine's own connections. The transport is the server's receive()
// and send().
//
// Most of the time a handler's task steps these directly: a receive steps the server's receive(), a send its send().
// Python's pump (python/proapi/asgi/websocket.py) does the rest: the handshake and the close, a send() that has to
// wait, and reading for handlers that do something else but want to know of the end (is_watched).
#include <chrono>
#include <deque>

#include "bindings/arguments.hpp"
#include "bindings/asgi.hpp"
#include "bindings/module_state.hpp"
#include "bindings/python_errors.hpp"
#include "bindings/websocket_connection.hpp"
#include "service/message_rate.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

namespace {

// Returns the iterator that `await` would step.
[[nodiscard]] nb::object get_iterator(nb::object awaitable) {
    if (PyCoro_CheckExact(awaitable.ptr())) return awaitable;
    const PyAsyncMethods* const methods = Py_TYPE(awaitable.ptr())->tp_as_async;
    if (methods && methods->am_await) return take(methods->am_await(awaitable.ptr()));
    throw nb::type_error("expected an awaitable from the ASGI server");
}

[[nodiscard]] nb::dict make_dict(std::initializer_list<std::pair<nb::handle, nb::object>> items) {
    nb::dict dict;
    for (const auto& [name, value] : items) dict[name] = value;
    return dict;
}

// Returns the exception that is set, and clears it.
[[nodiscard]] PyObject* take_exception() {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

[[nodiscard]] std::uint64_t read_clock_ms() noexcept {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// Names are in lower case, as ASGI requires.
[[nodiscard]] nb::list make_fields(const http::Headers& headers) {
    nb::list fields;
    for (const auto& [name, value] : headers) fields.append(make_field(name, value));
    return fields;
}

class WebSocketBridge final : private service::WebSocketTransport, private MessageSource {
public:
    // `settings` belong to the service's site.
    WebSocketBridge(nb::object service, service::RequestInfo request, const service::WebSocketSettings& settings)
        : service_(std::move(service)),
          names_(nb::cast<const AsgiService&>(service_).names()),
          settings_(settings),
          websocket_(new service::WebSocket(std::move(request), settings, *this)),
          connection_(take(make_connection(module_state(), websocket_,
                                           take(PyObject_CallNoArgs(module_state().get_running_loop)).ptr()))) {
        as_connection(connection_.ptr())->source = this;
    }
    WebSocketBridge(const WebSocketBridge&) = delete;
    WebSocketBridge& operator=(const WebSocketBridge&) = delete;
    virtual ~WebSocketBridge() {
        if (connection_.is_valid()) as_connection(connection_.ptr())->source = nullptr;
        if (!websocket_->has_ended()) websocket_->on_end();
    }

    [[nodiscard]] const base::IntrusivePtr<service::WebSocket>& websocket() const noexcept { return websocket_; }
    [[nodiscard]] nb::object connection() const { return connection_; }
    [[nodiscard]] std::size_t route() const { return websocket_->request().match.route; }

    // `schedule` is called when notify() must be called soon, with no handler on the stack, and when there is something
    // for the pump to do.
    void begin(nb::callable receive, nb::callable send, nb::callable schedule, bool can_respond) {
        receive_ = std::move(receive);
        send_ = std::move(send);
        schedule_ = std::move(schedule);
        can_respond_ = can_respond;
    }

    // ---- for the pump: reading ----

    // Whether the pump should read: somebody wants to know of the end, and no receive of the handler is reading.
    [[nodiscard]] bool is_watched() const noexcept { return is_watched_ && !is_reading_; }
    void begin_pumping() noexcept { is_pumping_ = true; }
    // Returns whether the pump has stopped: a waiting receive gets the last message, and the next receive reads by
    // itself.
    [[nodiscard]] bool end_pumping() noexcept {
        is_pumping_ = is_watched_ || has_closed_ || end_ || !websocket_->has_receiver();
        return !is_pumping_;
    }
    // Whether the handler has received nothing since the last call and is not receiving now, so that nobody would
    // notice the peer's end.
    [[nodiscard]] bool is_neglected() noexcept {
        const std::uint32_t before = std::exchange(reads_looked_at_, reads_);
        return before == reads_ && !is_reading_ && !is_pumping_ && websocket_->is_accepted();
    }
    [[nodiscard]] bool is_reading() const noexcept { return is_reading_; }
    [[nodiscard]] bool wants_messages() const { return websocket_->wants_messages(); }
    // Returns false after the last message.
    [[nodiscard]] bool feed(const nb::dict& message) {
        receive_message(message);
        schedule_notify();
        return !end_;
    }
    void end(std::uint16_t code, const std::string& reason) {
        if (end_ || has_told_end_) return;
        end_ = End{code, reason};
        schedule_notify();
    }

    // ---- for the pump: limits ----

    // In how many seconds message_rate allows to read the next message; 0: now.
    [[nodiscard]] double pause_s() const {
        if (!is_paced_ || websocket_->is_closed()) return 0;
        return static_cast<double>(bucket_->wait_ms(read_clock_ms())) / 1000;
    }
    void check_lifetime() {
        if (lifetime_ends_ms_ != 0 && read_clock_ms() >= lifetime_ends_ms_)
            websocket_->fail(ws::close_code::going_away, service::lifetime_is_over);
    }

    // ---- for the pump: writing ----

    // Returns what to do next: a message to send, or a send() that has begun, as (coroutine, what it has yielded), or
    // None if there is nothing. The output of the previous call is done: its octets no longer count as buffered.
    [[nodiscard]] nb::object next_output() {
        const std::size_t done = std::exchange(in_flight_bytes_, 0);
        if (done > 0) {
            buffered_bytes_ -= done;
            schedule_notify();
        }
        is_writing_ = !outputs_.empty();
        if (!is_writing_) return nb::none();
        nb::object output = std::move(outputs_.front().object);
        in_flight_bytes_ = outputs_.front().bytes;
        outputs_.pop_front();
        return output;
    }
    // Whether next_output() has returned this side's last message.
    [[nodiscard]] bool has_closed() const noexcept { return has_closed_ && outputs_.empty(); }

    // Steps waiting tasks.
    void notify() {
        sends_in_a_row_ = bytes_in_a_row_ = 0;
        if (!std::exchange(has_fed_, false) && end_) {
            const End end = *std::exchange(end_, std::nullopt);
            has_told_end_ = true;
            websocket_->on_close(end.code, end.reason);
            if (!websocket_->has_ended()) websocket_->on_end();
        } else {
            websocket_->on_drained();
            websocket_->notify();
            if (end_) schedule_notify();  // messages from before the end are handed over first
        }
        if (raise_kept_exception()) throw nb::python_error();
    }
    [[nodiscard]] bool has_ended() const noexcept { return has_told_end_; }
    [[nodiscard]] nb::object failure() const { return failure_.is_valid() ? failure_ : nb::none(); }

    int traverse(visitproc visit, void* arg) {
        for (const nb::object* object : {&service_, &receive_, &send_, &schedule_, &connection_, &failure_})
            Py_VISIT(object->ptr());
        for (const Output& output : outputs_) Py_VISIT(output.object.ptr());
        return 0;
    }
    void clear() {
        receive_ = send_ = schedule_ = nb::object();
        outputs_.clear();
    }

private:
    struct Output {
        nb::object object;
        std::size_t bytes;
    };
    struct End {
        std::uint16_t code;
        std::string reason;
    };

    void ask_for_pump() {
        if (schedule_.is_valid()) schedule_();
    }
    void push(nb::object output, std::size_t bytes = 0) {
        outputs_.push_back({std::move(output), bytes});
        buffered_bytes_ += bytes;
        ask_for_pump();
    }

    // ---- receiving ----

    PyObject* begin_reading() override {
        if (is_pumping_ || is_paced_ || end_ || has_told_end_ || !receive_.is_valid()) return nullptr;
        if (is_reading_) raise(service::make_error(service::ErrorCode::another_receiver));
        nb::object reading = get_iterator(receive_());
        is_reading_ = true;
        ++reads_;
        sends_in_a_row_ = bytes_in_a_row_ = 0;
        return reading.release().ptr();
    }
    void end_reading(PyObject* message) override {
        is_reading_ = false;
        if (message) receive_message(nb::cast<nb::dict>(nb::handle(message)));
        has_fed_ = false;  // the receive that was reading takes the message at once
        if (is_watched_ || is_pumping_) ask_for_pump();
    }
    void fail_reading() override {
        failure_ = nb::steal(take_exception());
        is_reading_ = false;
        end(ws::close_code::abnormal_closure, {});
    }
    void receive_message(const nb::dict& message) {
        const nb::handle type = require_item(message, names_.type);
        if (PyUnicode_CompareWithASCIIString(type.ptr(), "websocket.receive") != 0) {
            const nb::handle reason = find_item(message, names_.reason);
            return end(read_close_code(message), reason.is_valid() ? nb::cast<std::string>(reason) : std::string());
        }
        service::Message received;
        if (const nb::handle text = find_item(message, names_.text); text.is_valid()) {
            received.data = nb::cast<std::string>(text);
        } else {
            const auto octets = nb::cast<nb::bytes>(require_item(message, names_.bytes));
            received.kind = service::MessageKind::binary;
            received.data.assign(octets.c_str(), octets.size());
        }
        if (received.data.size() > settings_.max_message_size)
            return websocket_->fail(ws::close_code::message_too_big,
                                    "expected at most " + std::to_string(settings_.max_message_size) +
                                        " octets (max_message_size), got " + std::to_string(received.data.size()));
        if (bucket_ && !bucket_->take(read_clock_ms()) && !is_paced_)
            return websocket_->fail(ws::close_code::policy_violation, service::describe_message_rate(settings_));
        websocket_->enqueue(std::move(received));
        has_fed_ = true;
    }
    // uvicorn reports a lost connection as 1005 without a reason; after a Close frame it gives a reason.
    [[nodiscard]] std::uint16_t read_close_code(const nb::dict& message) const {
        const nb::handle code = find_item(message, names_.code);
        if (!code.is_valid()) return ws::close_code::no_status_received;
        const auto number = nb::cast<std::uint16_t>(code);
        const bool is_lost = number == ws::close_code::no_status_received && !message.contains(names_.reason);
        return is_lost ? ws::close_code::abnormal_closure : number;
    }

    // ---- sending ----

    // The server decides what is compressed.
    void send(service::MessageKind kind, base::Bytes payload, ws::Encoding) override {
        if (end_) return;  // the handler is about to be told of the end
        const std::string_view data = base::as_text(payload);
        const bool is_text = kind == service::MessageKind::text;
        const nb::object message =
            make_dict({{names_.type, names_.websocket_send},
                       {is_text ? names_.text : names_.bytes,
                        is_text ? take(to_str(data)) : nb::object(nb::bytes(data.data(), data.size()))}});
        if (is_writing_ || !outputs_.empty() || !send_.is_valid() || is_share_used_up(data.size())) {
            push(message, data.size());
        } else {
            start_send(message, data.size());
        }
    }

    // The server makes the frames, so each connection passes it the message again.
    void send_shared(service::SharedMessage& message) override {
        send(message.view().kind, message.view().payload, ws::Encoding::none);
    }

    [[nodiscard]] bool is_share_used_up(std::size_t bytes) noexcept {
        bytes_in_a_row_ += bytes;
        return ++sends_in_a_row_ > max_sends_in_a_row || bytes_in_a_row_ > settings_.high_water;
    }

    // Steps the server's send() as far as it goes.
    void start_send(const nb::object& message, std::size_t bytes) {
        nb::object sending = get_iterator(send_(message));
        PyObject* out = nullptr;
        switch (PyIter_Send(sending.ptr(), Py_None, &out)) {
            case PYGEN_RETURN:
                return Py_DECREF(out);
            case PYGEN_NEXT:
                push(nb::make_tuple(sending, nb::steal(out)), bytes);
                is_writing_ = true;
                return;
            case PYGEN_ERROR:
                break;
        }
        if (!PyErr_ExceptionMatches(PyExc_OSError)) throw nb::python_error();
        PyErr_Clear();
        find_end();
    }

    // The connection is gone, and the server may know why: reads what the server has received, as far as that takes no
    // waiting. Senders are not told yet: the handler first gets the messages from before the end.
    void find_end() {
        if (is_reading_ || is_pumping_) return;  // the reader is about to learn of the end
        for (std::uint64_t i = 0; i <= settings_.receive_queue_messages && !end_; ++i) {
            const nb::object reading = get_iterator(receive_());
            PyObject* out = nullptr;
            const PySendResult result = PyIter_Send(reading.ptr(), Py_None, &out);
            const nb::object received = nb::steal(out);
            if (result == PYGEN_ERROR) throw nb::python_error();
            if (result == PYGEN_NEXT) {
                reading.attr("close")();
                break;
            }
            receive_message(nb::cast<nb::dict>(received));
        }
        end(ws::close_code::abnormal_closure, {});
    }

    // Begins to count what message_rate and max_lifetime limit.
    void limit_client() {
        if (service::limits_message_rate(settings_)) {
            bucket_ = service::make_message_bucket(settings_);
            is_paced_ = settings_.message_rate_action == service::RateAction::pause;
            if (is_paced_) watch_end();  // the pump reads: it can wait
        }
        if (settings_.max_lifetime.count() > 0) {
            const auto lifetime = nb::cast<AsgiService&>(service_).service().next_lifetime(settings_.max_lifetime);
            lifetime_ends_ms_ = read_clock_ms() + service::milliseconds(lifetime);
        }
    }

    void accept(std::string_view subprotocol, const http::Headers& headers) override {
        limit_client();
        nb::object chosen = nb::none();
        if (!subprotocol.empty()) chosen = take(to_str(subprotocol));
        push(make_dict({{names_.type, nb::str("websocket.accept")},
                        {names_.subprotocol, chosen},
                        {names_.headers, make_fields(headers)}}));
    }
    // Sends that response if the server can send one; else the server sends its own 403.
    void reject(int status, std::string_view body, const http::Headers& headers) override {
        has_closed_ = true;
        if (!can_respond_) return push(make_dict({{names_.type, nb::str("websocket.close")}}));
        nb::list fields = make_fields(headers);
        fields.append(make_field("content-length", std::to_string(body.size())));
        push(make_dict({{names_.type, nb::str("websocket.http.response.start")},
                        {names_.status, nb::int_(status)},
                        {names_.headers, fields}}));
        push(make_dict({{names_.type, nb::str("websocket.http.response.body")},
                        {names_.body, nb::bytes(body.data(), body.size())}}));
    }
    void close(std::uint16_t code, std::string_view reason) override {
        has_closed_ = true;
        push(make_dict({{names_.type, nb::str("websocket.close")},
                        {names_.code, nb::int_(code)},
                        {names_.reason, take(to_str(reason))}}));
    }
    void log_fault(std::uint16_t, std::string_view) override {}  // the other server has a log of its own
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return buffered_bytes_; }
    void resume_reading() override { ask_for_pump(); }
    void schedule_notify() override { ask_for_pump(); }
    void watch_end() override {
        if (std::exchange(is_watched_, true)) return;
        ask_for_pump();
    }

    // A server's send() may never wait, not even after the client has disconnected: a handler that sends in a loop
    // without receiving would then block the event loop forever. Sends beyond this go to the pump, whose queue makes
    // senders wait.
    static constexpr std::size_t max_sends_in_a_row = 64;

    nb::object service_;
    const AsgiNames& names_;
    const service::WebSocketSettings& settings_;
    nb::object receive_, send_, schedule_;  // invalid after the garbage collector has cleared them
    base::IntrusivePtr<service::WebSocket> websocket_;
    nb::object connection_;
    nb::object failure_;  // the exception of the server's receive()
    std::deque<Output> outputs_;
    std::optional<End> end_;
    std::optional<base::TokenBucket> bucket_;  // of message_rate; none: no limit
    std::uint64_t lifetime_ends_ms_ = 0;       // 0: never
    std::size_t buffered_bytes_ = 0, in_flight_bytes_ = 0;
    std::size_t sends_in_a_row_ = 0, bytes_in_a_row_ = 0;
    std::uint32_t reads_ = 0, reads_looked_at_ = 0;  // receives that have read by themselves
    bool can_respond_ = false;
    bool is_watched_ = false, is_pumping_ = false;  // whether the pump should read, and whether it does
    bool is_paced_ = false;                         // whether the pump alone reads, when message_rate allows it
    bool is_reading_ = false;                       // whether a receive of the handler reads
    bool is_writing_ = false;                       // whether the pump writes
    bool has_fed_ = false, has_told_end_ = false, has_closed_ = false;
};

}  // namespace

nb::object make_websocket_bridge(const nb::object& service, service::RequestInfo request,
                                 const service::WebSocketSettings& settings,
                                 base::IntrusivePtr<service::WebSocket>& websocket) {
    auto bridge = std::make_unique<WebSocketBridge>(service, std::move(request), settings);
    websocket = bridge->websocket();
    return nb::cast(bridge.release(), nb::rv_policy::take_ownership);
}

void add_asgi_websocket(nb::module_& module) {
    using B = WebSocketBridge;
    nb::class_<B>(module, "WebSocketBridge", nb::type_slots(collectable<B>))
        .def_prop_ro("connection", &B::connection)
        .def_prop_ro("route", &B::route)
        .def("begin", &B::begin, nb::arg("receive"), nb::arg("send"), nb::arg("schedule"), nb::kw_only(),
             nb::arg("can_respond"))
        .def_prop_ro("is_watched", &B::is_watched)
        .def("begin_pumping", &B::begin_pumping)
        .def("end_pumping", &B::end_pumping)
        .def("is_neglected", &B::is_neglected)
        .def_prop_ro("is_reading", &B::is_reading)
        .def_prop_ro("wants_messages", &B::wants_messages)
        .def("feed", &B::feed, nb::arg("message"))
        .def("end", &B::end, nb::arg("code"), nb::arg("reason"))
        .def_prop_ro("pause_s", &B::pause_s)
        .def("check_lifetime", &B::check_lifetime)
        .def("next_output", &B::next_output)
        .def_prop_ro("has_closed", &B::has_closed)
        .def("notify", &B::notify)
        .def_prop_ro("has_ended", &B::has_ended)
        .def_prop_ro("failure", &B::failure);
}

}  // namespace proapi::bindings
