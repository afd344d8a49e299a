// The registered routes of an application: the server's route table, and a parallel table of handlers.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "app/exception_handlers.hpp"
#include "proapi/pro_api.hpp"
#include "proapi/settings.hpp"
#include "service/site.hpp"

namespace proapi::detail {

class Site {
public:
    struct Entry {
        std::string name;  // "websocket /chat/{room}", for log lines
        Settings settings;
        RouteOptions options;
        std::unique_ptr<WebSocketHandler> websocket;  // set for WebSocket routes; `http` for HTTP routes
        std::unique_ptr<HttpHandler> http;
        bool is_of_engine = false;  // `http` is one of app/engine_handlers.hpp
        std::source_location where;
    };

    // A task that runs alongside the handlers while the application serves.
    struct Background {
        std::string name;  // for log lines
        std::function<Task<>()> make;
    };

    // A function that runs before or after the application serves.
    struct Hook {
        std::string name;  // its file and line
        std::function<Task<>()> make;
    };

    Site();
    // Each throws RouteError. Methods are case-insensitive.
    void add_websocket(std::string_view pattern, std::unique_ptr<WebSocketHandler> handler, const RouteOptions& options,
                       const Settings& settings, std::source_location where);
    void add_http(std::string_view method, std::string_view pattern, std::unique_ptr<HttpHandler> handler,
                  const RouteOptions& options, std::source_location where);
    void add_files(std::string_view prefix, const std::string& directory, service::DotFiles dot_files,
                   std::source_location where);
    void set(std::string_view name, std::string_view value);
    void add_response_headers(http::Headers fields);
    void add_cors(const CORS& options);

    // The hooks of requests and those of WebSockets.
    template <class Connection>
    struct Hooks {
        ExceptionHandlers<Connection> exception_handlers;
        std::vector<Middleware<Connection>> middleware;
    };
    void add_exception_handler(ExceptionHandler<Request> handler, ExceptionRank rank);
    void add_exception_handler(ExceptionHandler<WebSocketConnection> handler, ExceptionRank rank);
    // Each throws std::invalid_argument for a status that no refusal has.
    void add_status_handler(int status, StatusHandler<Request> handler);
    void add_status_handler(int status, StatusHandler<WebSocketConnection> handler);
    void add_middleware(Middleware<Request> middleware);
    void add_middleware(Middleware<WebSocketConnection> middleware);
    [[nodiscard]] const Hooks<Request>& request_hooks() const noexcept { return request_hooks_; }
    [[nodiscard]] const Hooks<WebSocketConnection>& websocket_hooks() const noexcept { return websocket_hooks_; }

    // Adds a task to run each time the application serves. Throws std::logic_error while it serves.
    void add_background(Background background);
    [[nodiscard]] const std::vector<Background>& background() const noexcept { return background_; }
    // Adds a function to run each time the application serves, before or after. Each throws std::logic_error while it
    // serves.
    void add_startup(Hook hook);
    void add_shutdown(Hook hook);
    [[nodiscard]] const std::vector<Hook>& startup() const noexcept { return startup_; }
    [[nodiscard]] const std::vector<Hook>& shutdown() const noexcept { return shutdown_; }

    // Throws std::logic_error while an application serves.
    void require_not_serving(const char* call);
    // Throws std::invalid_argument if settings contradict each other.
    void check_settings() const;
    // Keeps routes and settings unchanged while an application serves, because its threads read them. The first Use
    // gives each route the application's settings, overridden by the route's own.
    class Use {
    public:
        // Throws std::invalid_argument if settings contradict each other.
        explicit Use(std::shared_ptr<Site> site);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

    private:
        std::shared_ptr<Site> site_;
    };

    [[nodiscard]] const service::Site& routes() const noexcept { return site_; }
    [[nodiscard]] const Entry& entry(std::size_t route) const noexcept { return entries_[route]; }
    // Stands for the handler of requests that are refused, for logs.
    [[nodiscard]] const Entry& refusal_entry() const noexcept { return refusal_entry_; }

private:
    // From now on the application answers refusals: all of them, or those with the status.
    void answer_refusals(std::optional<int> status = std::nullopt);
    void add(std::string_view method, std::string_view pattern, service::Route route, Entry entry,
             std::source_location where);
    [[nodiscard]] service::WebSocketSettings merge_settings(const Entry& entry) const;
    [[nodiscard]] service::HttpSettings merge_http_settings(const Entry& entry) const;

    service::Site site_;
    std::vector<Entry> entries_;  // parallel to site_.routes
    std::vector<Background> background_;
    bool has_cors_ = false;
    Hooks<Request> request_hooks_;
    Hooks<WebSocketConnection> websocket_hooks_;
    Entry refusal_entry_;
    std::vector<Hook> startup_, shutdown_;
    std::mutex mutex_;
    std::size_t uses_ = 0;
};

}  // namespace proapi::detail
