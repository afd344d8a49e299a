#include "service/response_headers.hpp"

#include "http/response.hpp"

namespace proapi::service {

http::Result<void> ResponseHeaders::check(const http::Headers& fields) {
    return http::check_response(200, fields);
}

void ResponseHeaders::on_response(const RequestInfo&, int, http::Headers& headers) const {
    for (const auto& [name, value] : fields_)
        if (!headers.contains(name)) headers.add(name, value);
}

const http::Headers& security_headers() {
    static const http::Headers fields{{"X-Content-Type-Options", "nosniff"},
                                      {"X-Frame-Options", "SAMEORIGIN"},
                                      {"Referrer-Policy", "strict-origin-when-cross-origin"},
                                      {"Cross-Origin-Opener-Policy", "same-origin"}};
    return fields;
}

}  // namespace proapi::service
