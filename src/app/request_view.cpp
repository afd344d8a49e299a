#include "app/request_view.hpp"

#include "http/url.hpp"

namespace proapi::detail {

namespace {

[[nodiscard]] Headers headers_of(const http::Headers& fields) {
    Headers headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    return headers;
}

[[nodiscard]] Params cookies_of(const http::Headers& fields) {
    Params cookies;
    for (const std::string_view field : fields.getlist("cookie"))
        for (auto& [name, value] : http::parse_cookies(field)) cookies.add(std::move(name), std::move(value));
    return cookies;
}

}  // namespace

RequestView::RequestView(const server::RequestInfo& request, server::UrlKind kind)
    : path(http::percent_decode(request.head.raw_path).value_or(request.head.raw_path)),
      url(server::url_of(request, kind)),
      path_params(request.match.parameters),
      query_params(http::parse_query(request.head.query)),
      cookies(cookies_of(request.head.headers)),
      headers(headers_of(request.head.headers)),
      client{request.client.host, request.client.port} {}

}  // namespace proapi::detail
