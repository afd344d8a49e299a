// CORS: which pages of other origins may read responses (Fetch standard, section 3.3 "CORS protocol"). It acts on every
// response, the engine's own refusals and files included, and answers every preflight before routing. WebSocket
// handshakes are not its business: browsers let every page open one, and the Origin rule (origin.hpp) refuses it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/error.hpp"
#include "service/middleware.hpp"

namespace proapi::service {

struct CorsOptions {
    // Origins as in the setting allowed_origins; "*": any.
    std::vector<std::string> allow_origins;
    // Whether an origin that is not listed is allowed. Called with it as read_origin() returns it, on the thread of the
    // request; never with "null". Null: none is.
    std::function<bool(std::string_view origin)> matches_origin;
    std::vector<std::string> allow_methods;  // in any case; "*": the usual methods
    std::vector<std::string> allow_headers;  // "*": any
    std::vector<std::string> expose_headers;
    std::chrono::seconds max_age{600};
    bool allow_credentials = false;
    bool allow_private_network = false;
};

class Cors final : public Middleware {
public:
    // Fails if an option can't have its value; the text names the option.
    [[nodiscard]] static Result<std::shared_ptr<const Cors>> make(const CorsOptions& options);

    // What allowed_origins is if the application does not set it. A handshake carries the user's cookies, so a list for
    // requests without credentials admits no page to WebSockets.
    [[nodiscard]] std::vector<std::string> websocket_origins() const;

    // Answers a preflight. Passes everything else on.
    void open(base::IntrusivePtr<Exchange> exchange, const Next& next) const override;
    // Leaves a response alone that has an Access-Control-Allow-Origin of its own.
    void on_response(const RequestInfo& request, int status, http::Headers& headers) const override;

private:
    explicit Cors(CorsOptions options);

    // Returns the value of Access-Control-Allow-Origin, which may be a view into the request; nullopt if the origin is
    // not allowed.
    [[nodiscard]] std::optional<std::string_view> allow_origin(const http::Headers& request) const;
    [[nodiscard]] bool is_allowed(std::string_view origin) const;
    [[nodiscard]] bool is_allowed_method(std::string_view method) const;
    [[nodiscard]] bool is_allowed_header(std::string_view name) const;
    // Returns why the preflight is refused; empty if it is not.
    [[nodiscard]] std::string find_fault(const http::Headers& request) const;
    [[nodiscard]] http::Headers make_preflight_fields(const http::Headers& request) const;

    CorsOptions options_;
    bool allows_any_origin_, allows_any_header_;
    std::string methods_, headers_, exposed_;  // as response fields list them
};

}  // namespace proapi::service
