// Engine: the reactor and its server, driven by an asyncio loop (as its guest) or driving one (select), and the calls
// from them into the package. All of it runs on the loop's thread with the GIL, which is released only while waiting.
#include <cmath>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "bindings/module_state.hpp"
#include "bindings/python_errors.hpp"
#include "bindings/websocket_connection.hpp"
#include "service/access_log.hpp"
#include "service/exchange.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

namespace {

class Engine final : private service::Application, private service::Log {
public:
    Engine(nb::object site, nb::callable on_websocket, nb::callable on_request, nb::callable log)
        : site_object_(std::move(site)),
          on_websocket_(std::move(on_websocket)),
          on_request_(std::move(on_request)),
          log_(std::move(log)),
          parts_(std::make_unique<Parts>(*this)) {
        net::Reactor& reactor = parts_->reactor;
        reactor.set_wait_guard({[]() -> void* { return PyEval_SaveThread(); },
                                [](void* state) { PyEval_RestoreThread(static_cast<PyThreadState*>(state)); }});
        reactor.set_outside_work_callback([](void* self) { static_cast<Engine*>(self)->on_outside_work(); }, this);
        // If a handler's forked child leaves by an exception of its own, such as sys.exit(), the caller of the loop
        // ends the child.
        reactor.set_fork_callback([] {
            if (raise_kept_exception()) throw nb::python_error();
        });
    }
    virtual ~Engine() = default;

    void listen(net::ListeningSockets& sockets) {
        try {
            open().server.listen(sockets_for_worker(sockets));
        } catch (const std::system_error& error) {
            PyErr_Format(PyExc_OSError, "can't listen: %s", error.what());
            throw nb::python_error();
        }
    }

    void use_tls(net::TlsOptions options) {
        try {
            open().server.use_tls(std::move(options));
        } catch (const std::runtime_error& error) {
            throw nb::value_error(error.what());
        }
    }

    // Runs in the next turn: this is called from signal handlers, which interrupt anything, even the log. Once for all
    // calls before it. Does nothing after close().
    void reload_certificates() {
        if (!parts_ || std::exchange(reload_asked_, true)) return;
        parts_->reactor.post([this] {
            reload_asked_ = false;
            parts_->server.reload_certificates();
        });
    }

    void log_access(const std::string& format, nb::callable write) {
        using service::AccessLog;
        const auto kind = format == "json" ? AccessLog::Format::json : AccessLog::Format::common;
        open().server.service().add_observer(
            std::make_shared<AccessLog>(kind, [write = std::move(write)](std::string_view line) {
                PyObject* text = to_str(line);
                PyObject* result = text ? PyObject_CallOneArg(write.ptr(), text) : nullptr;
                if (!result) keep_exception(write.ptr());
                Py_XDECREF(result);
                Py_XDECREF(text);
            }));
    }

    [[nodiscard]] AddressPairs addresses() { return to_pairs(open().server.addresses()); }

    [[nodiscard]] nb::dict counts() {
        server::Server& server = open().server;
        const server::ServerCounts& counts = server.counts();
        const server::ServerLoad load = server.load();
        nb::dict closed, out;
        for (const auto& [code, count] : counts.closed) closed[nb::int_(code)] = count;
        out["accepted"] = counts.accepted;
        out["refused"] = counts.refused;
        out["open"] = counts.open;
        out["http"] = load.http;
        out["websockets"] = load.websockets;
        out["send_queued_bytes"] = load.send_queued_bytes;
        out["partial_bytes"] = load.partial_bytes;
        out["closed"] = closed;
        return out;
    }

    void stop(nb::callable on_stopped) {
        open().server.stop([this, on_stopped = std::move(on_stopped)] { call(on_stopped); });
    }

    // Runs in the next turn: connections tell their handlers, which must not happen on a handler's stack.
    void abort() {
        if (!parts_) return;
        parts_->reactor.post([this] { parts_->server.abort(); });
        ask_for_poll();
    }

