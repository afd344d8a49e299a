// A request in the terms of the public API, made from the engine's view when it is first needed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proapi/fields.hpp"
#include "service/request_info.hpp"

namespace proapi::detail {

struct RequestView {
    RequestView(const service::RequestInfo& request, service::UrlKind kind);

    std::string path, url;
    Params path_params, query_params, cookies;
    Headers headers;
    std::vector<std::string> subprotocols;
    Client client;
    std::shared_ptr<const std::string> client_certificate;  // null: none

    [[nodiscard]] std::string_view client_certificate_text() const noexcept {
        return client_certificate ? std::string_view(*client_certificate) : std::string_view();
    }
};

// Returns the values that a handler's parameters are read from.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> path_values(const http::Match& match);

}  // namespace proapi::detail
