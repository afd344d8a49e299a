// ProAPI: an application, with its routes, its settings, and the calls that run it.
//
//   proapi::ProAPI app;
//   app.websocket("/ws", [](proapi::WebSocketConnection websocket) -> proapi::Task<> {
//       co_await websocket.accept();
//       while (true) co_await websocket.send_text("Echo: " + co_await websocket.receive_text());
//   });
//   app.run_or_exit({.port = 8000});
//
// Patterns: "/chat/{room}", "/page/{number:int}"; the converters are int, float, uuid and path. The handler takes path
// parameters by position, after the connection or the optional Request.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proapi/cors.hpp"
#include "proapi/events.hpp"
#include "proapi/exception_handler.hpp"
#include "proapi/handler.hpp"
#include "proapi/middleware.hpp"
#include "proapi/settings.hpp"

namespace proapi {

namespace detail {
class Site;
class RunningWorkers;
}  // namespace detail

// Options of one route.
struct RouteOptions {
    // Cancels the handler, which must be a coroutine, when its client leaves: the operation that it waits for throws
    // Cancelled. The client of a WebSocket has left when closed() becomes true, unless its own handler closed the
    // connection. An HTTP client has left when the connection is lost or the client has ended its side (FIN). Some
    // clients, such as nc, do the latter while they still read; they get no answer. Nothing is logged. An HTTP handler
    // that has returned is not cancelled; a stream ends with its client in any case.
    bool cancel_on_disconnect = false;
    // Octets of a request's body: the setting max_body_size, for this HTTP route only.
    std::optional<std::uint64_t> max_body_size = std::nullopt;
};

// How static_files() serves a directory.
struct StaticOptions {
    // Also serves names that begin with a dot, such as .env or .git/config. Without this option they are answered with
    // 404, except for a .well-known in the directory itself.
    bool dot_files = false;
};

// Headers for ProAPI::response_headers(): what browsers should know about any page that does not say otherwise. They
// must not guess content types, let other sites frame the page, or reveal its address or its window to other sites.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> security_headers();

// A server that runs in its own threads. Destroying it stops it.
//
// Handlers that are not coroutines can't be interrupted. Those that still run after shutdown_timeout are abandoned: the
// server neither waits for them nor uses their results, and they may outlive the RunningServer, the ProAPI and main().
// The handlers' own objects (a lambda's captures) live until these handlers end; everything that those objects refer to
// must live as long. Handlers that have not begun by then never run.
//
// Every member function of a moved-from RunningServer throws std::logic_error.
class RunningServer {
public:
    RunningServer(RunningServer&&) noexcept;
    RunningServer& operator=(RunningServer&&) noexcept;
    ~RunningServer();

    // The port of the first address: the one that was requested, or for port 0 the free port that was chosen. 0 for a
    // Unix socket.
    [[nodiscard]] std::uint16_t port() const;
    // Where the server listens first: "http://127.0.0.1:8000", "unix:/run/app.sock".
    [[nodiscard]] std::string url() const;
    // Host and port of everything that the server listens on; {"unix:/run/app.sock", 0} for a Unix socket.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint16_t>> addresses() const;
    // Stops accepting, closes WebSockets with 1001, waits for handlers up to shutdown_timeout, then cancels the
    // remaining ones. Spawned tasks are cancelled once no handler runs on their worker. Returns immediately. Any
    // thread.
    void stop();
    // Waits until the server has stopped: no coroutine runs, no handler can begin, and routes and settings may be
    // changed again. Any thread, also several at once, but not from a handler.
    void wait();

private:
    friend class ProAPI;
    explicit RunningServer(std::unique_ptr<detail::RunningWorkers> serving) noexcept;
    [[nodiscard]] detail::RunningWorkers& serving() const;

    std::unique_ptr<detail::RunningWorkers> workers_;
};

// Register routes and settings from one thread, while the application does not run. Registering something that can't
// work throws RouteError.
class ProAPI {
public:
    ProAPI();
    ~ProAPI();
    ProAPI(const ProAPI&) = delete;
    ProAPI& operator=(const ProAPI&) = delete;

