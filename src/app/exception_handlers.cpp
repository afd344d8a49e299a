#include "app/exception_handlers.hpp"

namespace proapi::detail {

namespace {

constexpr int internal_error = 500;

template <class Connection>
[[nodiscard]] std::optional<Response> ask(const std::vector<ExceptionHandler<Connection>>& handlers,
                                          const Connection& connection, const std::exception_ptr& error) {
    for (const ExceptionHandler<Connection>& handler : handlers)
        if (auto response = handler(connection, error)) return response;
    return std::nullopt;
}

}  // namespace

const HTTPException* find_http_exception(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const HTTPException& caught) {
        return &caught;
    } catch (...) {
        return nullptr;
    }
}

template <class Connection>
void ExceptionHandlers<Connection>::add(ExceptionHandler<Connection> handler, ExceptionRank rank) {
    switch (rank) {
        case ExceptionRank::ordinary:
            return ordinary_.push_back(std::move(handler));
        case ExceptionRank::http_exception:
            return of_http_exception_.push_back(std::move(handler));
        case ExceptionRank::last_resort:
            return last_resort_.push_back(std::move(handler));
    }
}

template <class Connection>
std::optional<Response> ExceptionHandlers<Connection>::answer_status(const Connection& connection,
                                                                     const HTTPException& error) const {
    const auto found = by_status_.find(error.status_code());
    return found == by_status_.end() ? std::nullopt : std::optional(found->second(connection, error));
}

template <class Connection>
std::optional<Response> ExceptionHandlers<Connection>::answer_foreseen(const Connection& connection,
                                                                       const std::exception_ptr& error) const {
    if (auto response = ask(ordinary_, connection, error)) return response;
    const HTTPException* const refusal = find_http_exception(error);
    if (!refusal) return std::nullopt;
    auto response = answer_status(connection, *refusal);
    return response ? response : ask(of_http_exception_, connection, error);
}

template <class Connection>
std::optional<Response> ExceptionHandlers<Connection>::answer_last(const Connection& connection,
                                                                   const std::exception_ptr& error) const {
    if (find_http_exception(error)) return std::nullopt;
    auto response = ask(last_resort_, connection, error);
    return response ? response : answer_status(connection, HTTPException(internal_error));
}

template class ExceptionHandlers<Request>;
template class ExceptionHandlers<WebSocketConnection>;

}  // namespace proapi::detail
