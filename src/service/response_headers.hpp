// A middleware that gives every response certain fields, unless it has them: Server, or those that tell browsers to be
// careful (X-Content-Type-Options and the like).
#pragma once

#include <string>

#include "service/middleware.hpp"

namespace proapi::service {

class ResponseHeaders final : public Middleware {
public:
    explicit ResponseHeaders(http::Headers fields) : fields_(std::move(fields)) {}

    // Whether a response can have them.
    [[nodiscard]] static http::Result<void> check(const http::Headers& fields);

    void on_response(const RequestInfo& request, int status, http::Headers& headers) const override;

private:
    http::Headers fields_;
};

// What browsers should be told of any page that does not say otherwise: no guessing of content types, no framing by
// others, no full addresses to other sites, no opener across origins.
[[nodiscard]] const http::Headers& security_headers();

}  // namespace proapi::service
