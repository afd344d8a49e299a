// The state that the copies of a Request share: the engine's exchange, and the view of its request.
#pragma once

#include <optional>

#include "app/request_view.hpp"
#include "app/worker.hpp"
#include "proapi/request.hpp"
#include "service/exchange.hpp"

namespace proapi::detail {

class RequestState {
public:
    RequestState(std::shared_ptr<Worker> worker, base::IntrusivePtr<service::Exchange> exchange,
                 bool streams_body) noexcept
        : exchange_(std::move(worker), std::move(exchange)), streams_body_(streams_body) {}

    [[nodiscard]] const service::RequestInfo& info() const noexcept { return exchange_->request(); }
    [[nodiscard]] const std::string& body() const noexcept { return exchange_->body(); }
    // Whether the handler reads the body in parts; body() is not the whole body then.
    [[nodiscard]] bool streams_body() const noexcept { return streams_body_; }
    // On the handler's thread only.
    [[nodiscard]] service::Exchange& exchange() const noexcept { return *exchange_; }
    [[nodiscard]] bool is_on_own_thread() const noexcept { return exchange_.worker()->is_current(); }
    [[nodiscard]] bool has_client_left() const noexcept { return exchange_->has_client_left(); }
    [[nodiscard]] const RequestView& view() const {
        if (!view_) view_.emplace(info(), service::UrlKind::http);
        return *view_;
    }
    // What the application keeps with the request.
    [[nodiscard]] std::unordered_map<std::string, std::any>& attributes() const {
        if (!attributes_) attributes_ = std::make_unique<std::unordered_map<std::string, std::any>>();
        return *attributes_;
    }

private:
    WorkerPtr<service::Exchange> exchange_;
    const bool streams_body_;
    mutable std::optional<RequestView> view_;
    mutable std::unique_ptr<std::unordered_map<std::string, std::any>> attributes_;
};

struct RequestAccess {
    [[nodiscard]] static const RequestState& state(const Request& request) { return request.shared(); }
    // Throws HTTPException: it is no form, or malformed.
    [[nodiscard]] static FormData parse_form(const Request& request) { return request.parse_form(); }
};

}  // namespace proapi::detail
