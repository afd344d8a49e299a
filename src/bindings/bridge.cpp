// WebSocketBridge: a WebSocket whose frames another server reads and writes (ASGI). The application's end is the
// engine's own, so its rules are the same; the transport under it is a queue of commands that Python carries out.
#include <deque>
#include <variant>

#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "bindings/registry.hpp"
#include "bindings/websocket_connection.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

namespace {

class WebSocketBridge final : private service::WebSocketTransport {
public:
    WebSocketBridge(const nb::object& site, const RequestObject& request, nb::callable schedule)
        : schedule_(std::move(schedule)),
          websocket_(new service::WebSocket(
              request.info, nb::cast<const SiteObject&>(site).site.routes.at(request.info.match.route).settings,
              *this)),
          connection_(take(make_connection(websocket_, take(PyObject_CallNoArgs(registry().get_running_loop)).ptr()))) {
    }
    virtual ~WebSocketBridge() {
        if (!websocket_->has_ended()) websocket_->on_end();
    }

    [[nodiscard]] nb::object connection() const { return connection_; }
    [[nodiscard]] bool wants_messages() const { return websocket_->wants_messages(); }

    void feed(const nb::object& message) {
        const bool is_text = nb::isinstance<nb::str>(message);
        const std::string data = is_text ? nb::cast<std::string>(message) : bytes_to_string(message);
        websocket_->enqueue({is_text ? service::MessageKind::text : service::MessageKind::binary, data});
        schedule_notify();
    }

    void end(std::uint16_t code, const std::string& reason) {
        end_ = End{code, reason};
        schedule_notify();
    }

    void notify() {
        if (auto end = std::exchange(end_, std::nullopt)) {
            websocket_->on_close(end->code, end->reason);
            if (!websocket_->has_ended()) websocket_->on_end();
        } else {
            websocket_->on_drained();
            websocket_->notify();
        }
        if (raise_kept_exception()) throw nb::python_error();
    }

    int traverse(visitproc visit, void* arg) {
        Py_VISIT(schedule_.ptr());
        Py_VISIT(connection_.ptr());
        for (const Command& command : commands_) Py_VISIT(command.tuple.ptr());
        return 0;
    }
    void clear() {
        schedule_ = nb::object();
        commands_.clear();
    }

    // The one given last is carried out: what it held is no longer buffered.
    nb::object next_command() {
        const std::size_t done = std::exchange(in_flight_bytes_, 0);
        if (done > 0) {
            buffered_bytes_ -= done;
            schedule_notify();
        }
        if (commands_.empty()) return nb::none();
        nb::object command = std::move(commands_.front().tuple);
        in_flight_bytes_ = commands_.front().bytes;
        commands_.pop_front();
        return command;
    }

private:
    struct Command {
        nb::object tuple;
        std::size_t bytes;
    };
    struct End {
        std::uint16_t code;
        std::string reason;
    };

    static std::string bytes_to_string(const nb::object& message) {
        const auto bytes = nb::cast<nb::bytes>(message);
        return {bytes.c_str(), bytes.size()};
    }

    void ask_for_notify() {
        if (schedule_.is_valid()) schedule_();
    }

    void push(nb::object tuple, std::size_t bytes) {
        commands_.push_back({std::move(tuple), bytes});
        buffered_bytes_ += bytes;
        ask_for_notify();
    }

    void accept(std::string_view subprotocol, const http::Headers& headers) override {
        nb::object chosen = nb::none();
        if (!subprotocol.empty()) chosen = take(to_str(subprotocol));
        push(nb::make_tuple("accept", chosen, take(to_pairs(headers))), 0);
    }
    void reject(int status, std::string_view body, const http::Headers& headers) override {
        push(nb::make_tuple("reject", status, take(to_pairs(headers)), nb::bytes(body.data(), body.size())), 0);
    }
    void send(service::MessageKind kind, base::Bytes payload) override {
        const std::string_view data = base::as_text(payload);
        if (kind == service::MessageKind::text) {
            push(nb::make_tuple("text", take(to_str(data))), data.size());
        } else {
            push(nb::make_tuple("bytes", nb::bytes(data.data(), data.size())), data.size());
        }
    }
    void close(std::uint16_t code, std::string_view reason) override {
        push(nb::make_tuple("close", code, take(to_str(reason))), 0);
    }
    void tell_fault(std::uint16_t, std::string_view) override {}  // the other server's log is the other server's
    [[nodiscard]] std::size_t buffered_amount() const noexcept override { return buffered_bytes_; }
    void resume_reading() override { ask_for_notify(); }
    void schedule_notify() override { ask_for_notify(); }

    nb::object schedule_;  // none once the collector has taken it
    base::IntrusivePtr<service::WebSocket> websocket_;
    nb::object connection_;
    std::deque<Command> commands_;
    std::optional<End> end_;
    std::size_t buffered_bytes_ = 0, in_flight_bytes_ = 0;
};

}  // namespace

void add_bridge(nb::module_& module) {
    nb::class_<WebSocketBridge>(module, "WebSocketBridge", nb::type_slots(collectable<WebSocketBridge>))
        .def(nb::init<const nb::object&, const RequestObject&, nb::callable>())
        .def_prop_ro("connection", &WebSocketBridge::connection)
        .def_prop_ro("wants_messages", &WebSocketBridge::wants_messages)
        .def("feed", &WebSocketBridge::feed)
        .def("end", &WebSocketBridge::end)
        .def("notify", &WebSocketBridge::notify)
        .def("next_command", &WebSocketBridge::next_command);
}

}  // namespace proapi::bindings
