#include "server/client_limit.hpp"

#include "base/bytes.hpp"
#include "base/ip_address.hpp"

namespace proapi::server {

namespace {

constexpr std::size_t ipv6_network_bytes = 8;

}  // namespace

void ClientSlot::give_back() noexcept {
    if (auto* const client = std::exchange(client_, nullptr)) client->second.limit.give_back(*client);
}

std::optional<ClientSlot> ClientLimit::take(std::string_view host) {
    if (max_connections_ == 0) return ClientSlot();
    const auto address = base::parse_ip(host);
    if (!address) return ClientSlot();
    std::string client(base::as_text(address->octets()));
    if (!address->is_ipv4()) client.resize(ipv6_network_bytes);
    const std::lock_guard lock(mutex_);
    auto& counted = *counts_.try_emplace(std::move(client), *this).first;
    if (counted.second.connections >= max_connections_) return std::nullopt;
    ++counted.second.connections;
    return ClientSlot(counted);
}

std::size_t ClientLimit::size() const {
    const std::lock_guard lock(mutex_);
    return counts_.size();
}

void ClientLimit::give_back(ClientCounts::value_type& client) noexcept {
    const std::lock_guard lock(mutex_);
    if (--client.second.connections == 0) counts_.erase(client.first);
}

}  // namespace proapi::server
