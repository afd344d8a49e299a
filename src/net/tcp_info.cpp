// Counters that the kernel keeps for a connection. In a file of its own, because <linux/tcp.h>, which declares them,
// and <netinet/tcp.h>, which the other sources need, exclude each other.
#include "net/tcp_info.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace proapi::net {

std::optional<std::uint64_t> delivered_octets(int socket) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    return info.tcpi_bytes_acked;
}

}  // namespace proapi::net
