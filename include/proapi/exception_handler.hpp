// Exception handlers: functions that make a response of an exception. For ProAPI::exception_handler() and
// status_handler(). The first argument is the request or, for what a WebSocket handler throws before accept(), the
// connection.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "proapi/errors.hpp"
#include "proapi/request.hpp"
#include "proapi/response.hpp"
#include "proapi/websocket_connection.hpp"

namespace proapi::detail {

// Which handlers are asked first.
enum class ExceptionRank : std::uint8_t { ordinary, http_exception, last_resort };
template <class E>
inline constexpr ExceptionRank rank_of = std::is_same_v<E, HTTPException>    ? ExceptionRank::http_exception
                                         : std::is_same_v<E, std::exception> ? ExceptionRank::last_resort
                                                                             : ExceptionRank::ordinary;

// Connection: Request or WebSocketConnection. Returns nullopt if the exception is of another type.
template <class Connection>
using ExceptionHandler = std::function<std::optional<Response>(const Connection&, const std::exception_ptr&)>;
template <class Connection>
using StatusHandler = std::function<Response(const Connection&, const HTTPException&)>;

template <class F, class Connection, class E>
concept AnswersException =
    std::copy_constructible<F> && std::is_invocable_r_v<Response, F&, const Connection&, const E&>;
template <class F, class E>
concept HandlerOfException = AnswersException<F, Request, E> || AnswersException<F, WebSocketConnection, E>;

// A handler of std::exception or another base of HTTPException does not take those: they are responses already.
template <class Connection, class E, class F>
[[nodiscard]] ExceptionHandler<Connection> make_exception_handler(F handler) {
    return [handler = std::move(handler)](const Connection& connection,
                                          const std::exception_ptr& error) mutable -> std::optional<Response> {
        if constexpr (std::is_base_of_v<E, HTTPException> && !std::is_same_v<E, HTTPException>) {
            try {
                std::rethrow_exception(error);
            } catch (const HTTPException&) {
                return std::nullopt;
            } catch (const E& caught) {
                return std::invoke(handler, connection, caught);
            } catch (...) {
                return std::nullopt;
            }
        } else {
            try {
                std::rethrow_exception(error);
            } catch (const E& caught) {
                return std::invoke(handler, connection, caught);
            } catch (...) {
                return std::nullopt;
            }
        }
    };
}

}  // namespace proapi::detail
