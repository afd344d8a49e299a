#include "service/request_info.hpp"

namespace proapi::service {

std::string make_url(const RequestInfo& request, UrlKind kind) {
    std::string url = kind == UrlKind::websocket ? "ws" : "http";
    if (request.secure) url += 's';
    url.append("://").append(request.head.host()).append(request.head.raw_path());
    if (const std::string_view query = request.head.query(); !query.empty()) url.append("?").append(query);
    return url;
}

}  // namespace proapi::service
