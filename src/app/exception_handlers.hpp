// The exception handlers of an application, and which of them answers an exception: those of classes in the order of
// their registration; of an HTTPException, that of its status before that of HTTPException; those of std::exception and
// of 500 as the last resort.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "proapi/exception_handler.hpp"

namespace proapi::detail {

class ExceptionHandlers {
public:
    enum class Rank : std::uint8_t { ordinary, http_exception, last_resort };

    void add(ExceptionHandler handler, Rank rank);
    // Replaces the handler of the same status.
    void add(int status, StatusHandler handler) { by_status_[status] = std::move(handler); }

    struct Answer {
        Response response;
        bool is_foreseen;  // not by the last resort
    };
    // Returns nullopt if no handler takes the exception. Throws what the handler throws.
    [[nodiscard]] std::optional<Answer> answer(const Request& request, const std::exception_ptr& error) const;

private:
    [[nodiscard]] std::optional<Response> answer_status(const Request& request, const HTTPException& error) const;

    std::vector<ExceptionHandler> ordinary_, of_http_exception_, last_resort_;
    std::map<int, StatusHandler> by_status_;
};

}  // namespace proapi::detail
