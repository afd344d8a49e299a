#include "net/socket_address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstring>

namespace proapi::net {
namespace {

constexpr std::size_t ipv4_offset = 12;  // of the IPv4 address in an IPv6 address that is mapped from it

class ResolverCategory final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "getaddrinfo"; }
    [[nodiscard]] std::string message(int status) const override { return gai_strerror(status); }
};

[[nodiscard]] const std::error_category& resolver_category() noexcept {
    static const ResolverCategory category;
    return category;
}

}  // namespace

base::Address SocketAddress::address() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &storage, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
        return {text, ntohs(in.sin_port)};
    }
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &storage, sizeof in);
        const bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
        const std::uint8_t* const octets = in.sin6_addr.s6_addr + (is_ipv4 ? ipv4_offset : 0);
        inet_ntop(is_ipv4 ? AF_INET : AF_INET6, octets, text, sizeof text);
        return {text, ntohs(in.sin6_port)};
    }
    if (storage.ss_family == AF_UNIX) return {std::string(base::unix_host), 0};
    return {};
}

bool SocketAddress::is_any_ipv6() const noexcept {
    if (storage.ss_family != AF_INET6) return false;
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof in);
    return IN6_IS_ADDR_UNSPECIFIED(&in.sin6_addr);
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const {
    SocketAddress changed = *this;
    // Both families store the port at the same offset.
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    const std::uint16_t network_order = htons(port);
    std::memcpy(reinterpret_cast<char*>(&changed.storage) + offsetof(sockaddr_in, sin_port), &network_order,
                sizeof network_order);
    return changed;
}

base::Result<std::vector<SocketAddress>, std::error_code> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int status = getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (status != 0) return std::error_code(status, resolver_category());
    std::vector<SocketAddress> found;
    for (const addrinfo* entry = list; entry; entry = entry->ai_next) {
        SocketAddress one;
        std::memcpy(&one.storage, entry->ai_addr, entry->ai_addrlen);
        one.length = entry->ai_addrlen;
        found.push_back(one);
    }
    freeaddrinfo(list);
    return found;
}

}  // namespace proapi::net
