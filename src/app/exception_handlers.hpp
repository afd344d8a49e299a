// The exception handlers of an application, and which of them answers an exception: those of classes in the order of
// their registration; of an HTTPException, that of its status before that of HTTPException; those of std::exception and
// of 500 as the last resort.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "proapi/exception_handler.hpp"

namespace proapi::detail {

// Connection: Request, or WebSocketConnection for what is thrown before accept().
template <class Connection>
class ExceptionHandlers {
public:
    void add(ExceptionHandler<Connection> handler, ExceptionRank rank);
    // Replaces the handler of the same status.
    void add(int status, StatusHandler<Connection> handler) { by_status_[status] = std::move(handler); }

    // Each returns nullopt if no handler takes the exception, and throws what the handler throws. The first asks all
    // handlers but the last resort.
    [[nodiscard]] std::optional<Response> answer_foreseen(const Connection& connection,
                                                          const std::exception_ptr& error) const;
    [[nodiscard]] std::optional<Response> answer_last(const Connection& connection,
                                                      const std::exception_ptr& error) const;

private:
    [[nodiscard]] std::optional<Response> answer_status(const Connection& connection, const HTTPException& error) const;

    std::vector<ExceptionHandler<Connection>> ordinary_, of_http_exception_, last_resort_;
    std::map<int, StatusHandler<Connection>> by_status_;
};

// Returns null if the exception is none. The object lives as long as `error`.
[[nodiscard]] const HTTPException* find_http_exception(const std::exception_ptr& error);

}  // namespace proapi::detail
