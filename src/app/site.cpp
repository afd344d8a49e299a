#include "app/site.hpp"

#include <stdexcept>

#include "app/cors.hpp"
#include "app/engine_handlers.hpp"
#include "http/headers.hpp"
#include "service/response_headers.hpp"
#include "service/static_files.hpp"

namespace proapi::detail {

namespace {

[[nodiscard]] std::string_view get_name(ParameterKind kind) noexcept {
    switch (kind) {
        case ParameterKind::text:
            return "std::string";
        case ParameterKind::integer:
            return "an integer";
        case ParameterKind::floating:
            return "double";
        case ParameterKind::uuid:
            return "proapi::Uuid";
    }
    return "";
}

[[nodiscard]] std::string_view get_name(http::Converter converter) noexcept {
    switch (converter) {
        case http::Converter::text:
            return "";
        case http::Converter::integer:
            return ":int";
        case http::Converter::floating:
            return ":float";
        case http::Converter::uuid:
            return ":uuid";
        case http::Converter::path:
            return ":path";
    }
    return "";
}

// Text represents every value; a double represents every value of an int converter.
[[nodiscard]] bool fits(http::Converter converter, ParameterKind kind) noexcept {
    switch (kind) {
        case ParameterKind::text:
            return true;
        case ParameterKind::integer:
            return converter == http::Converter::integer;
        case ParameterKind::floating:
            return converter == http::Converter::floating || converter == http::Converter::integer;
        case ParameterKind::uuid:
            return converter == http::Converter::uuid;
    }
    return false;
}

void check_signature(std::string_view pattern, const std::vector<ParameterKind>& kinds, std::source_location where) {
    const auto parsed = http::parse_pattern(pattern);
    if (!parsed) throw RouteError(parsed.error().text, where);
    const auto parameters = parsed->parameters();
    const std::string route = "route \"" + std::string(pattern) + "\": ";
    if (parameters.size() != kinds.size())
        throw RouteError(route + "expected a handler that takes " + std::to_string(parameters.size()) +
                             " path parameters, got one that takes " + std::to_string(kinds.size()),
                         where);
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (fits(parameters[i].converter, kinds[i])) continue;
        throw RouteError(route + "expected the handler's parameter " + std::to_string(i + 1) + " to hold {" +
                             parameters[i].name + std::string(get_name(parameters[i].converter)) + "}, got " +
                             std::string(get_name(kinds[i])),
                         where);
    }
}

void check_status(int status) {
    if (status < 400 || status > 599)
        throw std::invalid_argument("status_handler(): expected a status from 400 to 599, got " +
                                    std::to_string(status));
}

[[nodiscard]] service::Route make_route(service::Route::Kind kind) {
    service::Route route;
    route.kind = kind;
    return route;
}

}  // namespace

Site::Site() {
    refusal_entry_.name = "refusals";
    refusal_entry_.http = make_refusal_handler();
    refusal_entry_.is_of_engine = true;
}

void Site::add(std::string_view method, std::string_view pattern, service::Route route, Entry entry,
               std::source_location where) {
    require_not_serving("a route");
    entry.where = where;
    if (const auto added = site_.router.add(method, pattern, site_.routes.size()); !added) {
        std::string text = added.error().text;
        if (const auto first = site_.router.find(method, pattern)) {
            const std::source_location& place = entries_[*first].where;
            text += std::string("; the first: ") + place.file_name() + ":" + std::to_string(place.line());
        }
        throw RouteError(text, where);
    }
    entry.name = std::string(method == http::websocket_method ? "websocket" : method) + " " + std::string(pattern);
    route.pattern = pattern;
    site_.routes.push_back(std::move(route));
    entries_.push_back(std::move(entry));
}

void Site::add_websocket(std::string_view pattern, std::unique_ptr<WebSocketHandler> handler,
                         const RouteOptions& options, const Settings& settings, std::source_location where) {
    check_signature(pattern, handler->parameters(), where);
    service::WebSocketSettings trial;
    for (const auto& [name, value] : settings)
        if (const auto set = service::set_setting(trial, name, value); !set)
            throw RouteError("route \"" + std::string(pattern) + "\": " + set.error().text, where);
    Entry entry;
    entry.settings = settings;
    entry.options = options;
    entry.websocket = std::move(handler);
    add(http::websocket_method, pattern, make_route(service::Route::Kind::websocket), std::move(entry), where);
}

void Site::add_http(std::string_view method, std::string_view pattern, std::unique_ptr<HttpHandler> handler,
                    const RouteOptions& options, std::source_location where) {
    check_signature(pattern, handler->parameters(), where);
    if (!http::is_token(method))
        throw RouteError("expected an HTTP method, got \"" + std::string(method) + "\"", where);
    std::string name(method);
    for (char& letter : name)
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    if (options.cancel_on_disconnect && !handler->is_coroutine())
        throw RouteError("route \"" + std::string(pattern) +
                             "\": cancel_on_disconnect: expected a handler that is a coroutine, got one that runs in a "
                             "thread, which can't be cancelled",
                         where);
    service::HttpSettings trial;
    if (options.max_body_size) {
        const auto set = service::set_setting(trial, "max_body_size", std::to_string(*options.max_body_size));
        if (!set) throw RouteError("route \"" + std::string(pattern) + "\": " + set.error().text, where);
    }
    service::Route route = make_route(service::Route::Kind::http);
    if (handler->streams_body()) route.body = service::Route::Body::streamed;
    Entry entry;
    entry.options = options;
    entry.http = std::move(handler);
    add(name, pattern, std::move(route), std::move(entry), where);
}

