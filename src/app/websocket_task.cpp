#include "app/websocket_task.hpp"

#include "app/connection_state.hpp"
#include "app/http_task.hpp"

namespace proapi::detail {

namespace {

// How the exception that leaves a handler ends its connection:
//   none, WebSocketDisconnect   1000; before accept() 403, one log line
//   WebSocketMessageError       1003 or 1007, one log line
//   HTTPException               before accept() its response
//   anything else               1011, before accept() 500; logged
class WebSocketTask final : public WorkerTask, private DisconnectWaiter {
public:
    WebSocketTask(Worker& worker, ConnectionRef owner, Task<> task)
        : WorkerTask(Kind::handler, worker, std::move(owner), std::move(task)) {}
    ~WebSocketTask() override { context().owner_ref()->set_disconnect_waiter(nullptr); }
    // Cancels the handler when the client leaves, unless the handler closes the connection itself.
    void cancel_on_disconnect() {
        ConnectionState& state = *context().owner_ref();
        if (state.websocket().is_closed()) return on_ready();
        state.websocket().wait_no_longer_open(*this);
        state.set_disconnect_waiter(this);
    }
    [[nodiscard]] std::string_view name() noexcept override { return get_name(*context().owner_ref()); }

    // Excludes handlers that their cancellation informs.
    [[nodiscard]] bool is_abandoned() const noexcept override {
        const service::WebSocket& websocket = context().owner_ref()->websocket();
        return websocket.has_ended() && !websocket.is_end_seen() &&
               !find_entry(*context().owner_ref()).options.cancel_on_disconnect;
    }

    static void end(ConnectionState& state, const std::exception_ptr& error) noexcept {
        service::WebSocket& websocket = state.websocket();
        const std::string& name = get_name(state);
        try {
            if (error) std::rethrow_exception(error);
            if (!websocket.is_accepted() && !websocket.is_closed())
                state.worker().log_limited(service::LogLevel::info,
                                           name + ": refused with 403: the handler returned without accept()");
            static_cast<void>(websocket.close(ws::close_code::normal, {}));
        } catch (const WebSocketDisconnect&) {
            static_cast<void>(websocket.close(ws::close_code::normal, {}));
        } catch (const Cancelled&) {
            if (state.worker().is_stopping())
                return static_cast<void>(websocket.close(ws::close_code::going_away, "the server is stopping"));
            if (websocket.is_closed()) return;  // the client has left
            logger().error("{}: the handler failed: {}", name, cancelled_by_another);
            fail(websocket, ws::close_code::internal_error, "internal error");
        } catch (const WebSocketMessageError& fault) {
            state.worker().log_limited(
                service::LogLevel::info,
                name + ": closed with " + std::to_string(fault.close_code()) + ": " + describe(error));
            fail(websocket, fault.close_code(), "the message is not what was expected");
        } catch (const HTTPException& refusal) {
            if (!websocket.is_accepted() && websocket.is_closed()) return;  // the client no longer waits for it
            if (websocket.is_accepted() ||
                websocket.reject(refusal.status_code(), make_body(refusal), refusal_headers(refusal)))
                fail_and_log(websocket, name, error);
        } catch (...) {
            fail_and_log(websocket, name, error);
        }
    }

private:
    static const Site::Entry& find_entry(ConnectionState& state) noexcept {
        return state.worker().site().entry(state.websocket().request().match.route);
    }
    static const std::string& get_name(ConnectionState& state) noexcept { return find_entry(state).name; }

    void on_ready() override { context().cancel(); }
    [[nodiscard]] const Context& handler() const noexcept override { return context(); }
    void on_end(const std::exception_ptr& error) noexcept override { end(*context().owner_ref(), error); }

    static void fail_and_log(service::WebSocket& websocket, const std::string& name, const std::exception_ptr& error) {
        logger().error("{}: the handler failed: {}", name, describe(error));
        fail(websocket, ws::close_code::internal_error, "internal error");
    }

    static void fail(service::WebSocket& websocket, std::uint16_t code, std::string_view reason) {
        if (websocket.is_accepted()) {
            static_cast<void>(websocket.close(code, reason));
        } else {
            static_cast<void>(websocket.reject(500, "Internal Server Error\n", {}));
        }
    }
};

}  // namespace

void start_websocket_task(Worker& worker, base::IntrusivePtr<service::WebSocket> websocket) {
    const http::Match& match = websocket->request().match;
    const Site::Entry& entry = worker.site().entry(match.route);
    const ConnectionRef state(new ConnectionState(worker.shared_from_this(), websocket));
    state->begin();
    std::optional<Task<>> task;
    try {
        task = entry.websocket->call(WebSocketConnection(state), path_values(match));
        if (task) TaskAccess::require_unused(*task);
    } catch (...) {  // thrown by a handler that is not itself a coroutine
        return WebSocketTask::end(*state, std::current_exception());
    }
    if (!task) return static_cast<void>(websocket->reject(404, "Nothing is served at this address.\n", {}));
    // The task deletes itself when it ends.
    auto* running = new WebSocketTask(worker, state, std::move(*task));
    if (entry.options.cancel_on_disconnect) running->cancel_on_disconnect();
    running->start();
}

}  // namespace proapi::detail