    // Closes descriptors and connections now instead of when the object is collected. Nothing is served any more.
    void close() {
        if (parts_ && parts_->reactor.is_in_turn()) refuse_reentry();
        // The remaining connections end now. Work that they schedule is never done, so no callback may ask for a poll.
        if (parts_) parts_->reactor.set_outside_work_callback(nullptr, nullptr);
        parts_.reset();
        outside_work_ = loop_ = nb::object();
    }

    [[nodiscard]] int fileno() { return open().reactor.descriptor(); }

    void poll() {
        if (!parts_) return;  // this poll was scheduled before close()
        net::Reactor& reactor = parts_->reactor;
        reactor.check_fork();
        if (reactor.is_in_turn()) {
            // Once in a turn: a loop that goes on would call poll() again and again.
            if (!std::exchange(has_refused_reentry_, true)) refuse_reentry();
            return;
        }
        poll_asked_ = has_refused_reentry_ = false;
        try {
            reactor.turn(net::Duration(0));
        } catch (...) {  // out of memory: the next poll does the rest
            prepare_next_poll();
            throw;
        }
        prepare_next_poll();
        raise_what_was_kept();
    }

    void set_outside_work(nb::object callback) {
        outside_work_ = std::move(callback);
        if (parts_) parts_->reactor.arm_guest_timer();  // for a timer that was started before any poll
    }

    void watch(int fd, std::uint32_t events, bool known) {
        if (const int error = open().reactor.watch_external(fd, events, known); error != 0 && events != 0) {
            errno = error;
            PyErr_SetFromErrno(PyExc_OSError);
            throw nb::python_error();
        }
    }

    nb::list select(std::optional<double> timeout_s, const nb::handle& ready, const nb::handle& loop) {
        net::Reactor& reactor = open().reactor;
        reactor.check_fork();
        if (reactor.is_in_turn()) refuse_reentry();
        using Clock = std::chrono::steady_clock;
        std::optional<Clock::time_point> until;
        if (timeout_s) until = Clock::now() + std::chrono::microseconds(std::llround(std::max(*timeout_s, 0.0) * 1e6));
        // Returns to the loop if a handler has given it work: callbacks (a timer adds one), or a stop.
        const auto loop_has_work = [&] { return nb::len(ready) > 0 || nb::cast<bool>(loop.attr("_stopping")); };
        while (true) {
            // The loop's own callbacks may have queued end-of-turn hooks, which may wake handlers. What these handlers
            // ask of the loop must not wait for a socket, so the hooks run first.
            reactor.finish_turn();
            reactor.turn(loop_has_work() ? net::Duration(0) : time_left(until));
            raise_what_was_kept();
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
            const bool due = until && Clock::now() >= *until;
            if (due || !reactor.foreign_events().empty() || loop_has_work()) break;
        }
        nb::list events;
        for (const auto& [fd, bits] : reactor.foreign_events()) events.append(nb::make_tuple(fd, bits));
        return events;
    }

    int traverse(visitproc visit, void* arg) {
        Py_VISIT(site_object_.ptr());
        Py_VISIT(on_websocket_.ptr());
        Py_VISIT(on_request_.ptr());
        Py_VISIT(log_.ptr());
        Py_VISIT(outside_work_.ptr());
        Py_VISIT(loop_.ptr());
        return 0;
    }
    void clear() { outside_work_ = loop_ = nb::object(); }

private:
    struct Parts {
        explicit Parts(Engine& engine)
            : server(reactor, nb::cast<const SiteObject&>(engine.site_object_).site, engine, engine) {}
        net::Reactor reactor;
        server::Server server;
    };

    [[nodiscard]] Parts& open() {
        if (!parts_) throw std::runtime_error("the engine is closed: a server serves once");
        return *parts_;
    }

    [[noreturn]] static void refuse_reentry() {
        throw std::runtime_error(
            "expected the event loop to run its handlers one after the other, but a handler has run the event loop "
            "inside "
            "itself: await what it waits for, or run it in a thread (asyncio.to_thread)");
    }

