// The workers of a running application and their threads.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/worker.hpp"
#include "net/listening_sockets.hpp"
#include "proapi/settings.hpp"

namespace proapi::detail {

class RunningWorkers {
public:
    // Listens and starts the threads. Throws std::runtime_error with a one-line reason.
    RunningWorkers(const std::shared_ptr<Site>& site, const RunOptions& options);
    ~RunningWorkers();
    RunningWorkers(const RunningWorkers&) = delete;
    RunningWorkers& operator=(const RunningWorkers&) = delete;

    // At least one.
    [[nodiscard]] const std::vector<base::Address>& addresses() const noexcept { return addresses_; }
    [[nodiscard]] std::string url() const;
    // "http://127.0.0.1:8000 and unix:/run/app.sock"
    [[nodiscard]] std::string describe_addresses() const;
    // Any thread. Returns immediately.
    void stop();
    [[nodiscard]] bool is_secure() const noexcept { return tls_.has_value(); }
    // Any thread.
    void reload_certificates();
    // Waits until all workers have ended. After that no handler starts, and the site accepts routes again. Any thread
    // except a worker's.
    void wait();
    // The number of handlers that are not coroutines and that run or wait for a thread; after wait(), of those that
    // still run.
    [[nodiscard]] std::size_t busy_threads() const { return pool_->busy(); }

private:
    void start_worker(const std::shared_ptr<const Site>& site, std::vector<net::ListeningSocket> sockets);

    AccessLog access_log_;
    std::optional<net::TlsOptions> tls_;
    std::vector<base::Address> addresses_;
    std::mutex sockets_mutex_;
    std::optional<net::ListeningSockets> sockets_;
    std::unique_ptr<Site::Use> use_;
    std::shared_ptr<server::SharedLimit> limit_;
    std::shared_ptr<net::ThreadPool> pool_;
    std::vector<std::shared_ptr<Worker>> workers_;
    std::mutex wait_mutex_;
    std::vector<std::thread> threads_;
};

}  // namespace proapi::detail