    // handler: Task<>(WebSocketConnection, path parameters...). `settings`: limits of this route only.
    template <class F>
    void websocket(std::string_view pattern, F handler, const RouteOptions& options = {}, const Settings& settings = {},
                   std::source_location where = std::source_location::current()) {
        add_websocket(pattern, detail::make_websocket_handler(std::move(handler)), options, settings, where);
    }
    // A template, so that g++ 12 too resolves {.cancel_on_disconnect = true} to the other overload.
    template <class F, class S = Settings>
        requires std::same_as<S, Settings>
    void websocket(std::string_view pattern, F handler, const S& settings,
                   std::source_location where = std::source_location::current()) {
        add_websocket(pattern, detail::make_websocket_handler(std::move(handler)), {}, settings, where);
    }

    // A WebSocket route whose JSON messages are dispatched by their name: events.hpp. connect:
    // Task<Session>(WebSocketConnection, path parameters...), called when a client connects; the connection is accepted
    // when it returns, unless it has accepted or refused it. `settings`: limits of this route only. Throws
    // std::invalid_argument if two members of EventsOptions have the same name.
    template <class F>
    auto& events(std::string_view pattern, F connect, const EventsOptions& options = {}, const Settings& settings = {},
                 std::source_location where = std::source_location::current()) {
        using Connect = detail::ConnectFunction<F>;
        auto events = std::make_shared<Events<typename Connect::Session>>(options, *site_);
        add_websocket(pattern, detail::make_websocket_handler(typename Connect::Handler(events, std::move(connect))),
                      {}, settings, where);
        return *events;
    }
    // The same without a first function. The pattern has no parameters.
    Events<>& events(std::string_view pattern, const EventsOptions& options = {}, const Settings& settings = {},
                     std::source_location where = std::source_location::current()) {
        return events(pattern, [](WebSocketConnection) -> Task<> { co_return; }, options, settings, where);
    }

    // handler: R or Task<R> ([Request,] path parameters...), R: Response, text (HTML), Json, Bytes, void (204). A
    // handler that is not a coroutine runs in a thread of a pool: it may block, but can't call spawn() or sleep().
    // `method` is case-insensitive: "get" is GET.
    template <class F>
    void route(std::string_view method, std::string_view pattern, F handler, const RouteOptions& options = {},
               std::source_location where = std::source_location::current()) {
        add_http(method, pattern, detail::make_http_handler(std::move(handler)), options, where);
    }
    // Serves HEAD too, unless HEAD has its own handler.
    template <class F>
    void get(std::string_view pattern, F handler, const RouteOptions& options = {},
             std::source_location where = std::source_location::current()) {
        route("GET", pattern, std::move(handler), options, where);
    }
    template <class F>
    void post(std::string_view pattern, F handler, const RouteOptions& options = {},
              std::source_location where = std::source_location::current()) {
        route("POST", pattern, std::move(handler), options, where);
    }
    template <class F>
    void put(std::string_view pattern, F handler, const RouteOptions& options = {},
             std::source_location where = std::source_location::current()) {
        route("PUT", pattern, std::move(handler), options, where);
    }
    template <class F>
    void patch(std::string_view pattern, F handler, const RouteOptions& options = {},
               std::source_location where = std::source_location::current()) {
        route("PATCH", pattern, std::move(handler), options, where);
    }
    // DELETE. The name `delete` is a C++ keyword.
    template <class F>
    void del(std::string_view pattern, F handler, const RouteOptions& options = {},
             std::source_location where = std::source_location::current()) {
        route("DELETE", pattern, std::move(handler), options, where);
    }
    template <class F>
    void head(std::string_view pattern, F handler, const RouteOptions& options = {},
              std::source_location where = std::source_location::current()) {
        route("HEAD", pattern, std::move(handler), options, where);
    }
    template <class F>
    void options(std::string_view pattern, F handler, const RouteOptions& options = {},
                 std::source_location where = std::source_location::current()) {
        route("OPTIONS", pattern, std::move(handler), options, where);
    }

    // Serves the files below `directory`, and none outside it, at paths that begin with `prefix`.
    void static_files(std::string_view prefix, const std::filesystem::path& directory,
                      const StaticOptions& options = {}, std::source_location where = std::source_location::current());
    // The name that Python uses, as close as C++ allows.
    void static_(std::string_view prefix, const std::filesystem::path& directory, const StaticOptions& options = {},
                 std::source_location where = std::source_location::current()) {
        static_files(prefix, directory, options, where);
    }

