#include "service/middleware.hpp"

#include <ranges>

#include "service/service.hpp"

namespace proapi::service {

void Next::operator()(base::IntrusivePtr<Exchange> exchange) const {
    service_->pass_in(std::move(exchange), position_);
}

void Middleware::open(base::IntrusivePtr<Exchange> exchange, const Next& next) const {
    next(std::move(exchange));
}

http::Headers pass_out(const MiddlewareList& list, const RequestInfo& request, int status,
                       const http::Headers& headers) {
    http::Headers changed = headers;
    for (const auto& middleware : std::views::reverse(list)) middleware->on_response(request, status, changed);
    return changed;
}

}  // namespace proapi::service
