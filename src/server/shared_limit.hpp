// How many connections and files may be open at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "service/settings.hpp"

namespace proapi::server {

// max_connections, or, where that is 0, what RLIMIT_NOFILE allows a process of that many reactors.
[[nodiscard]] std::uint64_t effective_max_connections(const service::Settings& settings, std::size_t reactors = 1);
// service::list_settings() with that max_connections.
[[nodiscard]] std::vector<std::pair<std::string, double>> effective_settings(const service::Settings& settings);

// What the servers of one process share: the descriptors. A file that is being sent has one as a connection has.
class SharedLimit {
public:
    explicit SharedLimit(const service::Settings& settings, std::size_t reactors = 1);

    // Takes one, where there is one; else gives nothing.
    [[nodiscard]] bool take_connection() noexcept;
    void give_connection_back() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] bool take_file() noexcept;
    void give_file_back() noexcept { files_.fetch_sub(1, std::memory_order_relaxed); }
    // "1000 connections (max_connections is 1000) and 24 files are open"
    [[nodiscard]] std::string describe() const;

private:
    std::uint64_t max_connections_, max_descriptors_;
    std::atomic<std::uint64_t> connections_ = 0, files_ = 0;
};

}  // namespace proapi::server
