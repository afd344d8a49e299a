// What stands between a request and the service, and between a response and its client: headers for every response,
// CORS, authentication before an upload. Each is asked in the order of the site's list on the way in, and in the
// opposite order on the way out.
#pragma once

#include <memory>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "http/headers.hpp"
#include "service/request_info.hpp"

namespace proapi::service {

class Exchange;
class Service;

// The rest of the way of a request. May be kept, and called later, once, on the same thread.
class Next {
public:
    void operator()(base::IntrusivePtr<Exchange> exchange) const;

private:
    friend class Service;
    Next(Service& service, std::size_t position) noexcept : service_(&service), position_(position) {}

    Service* service_;
    std::size_t position_;
};

// One object serves all threads of a server: it changes nothing of itself.
class Middleware {
public:
    virtual ~Middleware() = default;
    // A request's head has come, or a handshake's. Without a call of `next` it answers the exchange itself, now or
    // later.
    virtual void open(base::IntrusivePtr<Exchange> exchange, const Next& next) const;
    // The head of a response is about to be written, the engine's own refusals included: its fields may be changed.
    // 101: a handshake was accepted.
    virtual void on_response(const RequestInfo&, int /*status*/, http::Headers&) const {}
};

using MiddlewareList = std::vector<std::shared_ptr<const Middleware>>;

// The fields of a response as all of `list` leave them.
[[nodiscard]] http::Headers pass_out(const MiddlewareList& list, const RequestInfo& request, int status,
                                     const http::Headers& headers);

}  // namespace proapi::service
