#include "net/listening_sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/forks.hpp"

namespace proapi::net {

namespace {

// A peer that is silent for a minute is probed, four times. TCP_USER_TIMEOUT, if set, may end the connection earlier.
constexpr int keep_alive_idle_s = 60, keep_alive_interval_s = 15, keep_alive_probes = 4;

constexpr std::string_view check_host = "check host", check_both = "check host and port";
constexpr std::string_view port_is_busy = "stop what listens there or choose another port";

enum class PortSharing : std::uint8_t { exclusive, shared };

void set_option(const base::Descriptor& socket, int level, int name, int value) noexcept {
    ::setsockopt(socket.get(), level, name, &value, sizeof value);
}

// Accepted sockets inherit these. A Unix socket has no such options, and refuses them.
void keep_alive(const base::Descriptor& socket) noexcept {
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, keep_alive_idle_s);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, keep_alive_interval_s);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, keep_alive_probes);
}

using Family = ListeningSockets::Family;

[[nodiscard]] base::Result<base::Descriptor, std::error_code> bind_tcp(const SocketAddress& address,
                                                                       PortSharing sharing, Family family) {
    base::Descriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return last_error();
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
    if (sharing == PortSharing::shared) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
    if (address.storage.ss_family == AF_INET6)
        set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, family == Family::both ? 0 : 1);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0)
        return last_error();
    return socket;
}

[[nodiscard]] std::error_code start_listening(const base::Descriptor& socket, int backlog) noexcept {
    keep_alive(socket);
    return ::listen(socket.get(), backlog) == 0 ? std::error_code() : last_error();
}

[[nodiscard]] SocketAddress find_bound_address(const base::Descriptor& socket) noexcept {
    SocketAddress bound;
    bound.length = sizeof bound.storage;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.length);
    return bound;
}

[[nodiscard]] int find_option(int socket, int name) noexcept {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

// Returns what a descriptor is if it is no stream socket that listens.
[[nodiscard]] std::string_view describe_unfit(int fd) noexcept {
    if (::fcntl(fd, F_GETFD) < 0) return "is not open";
    const int type = find_option(fd, SO_TYPE), domain = find_option(fd, SO_DOMAIN);
    if (type < 0) return "is not a socket";
    if (type != SOCK_STREAM) return "is a socket without a stream";
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) return "is a socket of another family";
    return find_option(fd, SO_ACCEPTCONN) == 1 ? "" : "is a socket that does not listen";
}

[[nodiscard]] base::Result<base::Descriptor, ListenError> inherit(int fd) {
    if (const std::string_view unfit = describe_unfit(fd); !unfit.empty())
        return ListenError{std::make_error_code(std::errc::not_a_socket),
                           "fd: expected a TCP or Unix socket that listens, got descriptor " + std::to_string(fd) +
                               ", which " + std::string(unfit)};
    base::Descriptor own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!own) return ListenError{last_error(), "fd: can't duplicate descriptor: " + last_error().message()};
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    keep_alive(own);
    return own;
}

}  // namespace

// Fills a ListeningSockets.
struct ListeningSockets::Opening {
    ListeningSockets& to;
    const ListenOptions& options;
    const bool has_workers;  // several
    std::uint16_t port = options.port;
    Family any_ipv6 = Family::both;  // of "::"

    [[nodiscard]] base::Result<void, ListenError> open_hosts() {
        std::vector<std::vector<SocketAddress>> all;
        bool has_ipv4 = false;
        for (const std::string& host : options.hosts) {
            auto found = resolve(host, port);
            if (!found) return make_listen_error({host, port}, found.error(), check_host);
            for (const SocketAddress& one : *found) has_ipv4 = has_ipv4 || one.storage.ss_family == AF_INET;
            all.push_back(*std::move(found));
        }
        if (has_ipv4) any_ipv6 = Family::one;  // otherwise "::" would take the port of the IPv4 address too
        for (std::size_t i = 0; i < all.size(); ++i)
            if (auto opened = open_host(options.hosts[i], all[i]); !opened) return opened;
        return {};
    }

    // Opens every address of `host` that this machine has.
    [[nodiscard]] base::Result<void, ListenError> open_host(const std::string& host,
                                                            const std::vector<SocketAddress>& found) {
        bool is_open = false;
        std::error_code failure;
        for (const SocketAddress& address : found) {
            const std::error_code code = open_address(address.with_port(port));
            if (code == std::errc::address_in_use) return make_listen_error({host, port}, code, port_is_busy);
            if (code) failure = code;
            is_open = is_open || !code;
        }
        if (is_open) return {};
        return make_listen_error({host, port}, failure, check_both);
    }