    // Runs `function` (no arguments, returns Task<>), which is kept, alongside the handlers. Called before start() or
    // run(), it runs on one worker each time the application serves; called in a handler or task, it runs at once, on
    // the worker of that handler. The end of a connection does not end it. When the server stops, it is cancelled as
    // soon as no handler runs on its worker. An exception that leaves it is logged with `name`, or with the file and
    // line of the call if `name` is empty. Throws std::logic_error on another thread while the application serves.
    template <class F>
    void background(F function, std::string_view name = {},
                    std::source_location where = std::source_location::current()) {
        static_assert(detail::TaskFunction<F>, "background() takes a callable without arguments that returns Task<>");
        static_assert(std::is_void_v<detail::FunctionResult<F>>, "background() takes a callable that returns Task<>");
        auto kept = std::make_shared<F>(std::move(function));
        add_background([kept] { return make_task([kept] { return std::invoke(*kept); }); }, name, where);
    }

    // Runs `function`, which is kept, each time the application starts: on one worker, before the first connection is
    // accepted, one function after the other. It takes no arguments and returns nothing or Task<>. If one throws, the
    // start fails: start() and run() throw std::runtime_error, with the function's file and line and the reason, and no
    // shutdown function runs. Throws std::logic_error while the application serves.
    template <class F>
    void on_startup(F function, std::source_location where = std::source_location::current()) {
        static_assert(detail::HookFunction<F>,
                      "on_startup() takes a callable without arguments that returns void or Task<>");
        add_startup([kept = std::make_shared<F>(std::move(function))] { return detail::run_hook(kept); }, where);
    }
    // Runs `function` when the application has served: on the same worker, after the handlers and the spawned tasks of
    // all workers have ended, the last that was registered first. If one throws, the exception is logged and the others
    // run. The stop has no time limit for them. Otherwise as on_startup().
    template <class F>
    void on_shutdown(F function, std::source_location where = std::source_location::current()) {
        static_assert(detail::HookFunction<F>,
                      "on_shutdown() takes a callable without arguments that returns void or Task<>");
        add_shutdown([kept = std::make_shared<F>(std::move(function))] { return detail::run_hook(kept); }, where);
    }

    // Adds fields to every response that does not have them already: handlers' responses, files, the engine's own
    // refusals, and the answers to handshakes. Throws std::invalid_argument for a field that HTTP does not allow or
    // that the server writes itself.
    void response_headers(const std::vector<std::pair<std::string, std::string>>& fields);

    // Lets pages of other origins read responses (CORS): handlers' responses, files and the engine's own refusals.
    // Every preflight is answered before routing. A response with an Access-Control-Allow-Origin of its own keeps it.
    // With allow_credentials, WebSockets admit the same origins, unless the setting allowed_origins lists others. At
    // most one call. Throws std::invalid_argument for a value that an option can't have.
    void cors(const CORS& options);

    // function: Task<Response>(Request, CallNext<>), through which every request passes, or
    // Task<>(WebSocketConnection, CallNext<WebSocketConnection>), through which every WebSocket passes: middleware.hpp.
    // A class with an operator() for each is both. The first that was registered is the first to see a request and the
    // last to see its response. It also sees files and the engine's own refusals, but not preflights that cors()
    // answers. It runs in the task of the handler, on the worker's thread, so it must not block; it may throw
    // HTTPException. The body of a request is there already, unless its handler takes a BodyStream. A handshake that
    // the engine refuses is a request. Throws std::logic_error while the application serves.
    template <class F>
    void middleware(F function) {
        static_assert(detail::MiddlewareOf<F, Request> || detail::MiddlewareOf<F, WebSocketConnection>,
                      "a middleware is a Task<Response>(Request, CallNext<>) or a Task<>(WebSocketConnection, "
                      "CallNext<WebSocketConnection>)");
        const auto kept = std::make_shared<F>(std::move(function));
        if constexpr (detail::MiddlewareOf<F, Request>) add_middleware(detail::make_middleware<Request>(kept));
        if constexpr (detail::MiddlewareOf<F, WebSocketConnection>)
            add_middleware(detail::make_middleware<WebSocketConnection>(kept));
    }

