// What a server serves: routes, each with its kind and its limits, and the application behind them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/intrusive_ptr.hpp"
#include "http/router.hpp"
#include "service/middleware.hpp"
#include "service/settings.hpp"

namespace proapi::service {

class Exchange;
class WebSocket;

// Whether names that begin with a dot are served: .env, .git/config.
enum class DotFiles : std::uint8_t { hidden, served };

struct Route {
    enum class Kind : std::uint8_t { http, websocket, files };
    // Whether the application is called once the body is whole, or from the head on.
    enum class Body : std::uint8_t { whole, streamed };
    Kind kind = Kind::http;
    Body body = Body::whole;     // http
    std::string pattern;         // for observers
    WebSocketSettings settings;  // websocket
    std::string directory;       // files
    DotFiles dot_files = DotFiles::hidden;
};

// Built once, then only read: several reactors may share it.
struct Site {
    http::Router router;       // a match's `route` is an index of `routes`
    std::deque<Route> routes;  // stay where they are when others are added: connections refer to their settings
    Settings settings;
    MiddlewareList middleware;  // the first in the list is the first to see a request
};

// The front end. Called on the reactor's thread; `match.route` of the request says which handler is meant.
class Application {
public:
    // A handshake that is valid and of an allowed origin: the handler accepts or rejects it.
    virtual void on_websocket(base::IntrusivePtr<WebSocket> websocket) = 0;
    // A request, with its whole body unless the route streams it; the handler responds through it, now or later.
    virtual void on_request(base::IntrusivePtr<Exchange> exchange) = 0;

protected:
    ~Application() = default;
};

}  // namespace proapi::service
