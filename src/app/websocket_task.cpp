#include "app/websocket_task.hpp"

#include "app/connection_state.hpp"
#include "app/http_task.hpp"
#include "app/middleware_chain.hpp"
#include "app/refusals.hpp"
#include "app/response_writer.hpp"
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
            if (!websocket.is_accepted()) return refuse(state, error);
            const bool is_kind = failure.close_code() == ws::close_code::unsupported_data;
            const char* const text = failure.what();  // a class of the application's may have none
            end(state, is_kind ? service::HandlerEnd::wrong_kind : service::HandlerEnd::wrong_content,
                text ? text : "");
        } catch (...) {
            refuse(state, error);
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
    static void log_failure(ConnectionState& state, std::string_view error) {
        const std::string_view path = state.websocket().request().head.raw_path();
        logger().error("{}: the handler of {} failed: {}", service::escape_for_log(path), get_name(state), error);
    }
    static void fail(ConnectionState& state, std::string_view error) {
        log_failure(state, error);
        end(state, service::HandlerEnd::failed);
    }
    // Refuses the handshake with the response to the exception, if there is one; otherwise the handler has failed.
    static void refuse(ConnectionState& state, const std::exception_ptr& error) {
        service::WebSocket& websocket = state.websocket();
        if (!websocket.is_accepted() && websocket.is_closed() && find_http_exception(error)) return;  // nobody waits
        if (websocket.is_accepted() || websocket.is_closed()) return fail(state, describe(error));
        try {
            const auto response = find_response(state, error);
            if (!response) return fail(state, describe(error));
            if (!reject(websocket, *response))
                fail(state,
                     "expected a response that can refuse a handshake: text or octets, with a status from 300 to 599, "
                     "got another one");
        } catch (...) {
            fail(state, describe(std::current_exception()));
        }
    }
    // Returns nullopt if nobody answers the exception. Throws what an exception handler throws.
    static std::optional<Response> find_response(ConnectionState& state, const std::exception_ptr& error) {
        const auto& handlers = state.worker().site().websocket_hooks().exception_handlers;
        const WebSocketConnection connection{ConnectionRef(&state)};
        if (auto response = handlers.answer_foreseen(connection, error)) return response;
        if (const HTTPException* const refusal = find_http_exception(error)) return make_response(*refusal);
        auto response = handlers.answer_last(connection, error);
        if (response) log_failure(state, describe(error));
        return response;
    }
    static bool reject(service::WebSocket& websocket, const Response& response) {
        const auto* const body = std::get_if<std::string>(&response.body);
        return body && websocket.reject(response.status_code, *body, make_fields(response)).has_value();
    }
};

[[nodiscard]] Task<> call_handler(const Site::Entry& entry, const http::Match& match, WebSocketConnection connection) {
    auto task = entry.websocket->call(std::move(connection), path_values(match));
    if (!task) throw make_exception(service::Refusal::not_found);
    TaskAccess::require_unused(*task);
    return *std::move(task);
}

[[nodiscard]] Task<> pass_through_middleware(const std::vector<Middleware<WebSocketConnection>>& middleware,
                                             const Site::Entry& entry, const ConnectionRef& state) {
    auto handler = [&entry, state](WebSocketConnection connection) {
        return call_handler(entry, state->websocket().request().match, std::move(connection));
    };
    return MiddlewareChain<WebSocketConnection>::begin(middleware, std::move(handler), WebSocketConnection(state));
}

}  // namespace

void start_websocket_task(Worker& worker, const base::IntrusivePtr<service::WebSocket>& websocket) {
    const http::Match& match = websocket->request().match;
    const Site::Entry& entry = worker.site().entry(match.route);
    const ConnectionRef state(new ConnectionState(worker.shared_from_this(), websocket));
    state->begin();
    std::optional<Task<>> task;
    try {
        const auto& middleware = worker.site().websocket_hooks().middleware;
        task = middleware.empty() ? call_handler(entry, match, WebSocketConnection(state))
                                  : pass_through_middleware(middleware, entry, state);
    } catch (...) {  // thrown by a handler that is not itself a coroutine
        return WebSocketTask::end(*state, std::current_exception());
    }
    // The task deletes itself when it ends.
    auto* running = new WebSocketTask(worker, state, std::move(*task));
    if (entry.options.cancel_on_disconnect) running->cancel_on_disconnect();
    running->start();
}

}  // namespace proapi::detail
