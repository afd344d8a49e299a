// What a server serves: routes, each with its kind and its limits, and the application that handles them.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/intrusive_ptr.hpp"
#include "http/router.hpp"
#include "service/middleware.hpp"
#include "service/settings.hpp"

namespace proapi::service {

class Exchange;
class WebSocket;

// Whether files and directories whose names begin with a dot are served: .env, .git/config.
enum class DotFiles : std::uint8_t { hidden, served };

struct Route {
    enum class Kind : std::uint8_t { http, websocket, files };
    // Whether the application is called when the body is whole, or as soon as the head has arrived. A body that has
    // arrived with its head, or whose announced length is too long, is whole or refused in either case.
    enum class Body : std::uint8_t { whole, streamed };
    Kind kind = Kind::http;
    Body body = Body::whole;     // http
    std::string pattern;         // for observers
    WebSocketSettings settings;  // websocket
    HttpSettings http_settings;  // http
    std::string directory;       // files
    DotFiles dot_files = DotFiles::hidden;
};

using Statuses = std::bitset<600>;

// Built once and read-only afterwards, so several reactors may share it.
struct Site {
    http::Router router;       // a match's `route` is an index into `routes`
    std::deque<Route> routes;  // adding a route must not move the others: connections refer to their settings
    Settings settings;
    MiddlewareList middleware;  // the first in the list is the first to see a request
    // The application answers refusals with these statuses in the engine's place; nullopt: it answers none. Requests
    // whose head could not be read are not passed on.
    std::optional<Statuses> answered_refusals;
    // Requests for files are passed to the application, which responds with what serve_files() finds.
    bool passes_files_to_application = false;
};

// The front end. Called on the reactor's thread. The request's `match.route` identifies the handler.
class Application {
public:
    // A valid handshake from an allowed origin; the handler accepts or rejects it.
    virtual void on_websocket(base::IntrusivePtr<WebSocket> websocket) = 0;
    // A request, with its whole body unless the route streams it, or one that would be refused if the application did
    // not answer in the engine's place: then exchange->refusal() says with what, and no route need have matched. The
    // handler responds through `exchange`, now or later.
    virtual void on_request(base::IntrusivePtr<Exchange> exchange) = 0;

protected:
    ~Application() = default;
};

}  // namespace proapi::service
