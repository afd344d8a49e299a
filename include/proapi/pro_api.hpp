// ProAPI: an application: its routes, its settings, and running it.
//
//   proapi::ProAPI app;
//   app.websocket("/ws", [](proapi::WebSocketConnection websocket) -> proapi::Task<> {
//       co_await websocket.accept();
//       while (true) co_await websocket.send_text("Echo: " + co_await websocket.receive_text());
//   });
//   app.run_or_exit({.port = 8000});
//
// Patterns: "/chat/{room}", "/page/{number:int}", converters int, float, uuid, path. Path parameters are given to the
// handler by position, behind the connection or the optional Request.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proapi/handler.hpp"
#include "proapi/settings.hpp"

namespace proapi {

namespace detail {
class Site;
class RunningWorkers;
}  // namespace detail

// Of one route.
struct RouteOptions {
    // The handler, which must be a coroutine, is cancelled when its client leaves: Cancelled comes out of what it waits
    // for. A WebSocket's client has left when closed() becomes true, unless its own handler closed it; an HTTP one when
    // the connection is lost or it has ended its side (FIN), which some do that still read, as nc: they get no answer.
    // Nothing is logged. Once an HTTP handler has returned it is not cancelled; a stream ends with its client anyway.
    bool cancel_on_disconnect = false;
};

// How static_files() serves a directory.
struct StaticOptions {
    // Also what begins with a dot, such as .env or .git/config: otherwise a 404, but for a .well-known that is in the
    // directory itself.
    bool dot_files = false;
};

// For ProAPI::response_headers(): what browsers should be told of any page that does not say otherwise. They must not
// guess content types, let other sites frame the page, or give its address or its window to other sites.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> security_headers();

// A server that runs in threads of its own. Stops when it is destroyed.
//
// Handlers that are no coroutines can't be interrupted. Those that still run when shutdown_timeout is over are left to
// themselves: nobody waits for them or for what they give, and they may outlive the RunningServer, the ProAPI and
// main(); the handlers' own objects (a lambda's captures) live until they end, but what these refer to must, too. Those
// that have not begun by then never do.
//
// One that was moved from throws std::logic_error, whatever it is asked.
class RunningServer {
public:
    RunningServer(RunningServer&&) noexcept;
    RunningServer& operator=(RunningServer&&) noexcept;
    ~RunningServer();

    // The one that was asked for, or the one that was free.
    [[nodiscard]] std::uint16_t port() const;
    // "http://127.0.0.1:8000"
    [[nodiscard]] std::string url() const;
    // Stops to accept, closes WebSockets with 1001, waits for handlers up to shutdown_timeout, cancels those that are
    // left. Spawned tasks are cancelled once no handler of their worker runs. Gives back at once; any thread.
    void stop();
    // Until it has stopped: no coroutine runs and no handler begins any more, and routes and settings may be given
    // again. Any threads, but not from a handler.
    void wait();

private:
    friend class ProAPI;
    explicit RunningServer(std::unique_ptr<detail::RunningWorkers> serving) noexcept;
    [[nodiscard]] detail::RunningWorkers& serving() const;

    std::unique_ptr<detail::RunningWorkers> serving_;
};

// Routes and settings are given while it does not run, from one thread. Registering what can't work throws RouteError.
class ProAPI {
public:
    ProAPI();
    ~ProAPI();
    ProAPI(const ProAPI&) = delete;
    ProAPI& operator=(const ProAPI&) = delete;

    // handler: Task<>(WebSocketConnection, path parameters...). `settings`: limits of this route alone.
    template <class F>
    void websocket(std::string_view pattern, F handler, const RouteOptions& options = {}, const Settings& settings = {},
                   std::source_location where = std::source_location::current()) {
        add_websocket(pattern, detail::make_websocket_handler(std::move(handler)), options, settings, where);
    }
    // A template so that {.cancel_on_disconnect = true} means the other one, to g++ 12 too.
    template <class F, class S = Settings>
        requires std::same_as<S, Settings>
    void websocket(std::string_view pattern, F handler, const S& settings,
                   std::source_location where = std::source_location::current()) {
        add_websocket(pattern, detail::make_websocket_handler(std::move(handler)), {}, settings, where);
    }