    [[nodiscard]] std::error_code open_address(const SocketAddress& address) {
        const Family family = address.is_any_ipv6() ? any_ipv6 : Family::one;
        const auto is_known = [&](const Entry& entry) { return entry.address == address.address(); };
        if (std::any_of(to.entries_.begin(), to.entries_.end(), is_known)) return {};  // a host that is listed twice
        auto socket = bind_tcp(address, options.reuse_port ? PortSharing::shared : PortSharing::exclusive, family);
        if (!socket) return socket.error();
        const SocketAddress bound = find_bound_address(*socket);
        if (!has_workers) {
            if (const std::error_code code = start_listening(*socket, options.backlog)) return code;
        } else if (!options.reuse_port) {
            // The port was free. The workers need a shared one.
            socket = base::Descriptor();
            socket = bind_tcp(bound, PortSharing::shared, family);
            if (!socket) return socket.error();
        }
        port = bound.address().port;  // one port for all addresses if the kernel chooses it
        to.entries_.push_back({*std::move(socket), bound.address(),
                               has_workers ? Entry::Use::reopened : Entry::Use::given_away, bound, family});
        return {};
    }

    [[nodiscard]] base::Result<void, ListenError> open_unix() {
        auto opened = listen_on_unix_socket(options.uds, options.uds_mode, options.backlog);
        if (!opened) return std::move(opened).error();
        to.file_ = std::move(opened->file);
        to.entries_.push_back({std::move(opened->socket), std::move(opened->address),
                               has_workers ? Entry::Use::duplicated : Entry::Use::given_away});
        return {};
    }

    [[nodiscard]] base::Result<void, ListenError> open_inherited(int fd) {
        auto socket = inherit(fd);
        if (!socket) return std::move(socket).error();
        base::Address address = find_option(fd, SO_DOMAIN) == AF_UNIX ? base::Address{describe_unix_socket(fd), 0}
                                                                      : find_bound_address(*socket).address();
        to.entries_.push_back({*std::move(socket), std::move(address), Entry::Use::duplicated});
        return {};
    }
};

base::Result<ListeningSockets, ListenError> ListeningSockets::open(const ListenOptions& options, int workers) {
    ListeningSockets sockets;
    sockets.backlog_ = options.backlog;
    Opening opening{.to = sockets, .options = options, .has_workers = workers > 1};
    if (auto opened = opening.open_hosts(); !opened) return std::move(opened).error();
    if (!options.uds.empty())
        if (auto opened = opening.open_unix(); !opened) return std::move(opened).error();
    for (const int fd : options.fds)
        if (auto opened = opening.open_inherited(fd); !opened) return std::move(opened).error();
    return sockets;
}

std::vector<base::Address> ListeningSockets::addresses() const {
    std::vector<base::Address> all;
    all.reserve(entries_.size());
    for (const Entry& entry : entries_) all.push_back(entry.address);
    return all;
}

base::Result<std::vector<ListeningSocket>, ListenError> ListeningSockets::for_worker() {
    using Queue = ListeningSocket::Queue;
    std::vector<ListeningSocket> sockets;
    for (Entry& entry : entries_) {
        switch (entry.use) {
            case Entry::Use::given_away:
                if (entry.socket) sockets.push_back({std::move(entry.socket), entry.address, Queue::own});
                break;
            case Entry::Use::duplicated: {
                base::Descriptor own(::fcntl(entry.socket.get(), F_DUPFD_CLOEXEC, 0));
                if (!own) return make_listen_error(entry.address, last_error(), "free some descriptors");
                sockets.push_back({std::move(own), entry.address, Queue::shared});
                break;
            }
            case Entry::Use::reopened: {
                auto own = bind_tcp(entry.bound, PortSharing::shared, entry.family);
                const std::error_code code = own ? start_listening(*own, backlog_) : own.error();
                if (code) return make_listen_error(entry.address, code, check_both);
                sockets.push_back({*std::move(own), entry.address, Queue::own});
                break;
            }
        }
    }
    return sockets;
}

void ListeningSockets::keep_from_children() noexcept {
    watch_forks();
    for (const Entry& entry : entries_)
        if (entry.socket) set_close_on_fork(entry.socket.get());
}

void ListeningSockets::close() noexcept {
    for (Entry& entry : entries_) {
        if (entry.socket) clear_close_on_fork(entry.socket.get());
        entry.socket.reset();
    }
}

}  // namespace proapi::net
