// Middleware: functions through which every request and every WebSocket passes on the way to its handler.
//
//   app.middleware([](proapi::Request request, proapi::CallNext<> call_next) -> proapi::Task<proapi::Response> {
//       proapi::Response response = co_await call_next(request);
//       response.headers.set("X-Frame-Options", "DENY");
//       co_return response;
//   });
//
// For WebSockets: Task<>(WebSocketConnection, CallNext<WebSocketConnection>), whose call_next() returns when the
// handler has ended. A class with an operator() for each serves both.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>

#include "proapi/request.hpp"
#include "proapi/response.hpp"
#include "proapi/task.hpp"
#include "proapi/websocket_connection.hpp"

namespace proapi {

namespace detail {

template <class Connection>
class MiddlewareChain;

// What a middleware returns, in a task.
template <class Connection>
using Answer = std::conditional_t<std::is_same_v<Connection, Request>, Response, void>;

}  // namespace detail

// Goes on to the next middleware, or to the handler. Connection: Request or WebSocketConnection.
template <class Connection = Request>
class CallNext {
public:
    // Call it at most once. Throws std::logic_error for a second call.
    //
    // The task of a request returns the response that will be sent, whose stream or file has not begun yet. It throws
    // what the handler throws, except for HTTPExceptions and for exceptions that have an exception handler: they are
    // responses already, unless that handler is the last resort (of std::exception or 500). What the handler of a
    // WebSocket throws always comes through.
    [[nodiscard]] Task<detail::Answer<Connection>> operator()(Connection connection) const;

    // Internal.
    CallNext(std::shared_ptr<detail::MiddlewareChain<Connection>> chain, std::size_t position) noexcept
        : chain_(std::move(chain)), position_(position) {}

private:
    std::shared_ptr<detail::MiddlewareChain<Connection>> chain_;
    std::size_t position_;
};

namespace detail {

// The arguments are valid until the task has ended, also for functions that take references.
template <class Connection>
using Middleware = std::function<Task<Answer<Connection>>(Connection&, CallNext<Connection>&)>;

template <class F, class Connection>
concept MiddlewareOf = requires(F& function, Connection& connection, CallNext<Connection>& call_next) {
    { std::invoke(function, connection, call_next) } -> std::same_as<Task<Answer<Connection>>>;
};

template <class Connection, class F>
[[nodiscard]] Middleware<Connection> make_middleware(std::shared_ptr<F> function) {
    return [function = std::move(function)](Connection& connection, CallNext<Connection>& call_next) {
        return std::invoke(*function, connection, call_next);
    };
}

}  // namespace detail

}  // namespace proapi
