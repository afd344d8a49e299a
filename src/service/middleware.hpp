// Middleware stands between a request and the service, and between a response and its client: headers for every
// response, CORS, authentication before an upload. Requests pass through the site's list in order, responses in reverse
// order.
#pragma once

#include <memory>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "http/headers.hpp"
#include "service/request_info.hpp"

namespace proapi::service {

class Exchange;
class Service;

// Passes a request on to the rest of the list and the service. May be kept and called later, once, on the same thread.
class Next {
public:
    void operator()(base::IntrusivePtr<Exchange> exchange) const;

private:
    friend class Service;
    Next(Service& service, std::size_t position) noexcept : service_(&service), position_(position) {}

    Service* service_;
    std::size_t position_;
};

// One object serves all threads of a server, so it must not change its own state.
class Middleware {
public:
    virtual ~Middleware() = default;
    // Called when the head of a request or of a handshake has arrived. A middleware that does not call `next` answers
    // the exchange itself, now or later.
    virtual void open(base::IntrusivePtr<Exchange> exchange, const Next& next) const;
    // Called before the head of a response is written, including the engine's own refusals. May change the header
    // fields. Status 101 means that a handshake was accepted.
    virtual void on_response(const RequestInfo&, int /*status*/, http::Headers&) const {}
};

using MiddlewareList = std::vector<std::shared_ptr<const Middleware>>;

// Returns the header fields of a response after every middleware of `list` has processed them.
[[nodiscard]] http::Headers pass_out(const MiddlewareList& list, const RequestInfo& request, int status,
                                     const http::Headers& headers);

}  // namespace proapi::service