    void prepare_next_poll() {
        parts_->reactor.arm_guest_timer();
        if (parts_->reactor.has_work()) ask_for_poll();
    }

    static std::optional<net::Duration> time_left(const std::optional<std::chrono::steady_clock::time_point>& until) {
        if (!until) return std::nullopt;
        const auto left = *until - std::chrono::steady_clock::now();
        return std::max(std::chrono::ceil<net::Duration>(left), net::Duration(0));
    }

    void raise_what_was_kept() {
        if (raise_kept_exception()) throw nb::python_error();
    }

    // Returns false if the function has raised.
    template <class... Arguments>
    bool call(const nb::callable& function, Arguments&&... arguments) {
        try {
            function(std::forward<Arguments>(arguments)...);
            return true;
        } catch (nb::python_error& error) {
            error.restore();
            keep_exception(function.ptr());
            return false;
        }
    }

    void on_outside_work() {
        // A send from another thread: the loop may be waiting, and call_soon() may only be called in the loop's thread.
        if (net::Reactor::current() != &parts_->reactor) return parts_->reactor.post([] {});
        ask_for_poll();
    }

    void ask_for_poll() {
        if (poll_asked_ || !outside_work_.is_valid() || outside_work_.is_none()) return;
        poll_asked_ = true;
        call(nb::borrow<nb::callable>(outside_work_));
    }

    void on_websocket(base::IntrusivePtr<service::WebSocket> websocket) override {
        const std::size_t route = websocket->request().match.route;
        // No handler runs, so nothing else would respond.
        if (!call(on_websocket_, take(make_connection(module_state(), websocket, loop().ptr())), route))
            websocket->refuse(service::Refusal::internal_error);
    }

    void on_request(base::IntrusivePtr<service::Exchange> exchange) override {
        const std::size_t route = handler_number(*exchange, parts_->server.service().site());
        if (!call(on_request_, make_exchange(exchange, loop()), route)) exchange->fail();
    }

    void write(service::LogLevel level, std::string_view line) override {
        call(log_, logging_level(level), take(to_str(line)));
    }

    // Returns the loop that drives this engine, or that this engine drives: always the same, because a server serves
    // once. To find it, CPython 3.11 makes a system call.
    const nb::object& loop() {
        if (!loop_.is_valid()) loop_ = take(PyObject_CallNoArgs(module_state().get_running_loop));
        return loop_;
    }

    nb::object site_object_;
    nb::callable on_websocket_, on_request_, log_;
    nb::object outside_work_, loop_;
    std::unique_ptr<Parts> parts_;  // null after close()
    bool poll_asked_ = false, has_refused_reentry_ = false, reload_asked_ = false;
};

}  // namespace

void add_engine(nb::module_& module) {
    nb::class_<Engine>(module, "Engine", nb::type_slots(collectable<Engine>))
        .def(nb::init<nb::object, nb::callable, nb::callable, nb::callable>(), nb::arg("site"), nb::arg("on_websocket"),
             nb::arg("on_request"), nb::arg("log"))
        .def("use_tls", &Engine::use_tls, nb::arg("options"))
        .def("reload_certificates", &Engine::reload_certificates)
        .def("log_access", &Engine::log_access, nb::arg("format"), nb::arg("write"))
        .def("listen", &Engine::listen, nb::arg("sockets"))
        .def_prop_ro("addresses", &Engine::addresses)
        .def_prop_ro("counts", &Engine::counts)
        .def("stop", &Engine::stop)
        .def("abort", &Engine::abort)
        .def("close", &Engine::close)
        .def("fileno", &Engine::fileno)
        .def("poll", &Engine::poll)
        .def("set_outside_work", &Engine::set_outside_work, nb::arg("callback").none())
        .def("watch", &Engine::watch)
        .def("select", &Engine::select, nb::arg("timeout").none(), nb::arg("ready"), nb::arg("loop"));
}

}  // namespace proapi::bindings
