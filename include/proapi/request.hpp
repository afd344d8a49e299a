// Request: one HTTP request, whole, as its handler sees it. A cheap handle. It belongs to the handler's thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proapi/fields.hpp"
#include "proapi/json.hpp"

namespace proapi {

namespace detail {
class RequestState;
}

class Request {
public:
    [[nodiscard]] const std::string& method() const;
    [[nodiscard]] const std::string& path() const;  // decoded
    [[nodiscard]] const Params& path_params() const;
    [[nodiscard]] const Params& query_params() const;
    [[nodiscard]] const Headers& headers() const;
    [[nodiscard]] const Params& cookies() const;
    [[nodiscard]] const Client& client() const;
    [[nodiscard]] const std::string& url() const;

    // Octets, whatever they mean. The view lives as long as a copy of the request.
    [[nodiscard]] std::string_view body() const;
    // Throws HTTPException(400) where the body is not JSON.
    [[nodiscard]] Json json() const;
    // The fields of an application/x-www-form-urlencoded body. Throws HTTPException(415) for another type.
    [[nodiscard]] Params form() const;

    explicit Request(std::shared_ptr<const detail::RequestState> state) noexcept : state_(std::move(state)) {}

private:
    std::shared_ptr<const detail::RequestState> state_;
};

}  // namespace proapi
