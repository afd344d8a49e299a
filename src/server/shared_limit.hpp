// What the servers of one process share: how many connections and files may be open at once, and the memory for
// compression.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/compression_memory.hpp"
#include "server/client_limit.hpp"
#include "service/settings.hpp"

namespace proapi::server {

// Returns max_connections or, if that is 0, what RLIMIT_NOFILE allows a process with `reactors` reactors.
[[nodiscard]] std::uint64_t effective_max_connections(const service::Settings& settings, std::size_t reactors = 1);
// Returns service::list_settings() with that value of max_connections.
[[nodiscard]] std::vector<std::pair<std::string, double>> effective_settings(const service::Settings& settings);

// Descriptors: a file that is being sent uses one, like a connection.
class SharedLimit {
public:
    explicit SharedLimit(const service::Settings& settings, std::size_t reactors = 1);

    // take_connection() and take_file() reserve a descriptor; they return false if none is left.
    [[nodiscard]] bool take_connection() noexcept;
    void give_connection_back() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] bool take_file() noexcept;
    void give_file_back() noexcept { files_.fetch_sub(1, std::memory_order_relaxed); }
    // "1000 connections (max_connections is 1000) and 24 files are open"
    [[nodiscard]] std::string describe() const;

    [[nodiscard]] ClientLimit& clients() noexcept { return clients_; }

    // Of connections with compression=dedicated, and of responses that are compressed part by part.
    [[nodiscard]] base::CompressionMemory& compression_memory() noexcept { return compression_memory_; }

private:
    std::uint64_t max_connections_, max_descriptors_;
    std::atomic<std::uint64_t> connections_ = 0, files_ = 0;
    ClientLimit clients_;
    base::CompressionMemory compression_memory_;
};

}  // namespace proapi::server
