#include "app/request_view.hpp"

#include "http/url.hpp"
#include "ws/handshake.hpp"

namespace proapi::detail {

namespace {

[[nodiscard]] Headers copy_headers(const http::Headers& fields) {
    Headers headers;
    for (const auto& [name, value] : fields) headers.add(std::string(name), std::string(value));
    return headers;
}

[[nodiscard]] Params read_cookies(const http::Headers& fields) {
    Params cookies;
    for (const std::string_view field : fields.getlist("cookie"))
        for (auto& [name, value] : http::parse_cookies(field)) cookies.add(std::move(name), std::move(value));
    return cookies;
}

[[nodiscard]] std::vector<std::string> list_subprotocols(const http::RequestHead& head) {
    const auto offered = ws::list_subprotocols(head);
    return {offered.begin(), offered.end()};
}

}  // namespace

std::vector<std::pair<std::string, std::string>> path_values(const http::Match& match) {
    std::vector<std::pair<std::string, std::string>> values;
    values.reserve(match.parameters.size());
    for (const http::PathValue& parameter : match.parameters) values.emplace_back(parameter.name, parameter.value);
    return values;
}

RequestView::RequestView(const service::RequestInfo& request, service::UrlKind kind)
    : path(http::percent_decode(request.head.raw_path()).value_or(std::string(request.head.raw_path()))),
      url(service::make_url(request, kind)),
      path_params(path_values(request.match)),
      query_params(http::parse_query(request.head.query())),
      cookies(read_cookies(request.head.headers)),
      headers(copy_headers(request.head.headers)),
      subprotocols(list_subprotocols(request.head)),
      client{request.client.host, request.client.port},
      client_certificate(request.client_certificate) {}

}  // namespace proapi::detail