    // handler: (const Request&, const E&) -> Response, on the worker's thread, so it must not block. It answers what
    // HTTP handlers throw of type E, before a response has begun. The first that was registered answers, that of
    // std::exception last; the exception is then logged nevertheless. HTTPExceptions are responses: handlers of their
    // bases do not get them, a handler of HTTPException does, the engine's own refusals such as 404 and 405 included.
    // If it throws, the response is a 500, and the log says why.
    //
    // (const WebSocketConnection&, const E&) -> Response answers what WebSocket handlers throw before accept(): the
    // response, which must be text or octets with a status from 300 on, refuses the handshake. (A handshake that the
    // engine refuses is a Request.) A generic lambda, (const auto&, const E&), answers both.
    template <class E, class F>
        requires detail::HandlerOfException<F, E>
    void exception_handler(F handler) {
        if constexpr (detail::AnswersException<F, Request, E>)
            add_exception_handler(detail::make_exception_handler<Request, E>(handler), detail::rank_of<E>);
        if constexpr (detail::AnswersException<F, WebSocketConnection, E>)
            add_exception_handler(detail::make_exception_handler<WebSocketConnection, E>(std::move(handler)),
                                  detail::rank_of<E>);
    }
    // handler: (const Request&, const HTTPException&) -> Response, for HTTPExceptions with this status, 400 to 599, and
    // for the engine's own refusals with it; that of 500 also for exceptions that no other handler answers. Comes
    // before the handler of HTTPException. The first argument as above. Throws std::invalid_argument for another
    // status.
    template <class F>
        requires detail::HandlerOfException<F, HTTPException>
    void status_handler(int status, F handler) {
        if constexpr (detail::AnswersException<F, Request, HTTPException>)
            add_status_handler(status, detail::StatusHandler<Request>(handler));
        if constexpr (detail::AnswersException<F, WebSocketConnection, HTTPException>)
            add_status_handler(status, detail::StatusHandler<WebSocketConnection>(std::move(handler)));
    }

    // Sets a limit for the whole application; routes may override it. Commas separate the items of a list; a switch is
    // "true" or "false". Throws std::invalid_argument with the reason.
    void setting(std::string_view name, std::string_view value);
    // Throws std::invalid_argument if settings contradict each other, such as low_water above high_water.
    void check_settings() const;

    // Serves until SIGINT or SIGTERM, then stops gracefully and returns; a second signal exits at once with 128 + its
    // number. Prints the server's URL. Throws std::runtime_error with a one-line reason: a busy port, an invalid
    // option, another run() in this process. Handlers that are not coroutines and do not end are abandoned, as
    // described at RunningServer.
    void run(const RunOptions& options = {});
    // The same for a main() that has nothing else to do: an error is printed as one line on stderr and the process
    // exits with status 1. If handlers do not end, the process exits at once with status 0.
    void run_or_exit(const RunOptions& options = {});
    // Serves in its own threads. Throws std::runtime_error in the cases above. Everything that handlers refer to must
    // outlive the RunningServer; for handlers that are not coroutines, it must outlive those handlers (see
    // RunningServer).
    [[nodiscard]] RunningServer start(const RunOptions& options = {});

private:
    void add_websocket(std::string_view pattern, std::unique_ptr<detail::WebSocketHandler> handler,
                       const RouteOptions& options, const Settings& settings, std::source_location where);
    void add_http(std::string_view method, std::string_view pattern, std::unique_ptr<detail::HttpHandler> handler,
                  const RouteOptions& options, std::source_location where);
    void add_exception_handler(detail::ExceptionHandler<Request> handler, detail::ExceptionRank rank);
    void add_exception_handler(detail::ExceptionHandler<WebSocketConnection> handler, detail::ExceptionRank rank);
    void add_status_handler(int status, detail::StatusHandler<Request> handler);
    void add_status_handler(int status, detail::StatusHandler<WebSocketConnection> handler);
    void add_middleware(detail::Middleware<Request> middleware);
    void add_middleware(detail::Middleware<WebSocketConnection> middleware);
    // Returns the number of handlers that were abandoned.
    [[nodiscard]] std::size_t serve_until_signal(const RunOptions& options);
    void add_background(std::function<Task<>()> make, std::string_view name, std::source_location where);
    void add_startup(std::function<Task<>()> make, std::source_location where);
    void add_shutdown(std::function<Task<>()> make, std::source_location where);

    std::shared_ptr<detail::Site> site_;
};

}  // namespace proapi
