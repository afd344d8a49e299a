// Exception handlers: functions that make a response of an exception. For ProAPI::exception_handler() and
// status_handler().
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "proapi/errors.hpp"
#include "proapi/request.hpp"
#include "proapi/response.hpp"

namespace proapi::detail {

// Returns nullopt if the exception is of another type.
using ExceptionHandler = std::function<std::optional<Response>(const Request&, const std::exception_ptr&)>;
using StatusHandler = std::function<Response(const Request&, const HTTPException&)>;

template <class F, class E>
concept HandlerOfException =
    std::copy_constructible<F> && std::is_invocable_r_v<Response, F&, const Request&, const E&>;

// A handler of std::exception or another base of HTTPException does not take those: they are responses already.
template <class E, class F>
[[nodiscard]] ExceptionHandler make_exception_handler(F handler) {
    return [handler = std::move(handler)](const Request& request,
                                          const std::exception_ptr& error) mutable -> std::optional<Response> {
        if constexpr (std::is_base_of_v<E, HTTPException> && !std::is_same_v<E, HTTPException>) {
            try {
                std::rethrow_exception(error);
            } catch (const HTTPException&) {
                return std::nullopt;
            } catch (const E& caught) {
                return std::invoke(handler, request, caught);
            } catch (...) {
                return std::nullopt;
            }
        } else {
            try {
                std::rethrow_exception(error);
            } catch (const E& caught) {
                return std::invoke(handler, request, caught);
            } catch (...) {
                return std::nullopt;
            }
        }
    };
}

}  // namespace proapi::detail
