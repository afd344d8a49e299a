#include "base/address.hpp"

namespace proapi::base {

bool is_unix(const Address& address) noexcept {
    const std::string_view host = address.host;
    return host.starts_with(unix_host) && (host.size() == unix_host.size() || host[unix_host.size()] == ':');
}

std::string to_string(const Address& address) {
    if (is_unix(address)) return address.host;
    const bool is_ipv6 = address.host.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace proapi::base
