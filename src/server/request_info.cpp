#include "server/request_info.hpp"

namespace proapi::server {

std::string url_of(const RequestInfo& request, UrlKind kind) {
    std::string url = kind == UrlKind::websocket ? "ws" : "http";
    if (request.secure) url += 's';
    url += "://" + request.head.host + request.head.raw_path;
    if (!request.head.query.empty()) url += "?" + request.head.query;
    return url;
}

}  // namespace proapi::server