void Site::add_files(std::string_view prefix, const std::string& directory, service::DotFiles dot_files,
                     std::source_location where) {
    if (const auto checked = service::check_directory(directory); !checked)
        throw RouteError(checked.error().text, where);
    service::Route route = make_route(service::Route::Kind::files);
    route.directory = directory;
    route.dot_files = dot_files;
    std::string root(prefix);
    if (!root.ends_with('/')) root += '/';
    if (root.find('{') != std::string::npos)
        throw RouteError("static_files(): expected a prefix without parameters, got \"" + std::string(prefix) + "\"",
                         where);
    // Adds both routes or neither: a route that exists already is tried first, so that add() throws before adding the
    // other.
    const std::string files = root + "{path:path}";
    const bool is_taken = site_.router.find("GET", files).has_value();
    for (const std::string& pattern : {is_taken ? files : root, is_taken ? root : files}) {
        Entry entry;
        entry.http = make_files_handler(site_);
        entry.is_of_engine = true;
        add("GET", pattern, route, std::move(entry), where);
    }
}

void Site::set(std::string_view name, std::string_view value) {
    require_not_serving("setting()");
    if (const auto set = service::set_setting(site_.settings, name, value); !set)
        throw std::invalid_argument(set.error().text);
}

void Site::answer_refusals(std::optional<int> status) {
    if (!site_.answered_refusals) site_.answered_refusals.emplace();
    if (status) {
        site_.answered_refusals->set(static_cast<std::size_t>(*status));
    } else {
        site_.answered_refusals->set();
    }
}

void Site::add_exception_handler(ExceptionHandler<Request> handler, ExceptionRank rank) {
    require_not_serving("exception_handler()");
    request_hooks_.exception_handlers.add(std::move(handler), rank);
    if (rank == ExceptionRank::http_exception) answer_refusals();
}

void Site::add_exception_handler(ExceptionHandler<WebSocketConnection> handler, ExceptionRank rank) {
    require_not_serving("exception_handler()");
    websocket_hooks_.exception_handlers.add(std::move(handler), rank);
}

void Site::add_status_handler(int status, StatusHandler<Request> handler) {
    require_not_serving("status_handler()");
    check_status(status);
    request_hooks_.exception_handlers.add(status, std::move(handler));
    answer_refusals(status);
}

void Site::add_status_handler(int status, StatusHandler<WebSocketConnection> handler) {
    require_not_serving("status_handler()");
    check_status(status);
    websocket_hooks_.exception_handlers.add(status, std::move(handler));
}

// It sees what the engine answers by itself.
void Site::add_middleware(Middleware<Request> middleware) {
    require_not_serving("middleware()");
    request_hooks_.middleware.push_back(std::move(middleware));
    answer_refusals();
    site_.passes_files_to_application = true;
}

void Site::add_middleware(Middleware<WebSocketConnection> middleware) {
    require_not_serving("middleware()");
    websocket_hooks_.middleware.push_back(std::move(middleware));
}

// First in the list, so that it is the last to see a response.
void Site::add_cors(const CORS& options) {
    require_not_serving("cors()");
    if (has_cors_) throw std::logic_error("cors(): expected one call, got another");
    const auto cors = make_cors(options);
    site_.middleware.insert(site_.middleware.begin(), cors);
    if (site_.settings.allowed_origins.empty()) site_.settings.allowed_origins = cors->websocket_origins();
    has_cors_ = true;
}

void Site::add_response_headers(http::Headers fields) {
    require_not_serving("response_headers()");
    if (const auto checked = service::ResponseHeaders::check(fields); !checked)
        throw std::invalid_argument("response_headers(): " + checked.error().text);
    site_.middleware.push_back(std::make_shared<service::ResponseHeaders>(std::move(fields)));
}

void Site::add_background(Background background) {
    require_not_serving("background() outside a handler");
    background_.push_back(std::move(background));
}

void Site::add_startup(Hook hook) {
    require_not_serving("on_startup()");
    startup_.push_back(std::move(hook));
}

void Site::add_shutdown(Hook hook) {
    require_not_serving("on_shutdown()");
    shutdown_.push_back(std::move(hook));
}

service::WebSocketSettings Site::merge_settings(const Entry& entry) const {
    service::WebSocketSettings settings = site_.settings;
    for (const auto& [name, value] : entry.settings)
        static_cast<void>(service::set_setting(settings, name, value));  // checked at registration
    return settings;
}

service::HttpSettings Site::merge_http_settings(const Entry& entry) const {
    service::HttpSettings settings = site_.settings;
    if (entry.http && entry.options.max_body_size) settings.max_body_size = *entry.options.max_body_size;
    return settings;
}

void Site::check_settings() const {
    if (const auto checked = service::check_settings(site_.settings); !checked)
        throw std::invalid_argument(checked.error().text);
    for (const Entry& entry : entries_) {
        if (const auto checked = service::check_settings(merge_settings(entry)); !checked)
            throw std::invalid_argument(entry.name + ": " + checked.error().text);
    }
}

Site::Use::Use(std::shared_ptr<Site> site) : site_(std::move(site)) {
    const std::lock_guard lock(site_->mutex_);
    if (site_->uses_ == 0) {
        site_->check_settings();
        for (std::size_t i = 0; i < site_->entries_.size(); ++i) {
            site_->site_.routes[i].settings = site_->merge_settings(site_->entries_[i]);
            site_->site_.routes[i].http_settings = site_->merge_http_settings(site_->entries_[i]);
        }
    }
    ++site_->uses_;
}

Site::Use::~Use() {
    const std::lock_guard lock(site_->mutex_);
    --site_->uses_;
}

void Site::require_not_serving(const char* call) {
    const std::lock_guard lock(mutex_);
    if (uses_ > 0) throw std::logic_error(std::string(call) + ": expected before start(), got it while the app serves");
}

}  // namespace proapi::detail
