#include "net/listener.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace proapi::net {

namespace {

constexpr Duration pause_time{100};
constexpr int max_drained_reads = 16;  // reads

constexpr int accepts_a_turn = 64;

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

Listener::Listener(Reactor& reactor, ListeningSocket socket, ListenerHandler& handler, std::string refusal)
    : reactor_(reactor),
      socket_(std::move(socket.socket)),
      address_(std::move(socket.address)),
      queue_(socket.queue),
      reserve_(open_reserve()),
      handler_(handler),
      refusal_(std::move(refusal)),
      pause_([](void* self) { static_cast<Listener*>(self)->resume(); }, this) {
    watch();
    set_close_on_fork(socket_.get());
}

Listener::~Listener() {
    reactor_.unwatch(socket_.get(), *this);
    clear_close_on_fork(socket_.get());
}

// Of the workers that wait for a shared socket, a new connection wakes one or a few, not all.
void Listener::watch() {
    const bool is_shared = queue_ == ListeningSocket::Queue::shared;
    reactor_.watch(socket_.get(), *this, is_shared ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN);
}

void Listener::on_ready(std::uint32_t) {
    if (queue_ == ListeningSocket::Queue::own) return accept_up_to(accepts_a_turn);
    accept_up_to(1);  // the worker that is woken first does not take a whole burst from the others
    if (!pause_.is_running()) wait_behind_others();
}

void Listener::accept_up_to(int most) {
    bool has_made_room = false;
    for (int accepted = 0; accepted < most;) {
        SocketAddress peer;
        peer.length = sizeof peer.storage;
        const int fd = ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            ++accepted;
            has_made_room = false;
            handler_.on_accept(base::Descriptor(fd), peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            const int error = errno;
            // If the freed descriptor did not help, because another process may have taken it, free no more.
            if (std::exchange(has_made_room, true) || !handler_.make_room()) return refuse_one(error);
        } else if (errno == ECONNABORTED || errno == EINTR) {
            ++accepted;
        } else {
            return;
        }
    }
}

// The kernel wakes the worker that has watched the socket longest. Watching it anew makes the workers take turns, also
// while all of them are idle: connections that stay, such as WebSockets, would otherwise gather at one of them.
void Listener::wait_behind_others() noexcept {
    reactor_.unwatch(socket_.get(), *this);
    resume();
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
        watch();
    } catch (const std::system_error&) {
        reactor_.start_timer(pause_, pause_time);
    }
}

}  // namespace proapi::net
