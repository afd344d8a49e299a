#include "app/exception_handlers.hpp"

namespace proapi::detail {

namespace {

constexpr int internal_error = 500;

[[nodiscard]] std::optional<Response> ask(const std::vector<ExceptionHandler>& handlers, const Request& request,
                                          const std::exception_ptr& error) {
    for (const ExceptionHandler& handler : handlers)
        if (auto response = handler(request, error)) return response;
    return std::nullopt;
}

// The object lives as long as `error`.
[[nodiscard]] const HTTPException* find_http_exception(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const HTTPException& caught) {
        return &caught;
    } catch (...) {
        return nullptr;
    }
}

}  // namespace

void ExceptionHandlers::add(ExceptionHandler handler, Rank rank) {
    switch (rank) {
        case Rank::ordinary:
            return ordinary_.push_back(std::move(handler));
        case Rank::http_exception:
            return of_http_exception_.push_back(std::move(handler));
        case Rank::last_resort:
            return last_resort_.push_back(std::move(handler));
    }
}

std::optional<Response> ExceptionHandlers::answer_status(const Request& request, const HTTPException& error) const {
    const auto found = by_status_.find(error.status_code());
    return found == by_status_.end() ? std::nullopt : std::optional(found->second(request, error));
}

std::optional<ExceptionHandlers::Answer> ExceptionHandlers::answer(const Request& request,
                                                                   const std::exception_ptr& error) const {
    if (auto response = ask(ordinary_, request, error)) return Answer{*std::move(response), true};
    if (const HTTPException* refusal = find_http_exception(error)) {
        auto response = answer_status(request, *refusal);
        if (!response) response = ask(of_http_exception_, request, error);
        return response ? std::optional(Answer{*std::move(response), true}) : std::nullopt;
    }
    auto response = ask(last_resort_, request, error);
    if (!response) response = answer_status(request, HTTPException(internal_error));
    return response ? std::optional(Answer{*std::move(response), false}) : std::nullopt;
}

}  // namespace proapi::detail
