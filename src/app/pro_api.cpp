#include "proapi/pro_api.hpp"

#include <stdexcept>

#include "app/running_workers.hpp"
#include "app/site.hpp"
#include "base/utf8.hpp"
#include "service/response_headers.hpp"

namespace proapi {

namespace {

[[nodiscard]] std::string describe_place(std::source_location where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

}  // namespace

RunningServer::RunningServer(std::unique_ptr<detail::RunningWorkers> workers) noexcept : workers_(std::move(workers)) {}
RunningServer::RunningServer(RunningServer&&) noexcept = default;
RunningServer& RunningServer::operator=(RunningServer&&) noexcept = default;
RunningServer::~RunningServer() = default;

detail::RunningWorkers& RunningServer::serving() const {
    if (!workers_) throw std::logic_error("expected a RunningServer, got one that was moved from");
    return *workers_;
}

std::uint16_t RunningServer::port() const {
    return serving().addresses().front().port;
}
std::string RunningServer::url() const {
    return serving().url();
}
std::vector<std::pair<std::string, std::uint16_t>> RunningServer::addresses() const {
    std::vector<std::pair<std::string, std::uint16_t>> all;
    for (const base::Address& address : serving().addresses()) all.emplace_back(address.host, address.port);
    return all;
}
void RunningServer::stop() {
    serving().stop();
}
void RunningServer::wait() {
    serving().wait();
}

ProAPI::ProAPI() : site_(std::make_shared<detail::Site>()) {
    // Constructs the static objects that serving needs (simdjson's) before this object, which may be static itself, so
    // that they are destroyed after it.
    static constexpr std::string_view not_ascii = "\xC3\xA4";
    static_cast<void>(base::is_valid_utf8(base::as_bytes(not_ascii)));
}
ProAPI::~ProAPI() = default;

void ProAPI::add_websocket(std::string_view pattern, std::unique_ptr<detail::WebSocketHandler> handler,
                           const RouteOptions& options, const Settings& settings, std::source_location where) {
    site_->add_websocket(pattern, std::move(handler), options, settings, where);
}

void ProAPI::add_http(std::string_view method, std::string_view pattern, std::unique_ptr<detail::HttpHandler> handler,
                      const RouteOptions& options, std::source_location where) {
    site_->add_http(method, pattern, std::move(handler), options, where);
}

void ProAPI::static_files(std::string_view prefix, const std::filesystem::path& directory, const StaticOptions& options,
                          std::source_location where) {
    const auto dot_files = options.dot_files ? service::DotFiles::served : service::DotFiles::hidden;
    site_->add_files(prefix, directory.string(), dot_files, where);
}

void ProAPI::add_background(std::function<Task<>()> make, std::string_view name, std::source_location where) {
    detail::Site::Background background{std::string(name), std::move(make)};
    if (name.empty()) background.name = describe_place(where);
    detail::Worker* worker = detail::Worker::current();
    if (worker && &worker->site() == site_.get()) return detail::start_background_task(*worker, background);
    site_->add_background(std::move(background));
}

void ProAPI::add_startup(std::function<Task<>()> make, std::source_location where) {
    site_->add_startup({describe_place(where), std::move(make)});
}

void ProAPI::add_shutdown(std::function<Task<>()> make, std::source_location where) {
    site_->add_shutdown({describe_place(where), std::move(make)});
}

void ProAPI::response_headers(const std::vector<std::pair<std::string, std::string>>& fields) {
    http::Headers headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    site_->add_response_headers(std::move(headers));
}

void ProAPI::cors(const CORS& options) {
    site_->add_cors(options);
}

void ProAPI::add_exception_handler(detail::ExceptionHandler<Request> handler, detail::ExceptionRank rank) {
    site_->add_exception_handler(std::move(handler), rank);
}

void ProAPI::add_exception_handler(detail::ExceptionHandler<WebSocketConnection> handler, detail::ExceptionRank rank) {
    site_->add_exception_handler(std::move(handler), rank);
}

void ProAPI::add_status_handler(int status, detail::StatusHandler<Request> handler) {
    site_->add_status_handler(status, std::move(handler));
}

void ProAPI::add_status_handler(int status, detail::StatusHandler<WebSocketConnection> handler) {
    site_->add_status_handler(status, std::move(handler));
}

void ProAPI::add_middleware(detail::Middleware<Request> middleware) {
    site_->add_middleware(std::move(middleware));
}

void ProAPI::add_middleware(detail::Middleware<WebSocketConnection> middleware) {
    site_->add_middleware(std::move(middleware));
}

void ProAPI::setting(std::string_view name, std::string_view value) {
    site_->set(name, value);
}

void ProAPI::check_settings() const {
    site_->check_settings();
}

RunningServer ProAPI::start(const RunOptions& options) {
    return RunningServer(std::make_unique<detail::RunningWorkers>(site_, options));
}

std::vector<std::pair<std::string, std::string>> security_headers() {
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto& [name, value] : service::security_headers()) fields.emplace_back(name, value);
    return fields;
}

}  // namespace proapi
