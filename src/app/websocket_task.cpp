#include "app/websocket_task.hpp"

#include "app/connection_state.hpp"
#include "app/http_task.hpp"
#include "service/ending.hpp"
#include "service/log.hpp"

namespace proapi::detail {

namespace {

// A handler and its connection. service/ending.hpp has what the handler's end means; an HTTPException before accept()
// is the response to the handshake.
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

    // Ends the connection by the exception that left the handler; null: it has returned.
    static void end(ConnectionState& state, const std::exception_ptr& error) noexcept {
        const service::WebSocket& websocket = state.websocket();
        try {
            if (error) std::rethrow_exception(error);
            end(state, service::HandlerEnd::returned);
        } catch (const WebSocketDisconnect&) {
            end(state, service::HandlerEnd::disconnected);
        } catch (const Cancelled&) {
            if (state.worker().is_stopping()) return end(state, service::HandlerEnd::stopped);
            if (!websocket.is_closed()) fail(state, cancelled_by_another);  // else the client has left
        } catch (const WebSocketMessageError& failure) {
            if (!websocket.is_accepted()) return fail(state, describe(error));
            const bool is_kind = failure.close_code() == ws::close_code::unsupported_data;
            const char* const text = failure.what();  // a class of the application's may have none
            end(state, is_kind ? service::HandlerEnd::wrong_kind : service::HandlerEnd::wrong_content,
                text ? text : "");
        } catch (const HTTPException& refusal) {
            if (!refuse(state.websocket(), refusal)) fail(state, describe(error));
        } catch (...) {
            fail(state, describe(error));
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

    static void end(ConnectionState& state, service::HandlerEnd how, std::string_view error = {}) {
        if (const auto line = service::end_websocket(state.websocket(), how, "of " + get_name(state), error))
            state.worker().log_limited(service::LogLevel::info, *line);
    }
    static void fail(ConnectionState& state, std::string_view error) {
        const std::string_view path = state.websocket().request().head.raw_path();
        logger().error("{}: the handler of {} failed: {}", service::escape_for_log(path), get_name(state), error);
        end(state, service::HandlerEnd::failed);
    }
    // False: the connection is already accepted, or the exception's response can't refuse a handshake.
    static bool refuse(service::WebSocket& websocket, const HTTPException& refusal) {
        if (websocket.is_accepted()) return false;
        if (websocket.is_closed()) return true;  // the client no longer waits for it
        return websocket.reject(refusal.status_code(), make_body(refusal), refusal_headers(refusal)).has_value();
    }
};

}  // namespace

void start_websocket_task(Worker& worker, const base::IntrusivePtr<service::WebSocket>& websocket) {
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
    if (!task) return websocket->refuse(service::Refusal::not_found);
    // The task deletes itself when it ends.
    auto* running = new WebSocketTask(worker, state, std::move(*task));
    if (entry.options.cancel_on_disconnect) running->cancel_on_disconnect();
    running->start();
}

}  // namespace proapi::detail