    // handler: R or Task<R> ([Request,] path parameters...), R: Response, text (HTML), Json, Bytes, void (204). A
    // handler that is no coroutine runs in a thread of a pool: it may block, and spawn() and sleep() are not for it.
    // `method` in any case: "get" is GET.
    template <class F>
    void route(std::string_view method, std::string_view pattern, F handler, const RouteOptions& options = {},
               std::source_location where = std::source_location::current()) {
        add_http(method, pattern, detail::make_http_handler(std::move(handler)), options, where);
    }
    // Serves HEAD too, unless that has a handler.
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
    // DELETE, which C++ keeps for itself.
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

    // The files below `directory` (and none outside), at paths that begin with `prefix`.
    void static_files(std::string_view prefix, const std::filesystem::path& directory,
                      const StaticOptions& options = {}, std::source_location where = std::source_location::current());
    // Python's name for it, as far as C++ lets us.
    void static_(std::string_view prefix, const std::filesystem::path& directory, const StaticOptions& options = {},
                 std::source_location where = std::source_location::current()) {
        static_files(prefix, directory, options, where);
    }

    // Runs `function` (no arguments, Task<>), which is kept, beside the handlers: called before start() or run(), each
    // time that the application serves, on one of its workers; called in a handler or task, now, on that one's worker.
    // No connection's end ends it. When the server stops, it is cancelled as soon as no handler of its worker runs.
    // What leaves it is logged with `name`, the call's file and line unless it is given. Throws std::logic_error on
    // another thread while the application serves.
    template <class F>
    void background(F function, std::string_view name = {},
                    std::source_location where = std::source_location::current()) {
        static_assert(detail::TaskFunction<F>, "background() takes a callable without arguments that returns Task<>");
        static_assert(std::is_void_v<detail::FunctionResult<F>>, "background() takes a callable that returns Task<>");
        auto kept = std::make_shared<F>(std::move(function));
        add_background([kept] { return make_task([kept] { return std::invoke(*kept); }); }, name, where);
    }

    // Fields for every response that does not have them already: handlers', files, the engine's own refusals and the
    // answers to handshakes. Throws std::invalid_argument: a field that HTTP does not allow, or that the server writes
    // itself.
    void response_headers(const std::vector<std::pair<std::string, std::string>>& fields);

    // Sets a limit of the whole application; routes may have their own. Throws std::invalid_argument with what is
    // wrong.
    void setting(std::string_view name, std::string_view value);
    // Throws std::invalid_argument where settings contradict each other, such as low_water above high_water.
    void check_settings() const;

    // Serves until SIGINT or SIGTERM, then stops gracefully and returns; a second signal exits at once with 128 + its
    // number. Prints where it serves. Throws std::runtime_error with one line that says what is wrong: a busy port, a
    // bad option, another run() of this process. Handlers that are no coroutines and do not end are left, as by
    // RunningServer.
    void run(const RunOptions& options = {});
    // The same for a main() that has nothing left to do: what is wrong is one line on stderr and exit status 1, and
    // handlers that do not end are left by exiting at once, with status 0.
    void run_or_exit(const RunOptions& options = {});
    // Serves in threads of its own. Throws std::runtime_error in the cases above. What handlers refer to must outlive
    // it, and what those that are no coroutines refer to must outlive these (see RunningServer).
    [[nodiscard]] RunningServer start(const RunOptions& options = {});

private:
    void add_websocket(std::string_view pattern, std::unique_ptr<detail::WebSocketHandler> handler,
                       const RouteOptions& options, const Settings& settings, std::source_location where);
    void add_http(std::string_view method, std::string_view pattern, std::unique_ptr<detail::HttpHandler> handler,
                  const RouteOptions& options, std::source_location where);
    // The handlers that are left.
    [[nodiscard]] std::size_t serve_until_signal(const RunOptions& options);
    void add_background(std::function<Task<>()> make, std::string_view name, std::source_location where);

    std::shared_ptr<detail::Site> site_;
};

}  // namespace proapi
