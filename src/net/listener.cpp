#include "net/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <utility>

namespace proapi::net {

namespace {

constexpr Duration pause_time{100};
constexpr int max_drained_reads = 16;  // reads

// A peer that is silent for a minute is probed, four times. TCP_USER_TIMEOUT, if set, may end the connection earlier.
constexpr int keep_alive_idle_s = 60, keep_alive_interval_s = 15, keep_alive_probes = 4;

[[nodiscard]] base::Descriptor open_reserve() {
    return base::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

void refuse(base::Descriptor socket, std::string_view last_words) noexcept {
    [[maybe_unused]] auto count = ::send(socket.get(), last_words.data(), last_words.size(), MSG_NOSIGNAL);
    ::shutdown(socket.get(), SHUT_WR);
    // Closing a socket with unread octets would send RST, which would discard the last words.
    std::array<char, 4096> drained;
    for (int reads = 0; reads < max_drained_reads && count > 0; ++reads)
        count = ::recv(socket.get(), drained.data(), drained.size(), 0);
}

Listener::Listener(Reactor& reactor, const SocketAddress& address, PortSharing sharing, int backlog,
                   ListenerHandler& handler, std::string refusal)
    : reactor_(reactor),
      socket_(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      reserve_(open_reserve()),
      handler_(handler),
      refusal_(std::move(refusal)),
      pause_([](void* self) { static_cast<Listener*>(self)->resume(); }, this) {
    if (!socket_) base::throw_errno("socket");
    const auto set = [this](int level, int name, int value) {
        ::setsockopt(socket_.get(), level, name, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_REUSEADDR, 1);
    if (sharing == PortSharing::shared) set(SOL_SOCKET, SO_REUSEPORT, 1);
    if (address.storage.ss_family == AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    // Accepted sockets inherit these.
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, keep_alive_idle_s);
    set(IPPROTO_TCP, TCP_KEEPINTVL, keep_alive_interval_s);
    set(IPPROTO_TCP, TCP_KEEPCNT, keep_alive_probes);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0)
        base::throw_errno("bind");
    if (::listen(socket_.get(), backlog) != 0) base::throw_errno("listen");
    reactor_.watch(socket_.get(), *this, EPOLLIN);
    set_close_on_fork(socket_.get());
}

Listener::~Listener() {
    reactor_.unwatch(socket_.get(), *this);
    clear_close_on_fork(socket_.get());
}

base::Address Listener::address() const {
    SocketAddress bound;
    bound.length = sizeof bound.storage;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.length);
    return bound.address();
}

void Listener::on_ready(std::uint32_t) {
    bool has_made_room = false;
    for (int accepted = 0; accepted < accepts_a_turn; ++accepted) {
        SocketAddress peer;
        peer.length = sizeof peer.storage;
        const int fd = ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            has_made_room = false;
            handler_.on_accept(base::Descriptor(fd), peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            const int error = errno;
            // If the freed descriptor did not help, because another process may have taken it, free no more.
            if (std::exchange(has_made_room, true) || !handler_.make_room()) return refuse_one(error);
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

void Listener::refuse_one(int error) {
    reserve_.reset();
    base::Descriptor newcomer(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const bool refused = static_cast<bool>(newcomer);
    if (refused) refuse(std::move(newcomer), refusal_);
    reserve_ = open_reserve();
    handler_.on_accept_refused(error);
    // Another thread or process took the descriptor. The socket stays readable, so a retry at once would be a busy
    // loop.
    if (!refused || !reserve_) pause();
}

void Listener::pause() {
    reactor_.unwatch(socket_.get(), *this);
    reactor_.start_timer(pause_, pause_time);
}

void Listener::resume() noexcept {
    if (!reserve_) reserve_ = open_reserve();
    try {
        reactor_.watch(socket_.get(), *this, EPOLLIN);
    } catch (const std::system_error&) {
        reactor_.start_timer(pause_, pause_time);
    }
}

}  // namespace proapi::net
