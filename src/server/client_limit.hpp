// How many connections one client may have open: max_connections_per_client. The servers of one process share the
// counts, from all threads; a mutex guards them, because they are touched only when a connection begins and ends.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace proapi::server {

class ClientLimit;

// A client by the octets that it is counted by, and its connections.
struct ClientCount {
    explicit ClientCount(ClientLimit& its_limit) noexcept : limit(its_limit) {}
    ClientLimit& limit;
    std::uint64_t connections = 0;
};
using ClientCounts = std::unordered_map<std::string, ClientCount>;  // an element stays where it is

// One connection of a client, counted as long as this object lives. The limit must outlive it. An empty one counts for
// nothing. One pointer, because every connection has one.
class ClientSlot {
public:
    ClientSlot() noexcept = default;
    ClientSlot(ClientSlot&& other) noexcept : client_(std::exchange(other.client_, nullptr)) {}
    ClientSlot& operator=(ClientSlot&& other) noexcept {
        std::swap(client_, other.client_);
        return *this;
    }
    ~ClientSlot() { give_back(); }
    void give_back() noexcept;

private:
    friend class ClientLimit;
    explicit ClientSlot(ClientCounts::value_type& client) noexcept : client_(&client) {}

    ClientCounts::value_type* client_ = nullptr;
};

class ClientLimit {
public:
    // 0: no limit, and nothing is counted.
    explicit ClientLimit(std::uint64_t max_connections) noexcept : max_connections_(max_connections) {}

    // Counts one more connection of `host`, a numeric address. Returns nullopt if the client has as many as it may.
    // IPv6 clients are counted by the first 64 bits of their address: a network gives each of its sites at least that
    // many addresses (RFC 6177). What is not an address (a Unix socket) is not counted.
    [[nodiscard]] std::optional<ClientSlot> take(std::string_view host);
    // Of how many clients connections are counted.
    [[nodiscard]] std::size_t size() const;

private:
    friend class ClientSlot;
    void give_back(ClientCounts::value_type& client) noexcept;

    const std::uint64_t max_connections_;
    mutable std::mutex mutex_;
    ClientCounts counts_;
};

}  // namespace proapi::server
