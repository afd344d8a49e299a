// A middleware that adds given fields to every response that does not have them, such as Server, or the fields that
// make browsers careful (X-Content-Type-Options and others).
#pragma once

#include <string>

#include "service/middleware.hpp"

namespace proapi::service {

class ResponseHeaders final : public Middleware {
public:
    explicit ResponseHeaders(http::Headers fields) : fields_(std::move(fields)) {}

    // Whether a response may contain `fields`.
    [[nodiscard]] static http::Result<void> check(const http::Headers& fields);

    void on_response(const RequestInfo& request, int status, http::Headers& headers) const override;

private:
    http::Headers fields_;
};

// Safe defaults for browsers, for pages that do not set these fields: no content sniffing, no framing by other sites,
// no full URLs to other sites, no opener across origins.
[[nodiscard]] const http::Headers& security_headers();

}  // namespace proapi::service
