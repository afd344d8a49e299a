// A request in the terms of the public API, made from the engine's view when it is first needed.
#pragma once

#include <string>

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
};

// Returns the values that a handler's parameters are read from.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> path_values(const http::Match& match);

}  // namespace proapi::detail
