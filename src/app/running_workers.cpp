#include "app/running_workers.hpp"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <stdexcept>

#include "app/listen_options.hpp"

namespace proapi::detail {

namespace {

constexpr int max_workers = 1024;

// The number of threads that run handlers that are not coroutines, shared by all workers. asyncio's default is the
// same.
[[nodiscard]] std::size_t handler_threads() noexcept {
    return std::min<std::size_t>(32, std::max(1U, std::thread::hardware_concurrency()) + 4);
}

[[nodiscard]] AccessLog find_access_log(const RunOptions& options) {
    if (options.access_log) return *options.access_log;
    const char* const given = std::getenv("PROAPI_ACCESS_LOG");
    const std::string_view text = given ? given : "";
    if (text.empty() || text == "off") return AccessLog::off;
    if (text == "common") return AccessLog::common;
    if (text == "json") return AccessLog::json;
    throw std::runtime_error("PROAPI_ACCESS_LOG: expected 'off', 'common' or 'json', got '" + std::string(text) + "'");
}

[[nodiscard]] std::string make_url(const base::Address& address, bool is_secure) {
    if (base::is_unix(address)) return address.host;
    return (is_secure ? "https://" : "http://") + base::to_string(address);
}

// Without ssl_certfile, PROAPI_SSL_CERTFILE and PROAPI_SSL_KEYFILE count.
[[nodiscard]] RunOptions with_environment(RunOptions options) {
    const char* const certfile = std::getenv("PROAPI_SSL_CERTFILE");
    if (!options.ssl_certfile.empty() || !certfile || !*certfile) return options;
    options.ssl_certfile = {certfile};
    const char* const keyfile = std::getenv("PROAPI_SSL_KEYFILE");
    if (keyfile && *keyfile) options.ssl_keyfile = {keyfile};
    return options;
}

[[nodiscard]] std::optional<net::TlsOptions> find_tls(const RunOptions& given) {
    const RunOptions options = with_environment(given);
    const std::size_t count = options.ssl_certfile.size(), keys = options.ssl_keyfile.size();
    const bool has_more = keys > 0 || !options.ssl_keyfile_password.empty() || !options.ssl_ca_certs.empty() ||
                          options.ssl_cert_reqs || !options.ssl_ciphers.empty();
    if (count == 0 && has_more) throw std::runtime_error("ssl_certfile: expected a file, got none");
    if (count == 0) return std::nullopt;
    if (keys > 0 && keys != count)
        throw std::runtime_error("ssl_keyfile: expected as many files as ssl_certfile has (" + std::to_string(count) +
                                 "), got " + std::to_string(keys));
    net::TlsOptions tls{.certificates = {},
                        .keyfile_password = options.ssl_keyfile_password,
                        .ca_certs = options.ssl_ca_certs,
                        .client_certificate = net::TlsOptions::ClientCertificate::none,
                        .ciphers = options.ssl_ciphers};
    for (std::size_t i = 0; i < count; ++i)
        tls.certificates.push_back({options.ssl_certfile[i], keys > 0 ? options.ssl_keyfile[i] : std::string()});
    switch (options.ssl_cert_reqs.value_or(options.ssl_ca_certs.empty() ? CertReqs::none : CertReqs::required)) {
        case CertReqs::none:
            break;
        case CertReqs::optional:
            tls.client_certificate = net::TlsOptions::ClientCertificate::optional;
            break;
        case CertReqs::required:
            tls.client_certificate = net::TlsOptions::ClientCertificate::required;
            break;
    }
    return tls;
}

template <class T>
[[nodiscard]] T require(base::Result<T, net::ListenError> result) {
    if (!result) throw std::runtime_error(result.error().text);
    return *std::move(result);
}

}  // namespace

RunningWorkers::RunningWorkers(const std::shared_ptr<Site>& site, const RunOptions& options)
    : access_log_(find_access_log(options)),
      tls_(find_tls(options)),
      pool_(std::make_shared<net::ThreadPool>(handler_threads())) {
    if (options.workers < 1 || options.workers > max_workers)
        throw std::runtime_error("workers: expected 1 to " + std::to_string(max_workers) + ", got " +
                                 std::to_string(options.workers));
    try {
        use_ = std::make_unique<Site::Use>(site);
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error(error.what());
    }
    limit_ = std::make_shared<server::SharedLimit>(site->routes().settings, static_cast<std::size_t>(options.workers));
    const int backlog = static_cast<int>(site->routes().settings.backlog);
    sockets_ = require(net::ListeningSockets::open(find_listen_options(options, backlog), options.workers));
    addresses_ = sockets_->addresses();
    try {
        for (int i = 0; i < options.workers; ++i) start_worker(site, require(sockets_->for_worker()));
        sockets_->close();
        workers_.front()->start_background();
    } catch (...) {
        stop();
        wait();
        throw;
    }
}

RunningWorkers::~RunningWorkers() {
    stop();
    wait();
}

void RunningWorkers::start_worker(const std::shared_ptr<const Site>& site, std::vector<net::ListeningSocket> sockets) {
    auto worker = std::make_shared<Worker>(site, limit_, pool_);
    const std::shared_ptr<Worker> first = workers_.empty() ? nullptr : workers_.front();
    if (first) first->expect_other();
    std::promise<void> listening;
    auto listens = listening.get_future();
    // The promise belongs to the thread: this function may return before set_value() has returned.
    threads_.emplace_back([worker, first, sockets = std::move(sockets),
                           options = Worker::ServeOptions{access_log_, tls_, !first},
                           promise = std::move(listening)]() mutable {
        worker->run(std::move(sockets), options, promise);
        if (first) first->on_other_end();
    });
    listens.get();
    workers_.push_back(std::move(worker));
}

std::string RunningWorkers::url() const {
    return make_url(addresses_.front(), tls_.has_value());
}

std::string RunningWorkers::describe_addresses() const {
    std::string text;
    for (const base::Address& address : addresses_)
        text += (text.empty() ? "" : " and ") + make_url(address, tls_.has_value());
    return text;
}

void RunningWorkers::stop() {
    {
        const std::lock_guard lock(sockets_mutex_);
        if (sockets_) sockets_->remove_file();
    }
    for (const auto& worker : workers_) worker->stop();
}

void RunningWorkers::reload_certificates() {
    for (const auto& worker : workers_) worker->reload_certificates();
}

void RunningWorkers::wait() {
    std::unique_ptr<Site::Use> use;  // destroyed without the lock: handlers' captures may wait for this server
    const std::lock_guard lock(wait_mutex_);
    for (std::thread& thread : threads_)
        if (thread.joinable()) thread.join();
    pool_->close();
    use.swap(use_);
}

}  // namespace proapi::detail
