#include "server/shared_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace proapi::server {

namespace {

// Descriptors kept free for listeners, files, logs and what the application opens.
constexpr std::uint64_t reserved_descriptors = 64;
constexpr std::uint64_t descriptors_of_reactor = 8;  // for each beyond the first
constexpr std::uint64_t reserved_for_files = 32;

}  // namespace

std::uint64_t effective_max_connections(const service::Settings& settings, std::size_t reactors) {
    if (settings.max_connections > 0) return settings.max_connections;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = 1024;
    const std::uint64_t descriptors = std::min<std::uint64_t>(limit.rlim_cur, 1'000'000);
    const std::uint64_t reserved = reserved_descriptors + descriptors_of_reactor * (reactors - 1);
    return descriptors > 2 * reserved ? descriptors - reserved : descriptors / 2;
}

std::vector<std::pair<std::string, double>> effective_settings(const service::Settings& settings) {
    service::Settings effective = settings;
    effective.max_connections = effective_max_connections(settings);
    return service::list_settings(effective);
}

SharedLimit::SharedLimit(const service::Settings& settings, std::size_t reactors)
    : max_connections_(effective_max_connections(settings, reactors)),
      // If max_connections exceeds the descriptor limit, trust the setting.
      max_descriptors_(std::max(max_connections_, effective_max_connections(service::Settings{}, reactors))),
      clients_(settings.max_connections_per_client),
      compression_memory_(settings.compression_memory) {}

bool SharedLimit::take_connection() noexcept {
    const std::uint64_t others = connections_.fetch_add(1, std::memory_order_relaxed);
    if (others < max_connections_ && others + files_.load(std::memory_order_relaxed) < max_descriptors_) return true;
    give_connection_back();
    return false;
}

// Files may use half of the reserve: clients that are connected already come before new ones.
bool SharedLimit::take_file() noexcept {
    const std::uint64_t others = files_.fetch_add(1, std::memory_order_relaxed);
    if (connections_.load(std::memory_order_relaxed) + others < max_descriptors_ + reserved_for_files) return true;
    give_file_back();
    return false;
}

std::string SharedLimit::describe() const {
    return std::to_string(connections_.load(std::memory_order_relaxed)) + " connections (max_connections is " +
           std::to_string(max_connections_) + ") and " + std::to_string(files_.load(std::memory_order_relaxed)) +
           " files are open";
}

}  // namespace proapi::server
